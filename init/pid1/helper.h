/* helper.h - a program that PID 1 runs beside QEMU for a moment: ssh, qemu-img, itself.
 *
 * It runs in a session of its own, with what it says going to the log line by line under its name,
 * and is reaped by the supervisor's loop, which then calls DONE. Its end is bounded by whoever
 * started it: helper_kill().
 */
#ifndef VM_PID1_HELPER_H
#define VM_PID1_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/lines.h"
#include "host/child.h"

struct supervisor;

/* It has ended with STATUS (waitpid(2)); LINE is the last one it said, "" for none. */
typedef void helper_done(struct supervisor *v, int status, const char *line);

struct helper {
	pid_t pid;  /* 0: none runs */
	int output; /* what it says; -1: none */
	const char *name;
	helper_done *done;
	struct line line;
	char last[sizeof(struct line)]; /* the last one it said */
};

/* loop_ref.index */
enum helper_id {
	HELPER_STOP,
	HELPER_DISK,
	HELPER_STATE,
	HELPER_CLOCK,
	HELPER_SHARE,
	HELPER_PASST,
	HELPER_COUNT
};

/* Start C under NAME as helper WHICH, which must be free. C's descriptors 1 and 2 are set here. */
bool helper_start(struct supervisor *v, enum helper_id which, const char *name, struct child *c,
		  helper_done *done, struct error *err);

/* The descriptor of WHICH is readable. */
void helper_output(struct supervisor *v, enum helper_id which);

/* PID, not QEMU's, has ended. Returns whether it was a helper's. */
bool helper_reaped(struct supervisor *v, pid_t pid, int status);

/* SIGKILL to it and what it has started; DONE is not called any more. */
void helper_kill(struct supervisor *v, enum helper_id which);

#endif
