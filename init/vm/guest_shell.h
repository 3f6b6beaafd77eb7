/* guest_shell.h - how sub-commands reach the guest's shell: on its serial console, or over ssh. */
#ifndef VM_VM_GUEST_SHELL_H
#define VM_VM_GUEST_SHELL_H

#include "config/settings.h"
#include "proto/ssh.h"
#include "vm/shell.h"

/* Returned by guest_ssh_run() if the time was up, as by timeout(1). */
#define GUEST_SSH_TIMEOUT 124
/* Time limit for an ssh connection, in seconds. */
#define GUEST_SSH_S 15

struct guest_options {
	const char *user;   /* NULL: VM_LOGIN_USER */
	bool interrupt;	    /* end the program on the console by ^C */
	bool going_down;    /* for a stop: do not wait for others, and interrupt */
	bool no_wait;	    /* fail if the guest is not ready */
	const char *prompt; /* end of a shell prompt; NULL: unknown */
	uint64_t end_ns;    /* give up looking for a shell (CLOCK_MONOTONIC); 0: after a minute */
	const volatile sig_atomic_t *stop; /* see struct session_options */
};

struct guest_line {
	struct session *session;
	const struct profile *profile;
	int lock; /* held while the line is used; -1: none. Closed by the caller */
};

/* The profile of the guest that runs in VM_RUN_DIR. NULL with ERR (EXIT_NOT_READY) if none does. */
const struct profile *guest_profile(const struct settings *s, char **envp, struct error *err);

/* Time limit for PID 1 to listen after its start, in ms; far more than it needs. */
#define GUEST_START_MS 3000

/* What to wait for: a shell on the console, the same at once or not at all, an answer of sshd. */
enum guest_way { GUEST_NO_WAIT, GUEST_SHELL, GUEST_SHELL_NOW, GUEST_SSH };

/* Wait until the guest can be reached by WAY. END_NS is the time limit (CLOCK_MONOTONIC; 0: none).
 * False with ERR (EXIT_NOT_READY) if the time is up, or the guest is paused, being stopped, or has
 * panicked. */
bool guest_wait(const struct settings *s, enum guest_way way, uint64_t end_ns, char **envp,
		struct error *err);

/* Whole seconds until END_NS, at least 1; -1 if END_NS is 0. */
long guest_left_s(uint64_t end_ns);

/* Open a shell on the guest's serial console; other callers wait until it is closed. False with ERR
 * (EXIT_NOT_READY); an empty message means that it has been printed. */
bool guest_line_open(const struct settings *s, const struct guest_options *w, char **envp,
		     struct guest_line *out, struct error *err);

/* Run ssh to its end, for at most TIMEOUT_S (0 or less: no limit). Returns its exit status, 128 + n
 * for a signal, or GUEST_SSH_TIMEOUT. */
int guest_ssh_run(const struct ssh *ssh, long timeout_s);

#endif
