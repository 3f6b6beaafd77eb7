/* loop.h - epoll(7) with typed references: a registration is not a pointer but a small value, the
 * kind of descriptor and its index, so that an event for a descriptor that was closed in the same
 * round does no harm. */
#ifndef VM_BASE_LOOP_H
#define VM_BASE_LOOP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_ref {
	uint8_t type;  /* the kind; the loop's switch is over this */
	uint8_t index; /* one of several, e.g. the relay */
	uint16_t slot; /* one of its clients */
	int32_t fd;    /* the registered descriptor; an event with another one is stale */
};
static_assert(sizeof(struct loop_ref) == sizeof(uint64_t), "a reference fills epoll_data");

/* Register FD for EVENTS (EPOLLIN|EPOLLOUT...); REF.fd is set to FD. False with errno. */
bool loop_add(int epoll, int fd, uint32_t events, struct loop_ref ref);
bool loop_modify(int epoll, int fd, uint32_t events, struct loop_ref ref);
/* Unregister FD; no error if it is not registered. */
void loop_remove(int epoll, int fd);
/* The reference of an event. */
struct loop_ref loop_ref_of(uint64_t data);

#endif
