/* display.c - the guest's screen: passes RFB bytes between a WebSocket and QEMU's VNC server. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/io.h"
#include "web/web.h"

#define VIEWERS_MAX 8
#define INPUT_MAX   (64u << 10)

struct viewer {
	struct session *session;
	struct watch vnc;
	struct task *connecting;
	struct buffer input;
	bool paused;
};

static unsigned viewers;

static void close_with(struct session *s, int code, const char *why)
{
	s->close_code = code;
	s->close_reason = why;
	session_wake(s);
}

static void write_input(struct viewer *v)
{
	ssize_t n = v->input.len == 0 || v->vnc.fd < 0
			    ? 0
			    : send(v->vnc.fd, v->input.data + v->input.at, v->input.len,
				   MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		buffer_take(&v->input, (size_t)n);
	watch_events(&v->vnc, (v->session->out.len < OUT_HIGH ? (uint32_t)EPOLLIN : 0) |
				      (v->input.len ? (uint32_t)EPOLLOUT : 0));
	if (v->paused && v->input.len < INPUT_MAX / 2) {
		v->paused = false;
		lws_rx_flow_control(v->session->wsi, 1);
	}
}

static void on_vnc(struct watch *w, uint32_t events)
{
	static char buf[32768];
	struct viewer *v = w->arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t n = recv(w->fd, buf, sizeof buf, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			watch_close(w);
			close_with(v->session, 1001, "QEMU has closed the display");
			return;
		}
		if (n > 0)
			answer_add(v->session, buf, (size_t)n);
	}
	write_input(v);
}

static void drained(struct session *s)
{
	write_input(s->own);
}

static void on_connected(struct task *t)
{
	struct viewer *v = t->arg;
	int fd = t->fd;

	v->connecting = NULL;
	t->fd = -1;
	if (t->status != EXIT_CLEAN || fd < 0 || !fd_nonblock(fd, true) ||
	    !watch_add(&v->vnc, fd, EPOLLIN, on_vnc, v))
		close_with(v->session, 1011, "QEMU's display does not answer");
	else
		write_input(v);
}

static void received(struct session *s, const char *data, size_t n)
{
	struct viewer *v = s->own;

	(void)buffer_add(&v->input, data, n);
	if (v->vnc.fd >= 0)
		write_input(v);
	if (v->input.len >= INPUT_MAX) {
		v->paused = true;
		lws_rx_flow_control(s->wsi, 0);
	}
}

static void closed(struct session *s)
{
	struct viewer *v = s->own;

	task_cancel(v->connecting);
	watch_close(&v->vnc);
	buffer_free(&v->input);
	free(v);
	viewers--;
}

void display_open(struct session *s)
{
	static const char *const texts[] = {"display", NULL};
	struct viewer *v = viewers < VIEWERS_MAX ? calloc(1, sizeof *v) : NULL;

	if (!v) {
		close_with(s, 1013, "too many viewers");
		return;
	}
	viewers++;
	v->session = s;
	v->vnc.fd = -1;
	s->own = v;
	s->received = received;
	s->drained = drained;
	s->closed = closed;
	v->connecting = task_start(WEB_DISPLAY, texts, s, NULL, on_connected, v);
	if (!v->connecting)
		close_with(s, 1013, "too much is under way");
}
