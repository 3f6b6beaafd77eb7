/* guest.h - how sub-commands reach the guest's shell: on its serial console, or by ssh. */
#ifndef VM_CMD_GUEST_H
#define VM_CMD_GUEST_H

#include "base/settings.h"
#include "guest/session.h"
#include "guest/ssh.h"

/* What guest_ssh_run() returns when the time was over; as timeout(1) ends. */
#define GUEST_SSH_TIMEOUT 124
/* Until a connection by ssh stands, in seconds. */
#define GUEST_SSH_S 15

struct guest_wish {
	const char *user; /* NULL: VM_LOGIN_USER */
	bool interrupt;	  /* end what runs on the console by ^C */
	bool going_down;  /* for a stop, which has no time: it waits for nobody and interrupts */
	uint64_t end_ns;  /* give up looking for a shell (CLOCK_MONOTONIC); 0: after a minute */
	const volatile sig_atomic_t *stop; /* see struct session_wishes */
};

struct guest_line {
	struct session *session;
	const struct profile *profile;
	int lock; /* held while the line is used; -1: none. The caller's to close */
};

/* The profile of the guest that runs in VM_RUN_DIR. NULL with ERR (EXIT_NOT_READY): none does. */
const struct profile *guest_profile(const struct settings *s, char **envp, struct error *err);

/* A shell on the guest's serial console; others who want one wait until this one is done. False
 * with ERR (EXIT_NOT_READY); without a message in it, that has been printed. */
bool guest_line_open(const struct settings *s, const struct guest_wish *w, char **envp,
		     struct guest_line *out, struct error *err);

/* Run ssh to its end, but no longer than TIMEOUT_S (0 or less: any time). Its exit status, 128 + n
 * for a signal, or GUEST_SSH_TIMEOUT. */
int guest_ssh_run(const struct ssh *ssh, long timeout_s);

#endif
