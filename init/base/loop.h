/* loop.h - epoll(7) with typed references: a registration is not a pointer but a small value that
 * names the kind of descriptor and its index, so that nothing dangles if an event comes for
 * something that was closed in the same round. */
#ifndef VM_BASE_LOOP_H
#define VM_BASE_LOOP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_ref {
	uint8_t type;  /* what: the one switch of the event loop is over this */
	uint8_t index; /* which one of several, e.g. which relay */
	uint16_t slot; /* which client of it */
	int32_t fd;    /* the descriptor it was registered with: a mismatch means a stale event */
};
static_assert(sizeof(struct loop_ref) == sizeof(uint64_t), "a reference fills epoll_data");

/* Register FD for EVENTS (EPOLLIN|EPOLLOUT...); REF.fd is set to FD. False with errno. */
bool loop_add(int epoll, int fd, uint32_t events, struct loop_ref ref);
bool loop_modify(int epoll, int fd, uint32_t events, struct loop_ref ref);
/* Forget FD; no error when it is not there. */
void loop_remove(int epoll, int fd);
/* The reference of an event. */
struct loop_ref loop_ref_of(uint64_t data);

#endif
