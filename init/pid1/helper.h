/* helper.h - a program that PID 1 runs beside QEMU for a moment: ssh, qemu-img, itself.
 *
 * It runs in a session of its own, with what it says going to the log line by line under its name,
 * and is reaped by the supervisor's loop, which then calls DONE. The room that
 * started it bounds its time: helper_kill().
 */
#ifndef VM_PID1_HELPER_H
#define VM_PID1_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/lines.h"
#include "host/child.h"

/* It has ended with STATUS (waitpid(2)); LINE is the last one it said, "" for none. */
typedef void helper_done(void *arg, int status, const char *line);

struct helper {
	pid_t pid;  /* 0: none runs */
	int output; /* what it says; -1: none */
	const char *name;
	helper_done *done;
	void *arg; /* DONE's */
	struct line line;
	char last[sizeof(struct line)]; /* the last one it said */
	struct tail *answer;		/* not NULL: what it says goes there only */
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

/* None runs yet; what they say is read when EPOLL tells of it (REF_HELPER). */
void helpers_init(struct helpers *h, int epoll);

/* Start C under NAME as helper WHICH, which must be free; DONE hears of its end, with ARG. C's
 * descriptors 1 and 2 are set here. */
bool helper_start(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		  helper_done *done, void *arg, struct error *err);

/* The same for one that is asked: ANSWER gets what it says, and the log nothing. */
bool helper_ask(struct helpers *all, enum helper_id which, const char *name, struct child *c,
		struct tail *answer, helper_done *done, void *arg, struct error *err);

/* Does WHICH run? Its process, 0 for none. */
pid_t helper_pid(const struct helpers *h, enum helper_id which);

/* FD, the descriptor of WHICH, is readable. */
void helper_output(struct helpers *all, enum helper_id which, int fd);

/* PID, not QEMU's, has ended. Returns whether it was a helper's. */
bool helper_reaped(struct helpers *all, pid_t pid, int status);

/* SIGKILL to it and what it has started; DONE hears of its end. */
void helper_end(struct helpers *all, enum helper_id which);
/* The same, and DONE is not called any more. */
void helper_kill(struct helpers *all, enum helper_id which);

#endif
