/* session.h - a shell of the guest's on its serial console, from the outside: log in, run a
 * command, get its output and its status.
 *
 * A client of PID 1's (control.h, `console live`), one of the many on that line. What it reads is
 * told apart by private marks: random words that the shell joins from quoted parts, so that the
 * echo of what is typed never looks like what is printed. How a shell is asked is its kind's
 * (base/profile.h): sh runs the command as `sh -c` with its standard input from /dev/null; machsh,
 * the shell on GNU Mach (images/mach-mini), has neither, and runs it as it is.
 */
#ifndef VM_GUEST_SESSION_H
#define VM_GUEST_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/profile.h"

/* Longest command in bytes: a terminal's line has 4096 (termios(3)), and the marks need some. */
#define SESSION_COMMAND_MAX 3400

enum session_result {
	SESSION_DONE,
	SESSION_TIMEOUT, /* the time was over; ^C was sent, the line can be used again */
	SESSION_GONE,	 /* the guest or PID 1 ended meanwhile */
	SESSION_FAILED,	 /* see the error */
};

struct session_wishes {
	const struct profile *profile;
	const char *user;
	const char *password; /* NULL: none is known */
	bool interrupt;	      /* end what runs on the line (^C) if something does */
	uint64_t end_ns;      /* when to give up looking for a shell (CLOCK_MONOTONIC); 0: never */
	const volatile sig_atomic_t *stop; /* not 0: give up now; NULL: nobody says so */
	/* sh: run in the line of the first command, before it; then FIRST_RAN is called. */
	const char *first; /* at most 80 bytes, without output; NULL: nothing */
	void (*first_ran)(void *arg);
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

/* Type COMMAND and wait until the guest has taken the line, no longer. */
enum session_result session_type(struct session *s, const char *command);

/* Log out (if LOG_OUT) and let the line go. */
void session_close(struct session *s, bool log_out);

#endif
