/* helper.h - programs that PID 1 runs beside QEMU for a short time: ssh, qemu-img, vm.
 *
 * A helper has a session of its own. Its output goes to the log line by line under its name. The
 * supervisor's loop reaps it and then calls DONE. The room that started it limits its time with
 * helper_kill().
 */
#ifndef VM_PID1_HELPER_H
#define VM_PID1_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/lines.h"
#include "host/child.h"

/* The helper has ended with STATUS (waitpid(2)); LINE is its last line of output, or "". */
typedef void helper_done(void *arg, int status, const char *line);

struct helper {
	pid_t pid;  /* 0: none runs */
	int output; /* the pipe with its output; -1: none */
	const char *name;
	helper_done *done;
	void *arg; /* for DONE */
	struct line line;
	char last[sizeof(struct line)]; /* its last line of output */
	struct tail *answer;		/* not NULL: output goes here and not to the log */
};

/* loop_ref.index */
enum helper_id {
	HELPER_STOP,
	HELPER_DISK,
	HELPER_STATE,
	HELPER_CLOCK,
	HELPER_SHARE,
	HELPER_PASST,
	HELPER_SNAPSHOT,
	HELPER_COUNT
};

struct helpers {
	int epoll;
	struct helper list[HELPER_COUNT];
};

/* Output of helpers is read at events of EPOLL (REF_HELPER). */
void helpers_init(struct helpers *h, int epoll);

/* Start C under NAME as helper WHICH, which must be free. DONE is called with ARG at its end. Sets
 * C's descriptors 1 and 2. */
bool helper_start(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		  helper_done *done, void *arg, struct error *err);

/* The same, but ANSWER gets the output, and the log nothing. */
bool helper_ask(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		struct tail *answer, helper_done *done, void *arg, struct error *err);

/* The process of WHICH; 0: it does not run. */
pid_t helper_pid(const struct helpers *h, enum helper_id which);

/* FD, the pipe of WHICH, is readable. */
void helper_output(struct helpers *all, enum helper_id which, int fd);

/* PID, which is not QEMU, has ended. Returns whether it was a helper. */
bool helper_reaped(struct helpers *all, pid_t pid, int status);

/* Send SIGKILL to its process group; DONE is called when it is reaped. */
void helper_end(struct helpers *all, enum helper_id which);
/* The same, without calling DONE. */
void helper_kill(struct helpers *all, enum helper_id which);

#endif
