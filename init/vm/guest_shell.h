/* guest_shell.h - how sub-commands reach the guest's shell: on its serial console, or over ssh. */
#ifndef VM_VM_GUEST_SHELL_H
#define VM_VM_GUEST_SHELL_H

#include "config/settings.h"
#include "proto/ssh.h"
#include "vm/shell.h"

/* What guest_ssh_run() returns when the time was over; as timeout(1) ends. */
#define GUEST_SSH_TIMEOUT 124
/* Until a connection by ssh stands, in seconds. */
#define GUEST_SSH_S 15

struct guest_wish {
	const char *user;   /* NULL: VM_LOGIN_USER */
	bool interrupt;	    /* end what runs on the console by ^C */
	bool going_down;    /* for a stop, which has no time: it waits for nobody and interrupts */
	bool no_wait;	    /* a guest that is not ready is an error at once */
	const char *prompt; /* a shell's prompt ends so; NULL: nothing is known of it */
	uint64_t end_ns;    /* give up looking for a shell (CLOCK_MONOTONIC); 0: after a minute */
	const volatile sig_atomic_t *stop; /* see struct session_wishes */
};

struct guest_line {
	struct session *session;
	const struct profile *profile;
	int lock; /* held while the line is used; -1: none. The caller's to close */
};

/* The profile of the guest that runs in VM_RUN_DIR. NULL with ERR (EXIT_NOT_READY): none does. */
const struct profile *guest_profile(const struct settings *s, char **envp, struct error *err);

/* What a start may take until PID 1 listens, in ms; far more than it does take. */
#define GUEST_START_MS 3000

/* Wait until a shell of the guest's can be reached FOR "shell" (on the console) or "ssh", or
 * (CLOCK_MONOTONIC) END_NS is over, 0 for never; NULL: not at all. False with ERR
 * (EXIT_NOT_READY): not in time, or never: it is paused, being stopped, has panicked. */
bool guest_wait(const struct settings *s, const char *what, uint64_t end_ns, char **envp,
		struct error *err);

/* Whole seconds until END_NS, at least 1; -1 when that is 0. */
long guest_left_s(uint64_t end_ns);

/* A shell on the guest's serial console; others who want one wait until this one is done. False
 * with ERR (EXIT_NOT_READY); without a message in it, that has been printed. */
bool guest_line_open(const struct settings *s, const struct guest_wish *w, char **envp,
		     struct guest_line *out, struct error *err);

/* Run ssh to its end, but no longer than TIMEOUT_S (0 or less: any time). Its exit status, 128 + n
 * for a signal, or GUEST_SSH_TIMEOUT. */
int guest_ssh_run(const struct ssh *ssh, long timeout_s);

#endif
