/* shell.h - a session in the guest's shell on its serial console: log in, run a command, get its
 * output and its status.
 *
 * It is a client of PID 1 (control.h, `console live`), one of many on that line. Its input and
 * output are separated by private marks: random words that the shell joins from quoted parts, so
 * that the echo of input never looks like output. The kind of shell (config/guest_profile.h) says
 * how a command is run: sh runs it as `sh -c` with standard input from /dev/null; machsh, the
 * shell on GNU Mach (images/mach-mini), has neither and runs it directly.
 */
#ifndef VM_VM_SHELL_H
#define VM_VM_SHELL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/guest_profile.h"

/* Longest command in bytes: a terminal line has 4096 (termios(3)), some of which the marks use. */
#define SESSION_COMMAND_MAX 3400

enum session_result {
	SESSION_DONE,
	SESSION_TIMEOUT, /* the time was up; ^C was sent, and the line can be used again */
	SESSION_GONE,	 /* the guest or PID 1 ended */
	SESSION_FAILED,	 /* see the error */
};

/* State of the serial line: at a prompt; used by a program; no output yet. */
enum session_line { LINE_PROMPT, LINE_BUSY, LINE_SILENT };

struct session_options {
	const struct profile *profile;
	const char *user;
	const char *password; /* NULL: unknown */
	bool interrupt;	      /* end a program on the line by ^C */
	bool going_down;      /* the guest is being stopped: type even without a known prompt */
	uint64_t end_ns;      /* time limit for finding a shell (CLOCK_MONOTONIC); 0: none */
	const volatile sig_atomic_t *stop; /* give up if it becomes non-zero; may be NULL */
	/* sh: run before the first command, in the same line; then FIRST_RAN is called. */
	const char *first; /* at most 80 bytes, without output; NULL: nothing */
	void (*first_ran)(void *arg);
	/* The prompt that stands on the line now; NULL: unknown. */
	const char *stands;
	/* Called before anything is typed; LINE gets the last line. NULL: assume a prompt. */
	enum session_line (*line)(void *arg, char *line, size_t size);
	void (*learned)(void *arg,
			const char *prompt); /* the prompt of a shell that answers; may be NULL */
	void *arg;
};

struct session;

/* Find a shell on the console's stream FD, which then belongs to the session; log in if necessary.
 * NULL with ERR (EXIT_NOT_READY: no prompt in time, the line is busy, the password is wrong). */
struct session *session_open(int fd, const struct session_options *w, struct error *err);

/* Did session_open() log in? */
bool session_logged_in(const struct session *s);

/* Run COMMAND, at most until END_NS (CLOCK_MONOTONIC; 0: no limit). Its output is written to the
 * descriptor OUT as it comes, with CR LF replaced by LF and without escape sequences. *STATUS gets
 * its exit status, -1 if the shell itself has ended. */
enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err);

/* Run the guest's own shutdown command: the first of WORDS (up to a NULL) that its shell has.
 * SESSION_DONE: one was started or has ended the guest; SESSION_FAILED with ERR: there is none. */
enum session_result session_poweroff(struct session *s, const char *const *words,
				     struct error *err);

/* Wait a few seconds for the prompt after a command, so that the next caller finds it. */
void session_await_prompt(struct session *s);

/* Log out (if LOG_OUT) and release the line. */
void session_close(struct session *s, bool log_out);

#endif
