/* handover.h - a finished plan, from the program that makes it (vm run) to the one that carries it
 * out (/init), in the same process: execve(2) between them.
 *
 * The plan goes through a memfd as the bytes of struct plan. Its pointers are numbers there,
 * counted from the beginning of the struct; what they point to outside of it comes behind it, and a
 * list says where in the struct they are. The descriptors that it names stay open. Both programs
 * are of one build: the version and the sizes in the header have to be equal.
 */
#ifndef VM_PLAN_HANDOVER_H
#define VM_PLAN_HANDOVER_H

#include "plan/plan.h"

#define HANDOVER_POINTERS 4096

struct handover {
	char version[64];
	uint64_t plan_size; /* of struct plan */
	uint64_t size;	    /* of all that follows this header */
	uint64_t started;   /* when vm run was, CLOCK_MONOTONIC */
	uint32_t pointers;
	uint32_t offsets[HANDOVER_POINTERS]; /* of pointers in struct plan, which follows */
};

/* PLAN as a memfd; -1 with errno. */
int handover_pack(const struct plan *plan);
/* Execute /init with PLAN: returns with ERR (EXIT_INTERNAL) if that cannot be. */
void handover_plan(struct plan *plan, struct error *err);

/* In /init: the plan behind the descriptor FD, which is closed. NULL with ERR: it is none. */
struct plan *handover_take(int fd, struct error *err);

/* Each descriptor of PLAN that is open is given to DO (pointer to it, ARG). */
void handover_fds(struct plan *plan, void (*give)(int *fd, void *arg), void *arg);

#endif
