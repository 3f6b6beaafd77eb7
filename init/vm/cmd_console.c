/* cmd_console.c - vm console: the serial console on this terminal or pipe.
 *
 * It is an ordinary client of PID 1 (proto/control.h, `console`), so nothing that happens to this
 * terminal affects PID 1. Ctrl-] opens a menu; every other key goes to the guest. If PID 1's
 * standard input is a terminal, PID 1 itself starts `vm console --own` (pid1/console.c). There,
 * disconnecting only pauses, because no shell is waiting on that terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "format/console_text.h"
#include "host/terminal.h"
#include "proto/between.h"
#include "vm/cmd.h"
#include "vm/interleave.h"
#include "vm/scrollback.h"

#define MENU_KEY	 '\035'
#define INTERRUPT_KEY	 '\003'
#define STATUS_TIMEOUT_S 5
#define STATUS_SIGNAL	 128

/* Reset colours and show the cursor: a guest program may have changed both. */
#define TIDY "\033[0m\033[?25h"

enum menu { MENU_CLOSED, MENU_OPEN, MENU_QUIT };

enum outcome { GOES_ON, LEFT, ENDED, REDRAW };

struct console {
	char **envp;
	int fd;	 /* connection to PID 1, non-blocking */
	int log; /* PID 1's log lines for this terminal, non-blocking; -1: none */
	struct interleave interleave;
	bool terminal, read_only, own;
	struct winsize size; /* last known size of this terminal */
	bool input_ended;
	enum menu menu;
	size_t typed_len; /* bytes that PID 1 has not accepted yet */
	char typed[1024];
};

static void say(struct console *c, const char *text)
{
	c->interleave.mid_line = false;
	(void)write_all(STDOUT_FILENO, text, strlen(text));
}

/* Print new log lines of PID 1. False if the terminal is gone. */
static bool take_log(struct console *c)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(c->log, buf, sizeof buf)) > 0)
		if (!interleave_log(&c->interleave, buf, (size_t)n, clock_now()))
			return false;
	if (n == 0)
		fd_close(&c->log);
	return true;
}

/* ---- the menu ---------------------------------------------------------------------------- */

static void show_status(const struct console *c)
{
	terminal_restore();
	(void)control_exchange(c->envp, "status", STATUS_TIMEOUT_S, 0);
	(void)fflush(stdout);
	terminal_raw();
}

/* Send a request to PID 1 without waiting for its answer. */
static void order(struct console *c, const char *request, const char *what)
{
	int fd = control_connect(c->envp, request);

	say(c, fd < 0 ? "[PID 1 does not answer]\r\n" : what);
	fd_close(&fd);
}

static enum outcome menu_key(struct console *c, char key)
{
	enum menu was = c->menu;

	c->menu = MENU_CLOSED;
	if (was == MENU_QUIT) {
		if (key == 'y')
			order(c, "stop --now", "[cutting the power]\r\n");
		else
			say(c, "[no]\r\n");
		return GOES_ON;
	}
	switch (key) {
	case 'l': return LEFT;
	case 'b': order(c, "break", "[break]\r\n"); break;
	case 's': show_status(c); break;
	case 'p': order(c, "stop", "[asking the guest to power off]\r\n"); break;
	case 'q':
		say(c, "[cut the guest's power without asking it? y/n]\r\n");
		c->menu = MENU_QUIT;
		break;
	case MENU_KEY:
		if (!c->read_only)
			c->typed[c->typed_len++] = key;
		break;
	default: say(c, "[back]\r\n"); break;
	}
	return GOES_ON;
}

static enum outcome on_key(struct console *c, char key)
{
	if (c->terminal && c->menu != MENU_CLOSED)
		return menu_key(c, key);
	if (c->terminal && key == MENU_KEY) {
		say(c, "\r\n[l leave, b break, s status, p power down, q quit: cut the power, "
		       "Ctrl-] send Ctrl-]]\r\n");
		c->menu = MENU_OPEN;
		return GOES_ON;
	}
	if (c->read_only)
		return c->terminal && key == INTERRUPT_KEY ? LEFT : GOES_ON;
	c->typed[c->typed_len++] = key;
	return GOES_ON;
}

/* ---- moving bytes ------------------------------------------------------------------------ */

/* From PID 1 to the terminal. */
static enum outcome show(struct console *c)
{
	char buf[8192];
	ssize_t n = read(c->fd, buf, sizeof buf);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return GOES_ON;
	if (n <= 0)
		return ENDED;
	return interleave_guest(&c->interleave, buf, (size_t)n, clock_now()) ? GOES_ON : LEFT;
}

