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

/* Longest command in bytes: a terminal's line has 4096 (termios(3)), and the marks need some. */
#define SESSION_COMMAND_MAX 3400

enum session_result {
	SESSION_DONE,
	SESSION_TIMEOUT, /* the time was over; ^C was sent, the line can be used again */
	SESSION_GONE,	 /* the guest or PID 1 ended meanwhile */
	SESSION_FAILED,	 /* see the error */
};

/* What is known of the serial line: a prompt stands there and takes a line; something else has it;
 * nothing has come yet. */
enum session_line { LINE_PROMPT, LINE_BUSY, LINE_SILENT };

struct session_wishes {
	const struct profile *profile;
	const char *user;
	const char *password; /* NULL: none is known */
	bool interrupt;	      /* end what runs on the line (^C) if something does */
	bool going_down;      /* the guest is: type even where no prompt is known after that */
	uint64_t end_ns;      /* when to give up looking for a shell (CLOCK_MONOTONIC); 0: never */
	const volatile sig_atomic_t *stop; /* not 0: give up now; NULL: nobody says so */
	/* sh: run in the line of the first command, before it; then FIRST_RAN is called. */
	const char *first; /* at most 80 bytes, without output; NULL: nothing */
	void (*first_ran)(void *arg);
	/* The prompt of a login or a shell that stands on the line now; NULL: that is not known. */
	const char *stands;
	/* Asked before anything is typed; LINE gets the line's last line. NULL: a prompt stands. */
	enum session_line (*line)(void *arg, char *line, size_t size);
	void (*learned)(void *arg, const char *prompt); /* of a shell that answers; may be NULL */
	void *arg;
};

struct session;

/* Over the console's stream FD, which becomes the session's: find a shell there, log in if need be.
 * NULL with ERR (EXIT_NOT_READY: no prompt in time, the line is busy, the password is wrong). */
struct session *session_open(int fd, const struct session_wishes *w, struct error *err);

/* Did it have to log in? */
bool session_logged_in(const struct session *s);

/* Run COMMAND, until END_NS (CLOCK_MONOTONIC; 0: as long as it takes). What it prints goes to OUT
 * (a descriptor) as it comes, with CR LF made LF and without escape sequences; *STATUS gets its
 * exit status, -1 when the shell itself has ended. */
enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err);

/* Give the guest its own command to power off: the first of WORDS (up to a NULL) that its shell
 * takes. SESSION_DONE: one is under way, or has ended the guest; SESSION_FAILED with ERR: the shell
 * takes none. */
enum session_result session_poweroff(struct session *s, const char *const *words,
				     struct error *err);

/* Wait until the shell's prompt is back behind the command that has ended, for no more than a few
 * seconds: who asks next finds it there. */
void session_await_prompt(struct session *s);

/* Log out (if LOG_OUT) and let the line go. */
void session_close(struct session *s, bool log_out);

#endif
