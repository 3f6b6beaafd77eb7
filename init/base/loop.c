/* loop.c - see loop.h. */
#include "base/loop.h"

#include <string.h>
#include <sys/epoll.h>

/* A function of its own in spite of its two small callers: PID 1 is optimised for size. */
static __attribute__((noinline)) bool control(int epoll, int fd, uint32_t events,
					      struct loop_ref ref, int op)
{
	struct epoll_event ev = {.events = events};

	ref.fd = fd;
	memcpy(&ev.data.u64, &ref, sizeof ref);
	return epoll_ctl(epoll, op, fd, &ev) == 0;
}

bool loop_add(int epoll, int fd, uint32_t events, struct loop_ref ref)
{
	return control(epoll, fd, events, ref, EPOLL_CTL_ADD);
}

bool loop_modify(int epoll, int fd, uint32_t events, struct loop_ref ref)
{
	return control(epoll, fd, events, ref, EPOLL_CTL_MOD);
}

void loop_remove(int epoll, int fd)
{
	(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

struct loop_ref loop_ref_of(uint64_t data)
{
	struct loop_ref ref;

	memcpy(&ref, &data, sizeof ref);
	return ref;
}