static void send_typed(struct console *c)
{
	ssize_t n = send(c->fd, c->typed, c->typed_len, MSG_NOSIGNAL);

	if (n > 0) {
		c->typed_len -= (size_t)n;
		memmove(c->typed, c->typed + n, c->typed_len);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		c->typed_len = 0; /* PID 1 is gone, but its last output can still be read */
	}
}

/* From the terminal, limited by the free space in the buffer. */
static enum outcome take_keys(struct console *c)
{
	char keys[sizeof c->typed];
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys - c->typed_len);
	enum outcome outcome = GOES_ON;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return GOES_ON;
	c->input_ended = n <= 0;
	if (c->input_ended && c->terminal) /* the terminal is gone */
		return LEFT;
	for (ssize_t i = 0; i < n && outcome == GOES_ON; i++)
		outcome = on_key(c, keys[i]);
	return outcome;
}

static volatile sig_atomic_t resized;

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

/* When docker attach connects, it first sets a size one row and one column too large, then the real
 * one, so that programs redraw (docker/cli, container/attach.go). So a change of size means that a
 * user has attached to the terminal. */
static bool is_attached(struct console *c)
{
	struct winsize now = {0};
	const struct winsize was = c->size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) != 0)
		return false;
	c->size = now;
	return now.ws_row > 0 &&
	       (was.ws_row == 0 || (now.ws_row == was.ws_row && now.ws_col == was.ws_col) ||
		(now.ws_row + 1 == was.ws_row && now.ws_col + 1 == was.ws_col));
}

static enum outcome relay_bytes(struct console *c)
{
	enum outcome outcome = GOES_ON;
	bool shut = false;

	while (outcome == GOES_ON) {
		bool room = c->typed_len < sizeof c->typed;
		uint64_t due = interleave_due(&c->interleave);
		struct pollfd p[] = {
			{.fd = c->fd, .events = (short)(POLLIN | (c->typed_len ? POLLOUT : 0))},
			{.fd = room && !c->input_ended ? STDIN_FILENO : -1, .events = POLLIN},
			{.fd = c->log, .events = POLLIN}};

		if (resized) {
			resized = 0;
			if (is_attached(c))
				return REDRAW;
		}
		if (poll(p, 3, due ? clock_left_ms(due) : -1) < 0)
			continue;
		if (p[1].revents)
			outcome = take_keys(c);
		if (c->typed_len > 0)
			send_typed(c);
		if (outcome == GOES_ON && (p[0].revents & (POLLIN | POLLHUP | POLLERR)))
			outcome = show(c);
		if (outcome == GOES_ON && p[2].revents && !take_log(c))
			outcome = LEFT;
		due = interleave_due(&c->interleave);
		if (due && clock_now() >= due && !interleave_flush(&c->interleave))
			outcome = LEFT;
		if (c->input_ended && c->typed_len == 0 && !shut)
			shut = shutdown(c->fd, SHUT_WR) == 0;
	}
	return outcome;
}

/* ---- a session --------------------------------------------------------------------------- */

static void on_fatal_signal(int sig)
{
	terminal_restore();
	_exit(STATUS_SIGNAL + sig);
}

/* Continue after a stop (kill -STOP). The shell may have changed the terminal's modes. */
static void on_continue(int sig)
{
	(void)sig;
	terminal_raw();
}

static void catch_signals(bool raw)
{
	static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGABRT};
	struct sigaction end = {.sa_handler = on_fatal_signal};
	struct sigaction cont = {.sa_handler = raw ? on_continue : SIG_DFL};

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		(void)sigaction(fatal[i], &end, NULL);
	(void)sigaction(SIGCONT, &cont, NULL);
}

/* Show the console until the user leaves or the guest ends, with the scrollback if ALL. *STATUS is
 * the exit status. */
static enum outcome session(struct console *c, bool all, int *status)
{
	char request[32];

	(void)snprintf(request, sizeof request, "console %s%s%s", all ? "all" : "live",
		       c->read_only ? " readonly" : "", c->terminal ? " terminal" : "");
	/* A terminal needs only the latest output; a pipe must receive all of it, so a process
	 * reads ahead. */
	_cleanup_fd_ int fd = c->terminal || c->own
				      ? control_stream(c->envp, request, status)
				      : control_stream_patient(c->envp, request, status);

	if (fd < 0)
		return ENDED;
	c->fd = fd;
	(void)fd_nonblock(fd, true);
	if (c->terminal) {
		catch_signals(true);
		terminal_raw();
	}
	enum outcome outcome = relay_bytes(c);

