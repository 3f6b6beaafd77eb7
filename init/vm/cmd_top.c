/* cmd_top.c - vm top: the guest's state, its boot phases and the last lines of its console, redrawn
 * as they change.
 *
 * The picture is on the terminal's alternate screen, so that the previous contents return
 * afterwards. It is redrawn when the console prints, at most ten times a second, and every second
 * with PID 1's state.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/colour.h"
#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "host/terminal.h"
#include "vm/cmd.h"
#include "vm/scrollback.h"
#include "vm/top.h"

#define MS	      UINT64_C(1000000)
#define STATUS_NS     (1000 * MS)
#define DRAW_NS	      (100 * MS)
#define STATUS_MAX    65536
#define ASK_S	      5
#define STATUS_SIGNAL 128

/* Enter and leave the alternate screen, without a cursor (xterm, ctlseqs; all terminals of terminfo
 * with smcup support it). */
#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[0m\033[?25h\033[?1049l"

struct view {
	char **envp;
	int console; /* -1: not connected */
	struct top top;
	struct top_sample sample;
	struct top_tail tail;
	char frame[TOP_FRAME], drawn[TOP_FRAME];
};

/* ---- data --------------------------------------------------------------------------------- */

static bool ask(struct view *v)
{
	static char text[STATUS_MAX + 1];
	int status = control_ask(v->envp, "status --json", ASK_S, text, STATUS_MAX);

	control_hang_up(); /* an open connection would delay PID 1's exit */
	if (status != EXIT_CLEAN || !top_read_status(&v->top, text, strlen(text)))
		return false;
	top_measure(&v->top, &v->sample);
	return true;
}

static bool connect_console(struct view *v)
{
	int status;

	v->console = control_stream(v->envp, "console all readonly", &status);
	return v->console >= 0 && fd_nonblock(v->console, true);
}

/* Read what the console has printed. False: the connection has ended. */
static bool take(struct view *v)
{
	uint8_t buf[8192];
	ssize_t n = 0;

	for (int i = 0; i < 64; i++) {
		n = read(v->console, buf, sizeof buf);
		if (n <= 0)
			break;
		top_tail_feed(&v->tail, buf, (size_t)n);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void size_of(int fd, int *rows, int *columns)
{
	struct winsize size;

	*rows = 24;
	*columns = 80;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0)
		return;
	if (size.ws_row > 0)
		*rows = size.ws_row;
	if (size.ws_col > 0)
		*columns = size.ws_col;
}

/* ---- vm top --once --------------------------------------------------------------------- */

static void feed(void *arg, uint8_t *buf, size_t n)
{
	top_tail_feed(arg, buf, n);
}

static int once(struct view *v)
{
	int rows, columns, status;

	if (!ask(v)) {
		log_error("no guest runs here (VM_RUN_DIR=%s)", control_settings(v->envp)->run_dir);
		log_line(LOG_ERROR, "  fix: ", NO_GUEST_FIX);
		return EXIT_NOT_READY;
	}
	if (!scrollback_read(v->envp, feed, &v->tail, &status))
		return status;
	size_of(STDOUT_FILENO, &rows, &columns);
	size_t n = top_draw(&v->top, &v->tail, rows - 1, columns, colour_wanted(STDOUT_FILENO),
			    v->frame, sizeof v->frame);

	v->frame[n++] = '\n';
	return write_all(STDOUT_FILENO, v->frame, n) ? EXIT_CLEAN : EXIT_INTERNAL;
}

/* ---- the terminal ---------------------------------------------------------------------- */

static volatile sig_atomic_t resized, stopped;

static void leave_screen(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	terminal_restore();
	/* write(2) would block on a terminal whose output is not read. */
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLOUT))
		(void)!write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
}

static void enter_screen(struct view *v)
{
	terminal_raw();
	(void)write_all(STDOUT_FILENO, ENTER, sizeof ENTER - 1);
	v->drawn[0] = '\0';
}

static void on_fatal_signal(int sig)
{
	int why = errno;

	leave_screen();
	errno = why;
	_exit(STATUS_SIGNAL + sig);
}

static void on_note(int sig)
{
	if (sig == SIGTSTP)
		stopped = 1;
	else
		resized = 1;
}

/* *WAITING: the mask to wait with. The signals are blocked otherwise, so that none is lost in
 * between. */
