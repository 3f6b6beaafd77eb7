/* confined.h - parses an untrusted file in a child that can do nothing but compute.
 *
 * Images, states, kernels and marker files are untrusted. The code that parses them runs in a
 * child: QEMU's user, no capabilities, no new descriptors, limited processor time and memory, only
 * the system calls that reading needs. A file that crashes or stalls its parser ends that child
 * only; PID 1 reports it and meanwhile handles SIGTERM.
 */
#ifndef VM_HOST_CONFINED_H
#define VM_HOST_CONFINED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "host/privileges.h"

/* Limit of processor time; and total time limit, for slow storage. */
#define CONFINED_CPU_S 1
#define CONFINED_MS    30000u

/* The child's descriptors. */
#define CONFINED_IN	  0
#define CONFINED_OUT	  2
#define CONFINED_MORE	  3 /* and following */
#define CONFINED_MORE_MAX 16

struct confined {
	const char *name; /* name of the file in errors */
	/* Runs in the child: read CONFINED_IN, fill ANSWER. False with ERR (never EXIT_CLEAN). */
	bool (*run)(const void *arg, void *answer, struct error *err);
	const void *arg;
	void *answer; /* SIZE bytes, written only on success. The child may be compromised by the
			 file: the caller must validate it */
	size_t size;
	int in;		 /* the file, -1: none */
	int out;	 /* file to write to, -1: none; its offset changes */
	const int *more; /* further files, MORE_COUNT of them */
	int more_count;
	size_t memory; /* address space in bytes, in addition to the program's own */
	size_t output; /* maximum size of OUT, bytes */
};

/* Run C->run in a child and return its answer or its error. Additional errors: EXIT_BAD_IMAGE (the
 * child crashed or took too long), EXIT_CLEAN (SIGTERM or SIGINT is pending, and stays pending),
 * EXIT_INTERNAL (no child could be started). */
bool confined_run(const struct confined *c, struct error *err);

/* The same for FD, of which RUN reads only a part. */
bool confined_query(const char *name, int fd,
		    bool (*run)(const void *arg, void *answer, struct error *err), const void *arg,
		    void *answer, size_t size, struct error *err);

/* The identity of later children; NULL: our own. ID must stay valid. */
void confined_as(const struct identity *id);

/* ON: block SIGTERM and SIGINT, so that a command can clean up before it ends. Otherwise unblock
 * them. */
void confined_hold(bool on);

/* A descriptor that becomes readable when SIGTERM or SIGINT is pending; the signals are not
 * consumed. */
int confined_stop_fd(void);

/* Is SIGTERM or SIGINT pending, in a process that has blocked them? */
bool confined_stopped(void);

#endif
