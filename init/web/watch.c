/* watch.c - descriptors that libwebsockets does not manage: an epoll instance, which libwebsockets
 * sees as one descriptor, and buffers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "web/web.h"

static int epoll = -1;

int watch_open(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll;
}

bool watch_add(struct watch *w, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t),
	       void *arg)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	*w = (struct watch){.fd = fd, .events = events, .ready = ready, .arg = arg};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return true;
	w->fd = -1;
	(void)close(fd);
	return false;
}

void watch_events(struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	if (w->fd < 0 || w->events == events)
		return;
	/* A descriptor that has hung up would be reported repeatedly even without events. */
	if (events == 0)
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
	else
		(void)epoll_ctl(epoll, w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e);
	w->events = events;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0) {
		if (w->events)
			(void)epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
		(void)close(w->fd);
	}
	w->fd = -1;
}

void watch_run(void)
{
	struct epoll_event e;

	/* One event at a time: handling it may free the object of the next. */
	for (int i = 0; i < 64 && epoll_wait(epoll, &e, 1, 0) == 1; i++) {
		struct watch *w = e.data.ptr;

		w->ready(w, e.events);
	}
}

bool buffer_add(struct buffer *b, const void *data, size_t n)
{
	if (b->at > 0 && b->at + b->len + n > b->room) {
		memmove(b->data, b->data + b->at, b->len);
		b->at = 0;
	}
	if (b->len + n > b->room) {
		size_t room = 2 * (b->len + n) + 1024;
		char *more = realloc(b->data, room);

		if (!more)
			return false;
		b->data = more;
		b->room = room;
	}
	if (n > 0)
		memcpy(b->data + b->at + b->len, data, n);
	b->len += n;
	return true;
}

void buffer_take(struct buffer *b, size_t n)
{
	b->at += n;
	b->len -= n;
	if (b->len == 0) {
		b->at = 0;
		if (b->room > OUT_HIGH)
			buffer_free(b);
	}
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}