static void catch_signals(sigset_t *waiting)
{
	static const int fatal[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
				    SIGPIPE, SIGSEGV, SIGBUS, SIGABRT};
	struct sigaction end = {.sa_handler = on_fatal_signal};
	struct sigaction note = {.sa_handler = on_note};
	sigset_t notes;

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		(void)sigaction(fatal[i], &end, NULL);
	(void)sigemptyset(&notes);
	(void)sigaddset(&notes, SIGWINCH);
	(void)sigaddset(&notes, SIGCONT);
	(void)sigaddset(&notes, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &notes, waiting);
	(void)sigaction(SIGWINCH, &note, NULL);
	(void)sigaction(SIGCONT, &note, NULL);
	(void)sigaction(SIGTSTP, &note, NULL);
	(void)sigdelset(waiting, SIGWINCH);
	(void)sigdelset(waiting, SIGCONT);
	(void)sigdelset(waiting, SIGTSTP);
}

/* Draw the frame; each line clears its rest. False: the terminal is gone. */
static bool draw(struct view *v)
{
	static char out[TOP_FRAME + TOP_ROWS_MAX * 8];
	int rows, columns;
	size_t n = 3;

	size_of(STDOUT_FILENO, &rows, &columns);
	(void)top_draw(&v->top, &v->tail, rows, columns, colour_wanted(STDOUT_FILENO), v->frame,
		       sizeof v->frame);
	if (strcmp(v->frame, v->drawn) == 0)
		return true;
	memcpy(v->drawn, v->frame, sizeof v->drawn);
	memcpy(out, "\033[H", n);
	for (const char *at = v->frame; *at; at++) {
		if (*at != '\n') {
			out[n++] = *at;
			continue;
		}
		memcpy(out + n, "\033[K\r\n", 5);
		n += 5;
	}
	memcpy(out + n, "\033[K\033[J", 6);
	return write_all(STDOUT_FILENO, out, n + 6);
}

/* Does a pressed key quit? Other keys are ignored. */
static bool is_quit_key(void)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys);

	if (n < 0)
		return errno != EINTR && errno != EAGAIN;
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == '\003' || keys[i] == '\004')
			return true;
	return n == 0;
}

static void take_notes(struct view *v)
{
	if (stopped) {
		stopped = 0;
		leave_screen();
		(void)raise(SIGSTOP);
		resized = 1;
	}
	if (resized) {
		resized = 0;
		enter_screen(v);
	}
}

/* Run until a key quits or the guest ends. False: it has ended. */
static bool watch(struct view *v, const sigset_t *waiting)
{
	uint64_t asked = clock_now();
	uint64_t drawn = 0;
	bool changed = true;

	for (;;) {
		uint64_t now = clock_now();
		uint64_t due = asked + STATUS_NS;

		if (changed && (drawn == 0 || now >= drawn + DRAW_NS)) {
			if (!draw(v))
				return true;
			drawn = now;
			changed = false;
		}
		if (changed && drawn + DRAW_NS < due)
			due = drawn + DRAW_NS;
		struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				     {.fd = v->console, .events = POLLIN}};
		uint64_t left = due > now ? due - now : 0;
		struct timespec t = {.tv_sec = (time_t)(left / (1000 * MS)),
				     .tv_nsec = (long)(left % (1000 * MS))};

		(void)ppoll(p, 2, &t, waiting);
		if (stopped || resized) {
			take_notes(v);
			changed = true;
			drawn = 0;
			continue;
		}
		if (p[0].revents && is_quit_key())
			return true;
		if (v->console >= 0 && p[1].revents) {
			changed = true;
			if (!take(v))
				fd_close(&v->console);
		}
		if (clock_now() < asked + STATUS_NS)
			continue;
		asked = clock_now();
		changed = true;
		if (!ask(v))
			return false;
		/* The client fell behind, or was evicted for another client. */
		if (v->console < 0) {
			v->tail = (struct top_tail){0};
			(void)connect_console(v);
		}
	}
}

int cmd_top(const struct command *self, int argc, char **argv, char **envp)
{
	static struct view v;
	sigset_t waiting;
	bool one;
	int status;

	if (!cmd_only_option(self, argc, argv, "--once", &one, &status))
		return status;
	v.envp = envp;
	v.console = -1;
	if (one)
		return once(&v);
	if (!terminal_is_smart(STDOUT_FILENO) || !terminal_save(STDIN_FILENO)) {
		log_error("vm top needs a terminal (TERM, and standard input and output)");
		log_line(LOG_ERROR,
			 "  fix: ", "docker exec -it, or vm top --once for one picture as text");
		return EXIT_BAD_USAGE;
	}
	if (!ask(&v)) {
		log_error("no guest runs here (VM_RUN_DIR=%s)", control_settings(envp)->run_dir);
		log_line(LOG_ERROR, "  fix: ", NO_GUEST_FIX);
		return EXIT_NOT_READY;
	}
	if (!connect_console(&v))
		return EXIT_NOT_READY;
	catch_signals(&waiting);
	enter_screen(&v);
	bool left = watch(&v, &waiting);

	leave_screen();
	if (!left)
		(void)fprintf(stderr, "[the guest has ended]\n");
	return EXIT_CLEAN;
}