	if (c->log >= 0 && outcome != REDRAW) {
		/* PID 1 prints its last lines after this process has ended; they start on a new
		 * line. */
		(void)take_log(c);
		(void)interleave_flush(&c->interleave);
		if (c->interleave.mid_line)
			say(c, "\r\n");
	}
	if (c->terminal && outcome != REDRAW) {
		say(c, TIDY);
		catch_signals(false);
		terminal_restore();
	}
	return outcome;
}

/* After disconnecting from PID 1's own terminal: wait for Enter. False if the guest or the terminal
 * is gone. */
static bool await_enter(struct console *c)
{
	_cleanup_fd_ int gone = control_connect(c->envp, "wait exit");
	char line[256];

	(void)signal(SIGINT, SIG_IGN); /* PID 1 handles ^C from here on */
	(void)signal(SIGQUIT, SIG_IGN);
	say(c, "\n[the guest runs on; Enter comes back, Ctrl-C stops it]\n");
	for (;;) {
		struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				     {.fd = gone, .events = POLLIN},
				     {.fd = c->log, .events = POLLIN}};

		if (gone < 0 || (poll(p, 3, -1) > 0 && p[1].revents))
			return false;
		if (p[2].revents && !take_log(c))
			return false;
		if (!p[0].revents)
			continue;
		ssize_t n = read(STDIN_FILENO, line, sizeof line);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0)
			return true;
	}
}

/* ---- vm console --scrollback ------------------------------------------------------------- */

static void print_text(void *arg, uint8_t *buf, size_t n)
{
	size_t len = 0;

	n = console_text_strip(arg, buf, n, buf);
	for (size_t i = 0; i < n; i++)
		if (buf[i] != '\r')
			buf[len++] = buf[i];
	(void)write_all(STDOUT_FILENO, buf, len);
}

static int print_scrollback(char **envp)
{
	struct console_text strip = {0};
	int status;

	return scrollback_read(envp, print_text, &strip, &status) ? EXIT_CLEAN : status;
}

int cmd_console(const struct command *self, int argc, char **argv, char **envp)
{
	struct console c = {.envp = envp, .log = -1, .interleave = {.out = STDOUT_FILENO}};
	bool all = true;
	int status = EXIT_CLEAN;

	if (argc == 2 && strcmp(argv[1], "--scrollback") == 0)
		return print_scrollback(envp);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--read-only") == 0)
			c.read_only = true;
		else if (strcmp(argv[i], "--own") == 0)
			c.own = true;
		else if (strcmp(argv[i], "--log") == 0 && c.own)
			c.log = CONSOLE_LOG_FD;
		else
			return cmd_usage(self, "unknown argument", argv[i]);
	}
	c.terminal = terminal_save(STDIN_FILENO);
	if (c.own) {
		struct sigaction resize = {.sa_handler = on_resize};

		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &c.size);
		(void)sigaction(SIGWINCH, &resize, NULL);
	} else if (c.terminal)
		(void)fprintf(stderr, "[serial console of the guest; Ctrl-] for the menu]\n");
	for (;;) {
		enum outcome outcome = session(&c, all, &status);

		if (outcome == REDRAW) { /* as for a new client, but on a cleared screen */
			resized = 0;
			say(&c,
			    "\033[H\033[2J[the guest's serial console; Ctrl-] for the menu]\r\n");
			all = true;
			continue;
		}
		if (outcome == LEFT && c.own && c.terminal && !c.input_ended && await_enter(&c)) {
			all = false;
			say(&c, "[the serial console; Ctrl-] for the menu]\n");
			continue;
		}
		struct error err = {0};

		/* A user cannot restart the client of PID 1's own terminal, so it continues with
		 * new output. */
		if (c.own && c.terminal && outcome == ENDED && status == EXIT_CLEAN &&
		    control_stream_ended(envp, &err) != EXIT_QEMU_FAILED) {
			all = false;
			say(&c, "\r\n[part of the console is missing here]\r\n");
			continue;
		}
		if (!c.own && outcome == ENDED && status == EXIT_CLEAN &&
		    control_stream_ended(envp, &err) != EXIT_QEMU_FAILED)
			return cmd_fail(&err);
		if (!c.own && c.terminal && status == EXIT_CLEAN)
			(void)fprintf(stderr, outcome == LEFT ? "\n[left; the guest runs on]\n"
							      : "\n[the guest has ended]\n");
		return status;
	}
}
