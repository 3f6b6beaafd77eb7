/* handover.h - passes a finished plan from the program that makes it (vm run) to the one that
 * executes it (/init), in the same process: execve(2) happens in between.
 *
 * The plan is sent through a memfd as the bytes of struct plan. Pointers are replaced by offsets
 * from the beginning of the struct; data outside of it is appended, and a list contains the
 * positions of the pointers. The descriptors that the plan names stay open. Both programs come from
 * one build: the version and the sizes in the header must be equal.
 */
#ifndef VM_PLAN_HANDOVER_H
#define VM_PLAN_HANDOVER_H

#include "plan/plan.h"

#define HANDOVER_POINTERS 4096

struct handover {
	char version[64];
	uint64_t plan_size; /* size of struct plan */
	uint64_t size;	    /* size of everything after this header */
	uint64_t started;   /* start time of vm run, CLOCK_MONOTONIC */
	uint32_t pointers;
	uint32_t offsets[HANDOVER_POINTERS]; /* of the pointers in struct plan, which follows */
};

/* Store PLAN in a memfd. -1 with errno. */
int handover_pack(const struct plan *plan);
/* Execute /init with PLAN. Returns only on failure, with ERR (EXIT_INTERNAL). */
void handover_plan(struct plan *plan, struct error *err);

/* In /init: read the plan from the descriptor FD and close it. NULL with ERR: it is invalid. */
struct plan *handover_take(int fd, struct error *err);

/* Call DO (pointer to the descriptor, ARG) for each open descriptor of PLAN. */
void handover_fds(struct plan *plan, void (*give)(int *fd, void *arg), void *arg);

#endif
