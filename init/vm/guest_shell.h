/* guest_shell.h - how sub-commands reach the guest's shell: on its serial console, or over ssh. */
#ifndef VM_VM_GUEST_SHELL_H
#define VM_VM_GUEST_SHELL_H

#include "config/settings.h"
#include "proto/ssh.h"
#include "vm/shell.h"

/* Returned by guest_ssh_run() after a timeout, as by timeout(1). */
#define GUEST_SSH_TIMEOUT 124
/* Time limit for an ssh connection, in seconds. */
#define GUEST_SSH_S 15

struct guest_options {
	const char *user;   /* NULL: VM_LOGIN_USER */
	bool interrupt;	    /* end a program running on the console with ^C */
	bool going_down;    /* for a stop: do not wait for other callers; implies interrupt */
	bool no_wait;	    /* fail if the guest is not ready */
	bool at_once;	    /* see struct session_options */
	const char *prompt; /* end of a shell prompt; NULL: unknown */
	uint64_t end_ns;    /* stop looking for a shell (CLOCK_MONOTONIC); 0: after a minute */
	const volatile sig_atomic_t *stop; /* see struct session_options */
};

struct guest_line {
	struct session *session;
	const struct guest_preset *preset;
	int lock; /* held while the line is used; -1: none. The caller closes it */
};

/* The preset of the guest that runs in VM_RUN_DIR. NULL with ERR (EXIT_NOT_READY) if none runs. */
const struct guest_preset *running_preset(const struct settings *s, char **envp, struct error *err);

/* Time limit for PID 1 to listen after its start, in ms; far more than it needs. */
#define GUEST_START_MS 3000

/* What to wait for: a shell on the console; the same, failing at once; an answer of sshd. */
enum guest_way { GUEST_NO_WAIT, GUEST_SHELL, GUEST_SHELL_NOW, GUEST_SSH };

/* Wait until the guest can be reached by WAY, until END_NS (CLOCK_MONOTONIC; 0: no limit). False
 * with ERR (EXIT_NOT_READY) if the limit was reached, or the guest is paused, is being stopped, or
 * has panicked. */
bool guest_wait(const struct settings *s, enum guest_way way, uint64_t end_ns, char **envp,
		struct error *err);

/* Whole seconds until END_NS, at least 1; -1 if END_NS is 0. */
long guest_seconds_left(uint64_t end_ns);

/* Open a shell on the guest's serial console; other callers wait until it is closed. False with ERR
 * (EXIT_NOT_READY); an empty message means that the error has been printed. */
bool guest_line_open(const struct settings *s, const struct guest_options *w, char **envp,
		     struct guest_line *out, struct error *err);

/* Call before session_close() logs out: guest_await_logout() waits until the login prompt is back.
 */
void guest_line_mark_logout(const struct guest_line *line);

/* Wait until no command logs out, at most some seconds: input would be lost, and a saved state
 * would begin in the middle of it. */
void guest_await_logout(const struct settings *s);

/* Run ssh to its end, for at most TIMEOUT_S (0 or less: no limit). Returns its exit status, 128 + n
 * for a signal, or GUEST_SSH_TIMEOUT. */
int guest_ssh_run(const struct ssh *ssh, long timeout_s);

#endif
