/* shell.h - a session in the guest's shell on its serial console: log in, run a command, get its
 * output and its status.
 *
 * It is one of many clients of PID 1 on that line (control.h, `console live`). Its input and output
 * are delimited by private marks: random words that the shell joins from quoted parts, so that the
 * echo of input never looks like output. The kind of shell (config/guest_preset.h) determines how
 * a command is run: sh runs it as `sh -c` with standard input from /dev/null; machsh, the shell on
 * GNU Mach (images/mach-mini), supports neither and runs it directly.
 */
#ifndef VM_VM_SHELL_H
#define VM_VM_SHELL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/guest_preset.h"

/* Maximum length of a command in bytes: a terminal line has 4096 (termios(3)), some of which the
 * marks use. */
#define SESSION_COMMAND_MAX 3400

enum session_result {
	SESSION_DONE,
	SESSION_TIMEOUT, /* the time limit was reached; ^C was sent, and the line can be used again
			  */
	SESSION_GONE,	 /* the guest or PID 1 ended */
	SESSION_FAILED,	 /* see the error */
};

/* State of the serial line: at a prompt; used by a program; no output yet. */
enum session_line { LINE_PROMPT, LINE_BUSY, LINE_SILENT };

struct session_options {
	const struct guest_preset *preset;
	const char *user;
	const char *password; /* NULL: unknown */
	bool interrupt;	      /* end a program running on the line with ^C */
	bool going_down;      /* the guest is being stopped: type even if no prompt is known */
	uint64_t end_ns;      /* time limit for finding a shell (CLOCK_MONOTONIC); 0: none */
	bool at_once;	      /* after a login, the first command also verifies that sh is there */
	uint64_t still_ns; /* a restarted guest is given up after so long a silence; 0: a minute */
	const volatile sig_atomic_t *stop; /* stop waiting if it becomes non-zero; may be NULL */
	/* sh: run before the first command, in the same line; then FIRST_RAN is called. */
	const char *first; /* at most 80 bytes, without output; NULL: nothing */
	void (*first_ran)(void *arg);
	/* The prompt at the end of the line now; NULL: unknown. */
	const char *shown_prompt;
	/* Called before anything is typed; LINE gets the last line. NULL: assume a prompt. */
	enum session_line (*line)(void *arg, char *line, size_t size);
	void (*learned)(void *arg,
			const char *prompt); /* the prompt of a shell that answers; may be NULL */
	/* PROMPT shown_prompt behind the end of a command: is it taken for one? May be NULL. */
	bool (*seen)(void *arg, const char *prompt);
	void *arg;
};

struct session;

/* Find a shell on the console's stream FD, which the session takes over; log in if necessary. NULL
 * with ERR (EXIT_NOT_READY: no prompt in time, the line is busy, the password is wrong). */
struct session *session_open(int fd, const struct session_options *w, struct error *err);

/* Did session_open() log in? */
bool session_logged_in(const struct session *s);

/* The next command is the last one: the shell exits behind it, without a line of its own for that.
 */
void session_last(struct session *s);

/* Run COMMAND, at most until END_NS (CLOCK_MONOTONIC; 0: no limit). Its output is written to the
 * descriptor OUT as it arrives, with CR LF replaced by LF and without escape sequences. *STATUS
 * receives its exit status, -1 if the shell itself has exited. */
enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err);

/* Run the guest's own shutdown command: the first of WORDS (NULL-terminated) that its shell has.
 * SESSION_DONE: one was started or has ended the guest; SESSION_FAILED with ERR: there is none. */
enum session_result session_poweroff(struct session *s, const char *const *words,
				     struct error *err);

/* Wait for the prompt after a command, so that the next caller finds it: a moment, or (PATIENT) a
 * few seconds. */
void session_await_prompt(struct session *s, bool patient);

/* Log out (if LOG_OUT) and release the line. */
void session_close(struct session *s, bool log_out);

#endif
