/* confined.h - read a file of others in a child that can do nothing but compute.
 *
 * What an image, a state, a kernel or a file of markers holds was made by others. The code that
 * takes it apart runs in a child: QEMU's user, no capability, no new descriptor, bounded processor
 * time and memory, only the system calls that reading needs. A file made to crash or to stall its
 * reader ends that child; PID 1 reports it, and handles SIGTERM meanwhile.
 */
#ifndef VM_HOST_CONFINED_H
#define VM_HOST_CONFINED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "host/privileges.h"

/* Of processor time; and how long slow storage may take in all. */
#define CONFINED_CPU_S 1
#define CONFINED_MS    30000u

/* The child's descriptors. */
#define CONFINED_IN	  0
#define CONFINED_OUT	  2
#define CONFINED_MORE	  3 /* and on */
#define CONFINED_MORE_MAX 16

struct confined {
	const char *name; /* what errors call the file */
	/* What the child does: read CONFINED_IN, fill ANSWER. False with ERR (never EXIT_CLEAN). */
	bool (*run)(const void *arg, void *answer, struct error *err);
	const void *arg;
	void *answer; /* SIZE bytes, written to only when all went well; from a process that
		       * the file may have taken over: to be checked by the caller */
	size_t size;
	int in;		 /* the file, -1: none */
	int out;	 /* one to write to, -1: none; its offset moves */
	const int *more; /* further files, MORE_COUNT of them */
	int more_count;
	size_t memory; /* bytes of address space beside the program's own */
	size_t output; /* bytes that OUT may get */
};

/* Run C->run in a child and hand over its answer or its error. Errors of its own: EXIT_BAD_IMAGE
 * (the child crashed, or took too long), EXIT_CLEAN (SIGTERM or SIGINT is pending; it stays so),
 * EXIT_INTERNAL (no child could be made). */
bool confined_run(const struct confined *c, struct error *err);

/* The identity of such children from now on; NULL: ours. ID must stay. */
void confined_as(const struct identity *id);

/* Block SIGTERM and SIGINT, so that a command can tidy up before one ends it; and let them come. */
void confined_hold(bool on);

/* A descriptor that becomes readable when SIGTERM or SIGINT is pending; they are not taken. */
int confined_stop_fd(void);

/* Is SIGTERM or SIGINT pending, for a process that has blocked them? */
bool confined_stopped(void);

#endif
