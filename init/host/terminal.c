/* terminal.c - see terminal.h. */
#include "host/terminal.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static int terminal = -1;
static struct termios before;

bool terminal_save(int fd)
{
	if (tcgetattr(fd, &before) != 0)
		return false;
	terminal = fd;
	return true;
}

static void set(const struct termios *t)
{
	/* Not TCSADRAIN, which would wait until pending output is read. */
	while (tcsetattr(terminal, TCSANOW, t) != 0 && errno == EINTR)
		continue;
}

void terminal_raw(void)
{
	struct termios raw = before;

	cfmakeraw(&raw);
	if (terminal >= 0)
		set(&raw);
}

void terminal_restore(void)
{
	if (terminal >= 0)
		set(&before);
}

bool terminal_is_ours(int fd)
{
	pid_t group = tcgetpgrp(fd);

	/* ENOTTY: a terminal other than the controlling one has no foreground process group of our
	 * session. */
	return isatty(fd) && (group < 0 || group == getpgrp());
}
