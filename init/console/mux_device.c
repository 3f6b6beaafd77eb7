/* mux_device.c - clients' input, from the queue to the guest's serial line. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "console/mux_internal.h"

/* ---- input ----------------------------------------------------------------------------- */

size_t input_room(const struct relay *r)
{
	return sizeof r->input - r->input_len;
}

/* Register the device for the events that matter now. */
void watch_device(struct relay *r)
{
	uint32_t in = r->resting ? 0 : EPOLLIN;
	/* Clients that wait for room in the queue are read on this event. */
	uint32_t out = r->input_len || r->input_waited ? EPOLLOUT : 0;

	if (r->from == r->to)
		in |= out;
	if (r->from >= 0 && in != r->from_watched &&
	    loop_modify(r->config.epoll, r->from, in, slot_ref(r, SLOT_FROM)))
		r->from_watched = in;
	if (r->to < 0 || r->from == r->to || out == r->to_watched)
		return;
	/* Do not register without events: a pipe without a reader would wake the loop again and
	 * again. */
	if (out && !loop_add(r->config.epoll, r->to, out, slot_ref(r, SLOT_TO)))
		return;
	if (!out)
		loop_remove(r->config.epoll, r->to);
	r->to_watched = out;
}

void input_send(struct relay *r)
{
	size_t sent = 0;

	while (sent < r->input_len && r->to >= 0) {
		ssize_t n = write(r->to, r->input + sent, r->input_len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			sent = r->input_len; /* QEMU has ended; output may be left */
		if (n < 0)
			break;
		sent += (size_t)n;
	}
	r->input_len -= sent;
	memmove(r->input, r->input + sent, r->input_len);
	watch_device(r);
}

void input_add(struct relay *r, size_t n)
{
	if (n > 0 && r->config.typed)
		r->config.typed(r->input + r->input_len, n, r->config.arg);
	r->input_len += n;
}

size_t relay_input(struct relay *r, const void *buf, size_t n)
{
	if (r->to < 0)
		return 0;
	if (n > input_room(r))
		n = input_room(r);
	memcpy(r->input + r->input_len, buf, n);
	input_add(r, n);
	input_send(r);
	return n;
}

/* FIONREAD on a pipe tells how much it holds (pipe(7)); TIOCOUTQ on a socket, how much memory the
 * peer's unread data takes (unix(7), SIOCOUTQ). */
bool relay_unread(const struct relay *r)
{
	int n = 0;

	if (r->to >= 0 && ioctl(r->to, r->to == r->from ? TIOCOUTQ : FIONREAD, &n) != 0)
		n = 0;
	return r->input_len > 0 || n > 0;
}
