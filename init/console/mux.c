/* mux.c - see mux.h: the device's side, and the set-up.
 *
 * QEMU writes the guest's output byte by byte (hw/char/serial.c, serial_xmit), so a guest at full
 * speed would wake PID 1 for each byte. So after QUICK_READS reads in close succession, the relay
 * reads the device only when a timer expires, and passes output on at still longer intervals. Only
 * after EMPTY_READS reads without output does each byte wake PID 1 again. The echo of a keystroke
 * is not delayed, because it follows a longer pause. The interval is limited by
 * what the kernel buffers, since the guest stalls when that is full: 64 KiB in a pipe, but only a
 * few hundred single bytes in a unix socket.
 */
#include "console/mux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/mux_internal.h"

#define READ_MAX    (64 * 1024)
#define FLUSH_READS 64 /* of relay_flush(): more than a socket can hold */

#define US	       UINT64_C(1000)
#define QUICK_READS    8
#define QUICK_NS       (500 * US)
#define REST_SOCKET_NS (200 * US)
#define REST_PIPE_NS   (1000 * US)
/* In a row; the guest also pauses between the lines that it prints at full speed. */
#define EMPTY_READS	    8
#define DELIVERY_NS	    (1000 * US)
#define DELIVERY_CLIENTS_NS (3000 * US) /* more, if there are clients ... */
#define DELIVERY_CLIENT_NS  (400 * US)	/* ... and for each of them */

/* ---- output: what the guest prints ------------------------------------------------------- */

/* Pass new output on: to the observer first, then to the clients. */
static void deliver(struct relay *r)
{
	while (r->delivered < r->head) {
		size_t n;
		const uint8_t *span = ring_span(r, r->delivered, r->head, &n);

		r->delivered += n;
		if (r->config.observe)
			r->config.observe(span, n, r->config.arg);
	}
	r->last_delivery_ns = clock_now();
	clients_send(r, false);
}

static void arm_tick(struct relay *r, uint64_t ns)
{
	struct itimerspec when = {.it_value.tv_nsec = (long)ns};

	(void)timerfd_settime(r->tick, 0, &when, NULL);
}

static uint64_t rest_ns(const struct relay *r)
{
	return r->from == r->to ? REST_SOCKET_NS : REST_PIPE_NS;
}

static void rest(struct relay *r, bool on)
{
	r->resting = on;
	r->quick_reads = r->empty_reads = 0;
	arm_tick(r, on ? rest_ns(r) : 0);
	watch_device(r);
}

static void detach(struct relay *r)
{
	if (r->to != r->from) {
		if (r->to_watched)
			loop_remove(r->config.epoll, r->to);
		fd_close(&r->to);
	}
	loop_remove(r->config.epoll, r->from);
	fd_close(&r->from);
	r->to = -1;
	r->input_len = 0;
	rest(r, false);
	deliver(r);
	clients_resume_input(r);
}

/* Remember the first line, if it is in the N bytes at BUF. */
static void keep_banner(struct relay *r, const uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n && r->banner_len < sizeof r->banner; i++) {
		if (r->banner_len > 0 && r->banner[r->banner_len - 1] == '\n')
			return;
		r->banner[r->banner_len++] = (char)buf[i];
	}
}

/* Read once. Returns the number of bytes; 0 also if the device has closed (it is detached then). */
static size_t read_device(struct relay *r)
{
	size_t offset = (size_t)(r->head % r->capacity);
	size_t room = r->capacity - offset;

	/* One read must not overwrite what clients had no chance to read. */
	if (room > READ_MAX)
		room = READ_MAX;
	if (room > r->capacity / 4)
		room = r->capacity / 4;
	clients_make_room(r, room);
	ssize_t n = read(r->from, r->ring + offset, room);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		detach(r);
		return 0;
	}
	if (r->config.replay_last_line)
		keep_banner(r, r->ring + offset, (size_t)n);
	r->head += (size_t)n;
	r->stats.bytes += (size_t)n;
	clients_drop_slow(r);
	return (size_t)n;
}

/* The device accepts input: send the queue, then read from clients that were held back. */
static void on_writable(struct relay *r)
{
	input_send(r);
	if (!r->input_waited || r->input_len > sizeof r->input / 2)
		return;
	clients_resume_input(r);
	watch_device(r);
}

static void on_device(struct relay *r, uint32_t events)
{
	if (events & EPOLLOUT)
		on_writable(r);
	if (r->from < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || read_device(r) == 0)
		return;
	uint64_t now = clock_now();

	r->quick_reads = now - r->last_read_ns < QUICK_NS ? r->quick_reads + 1 : 0;
	r->last_read_ns = now;
	if (!r->resting || r->head - r->delivered >= r->capacity / 4)
		deliver(r);
	if (!r->resting && r->quick_reads >= QUICK_READS)
		rest(r, true);
}

static uint64_t delivery_ns(const struct relay *r)
{
	return DELIVERY_NS +
	       (r->stats.clients ? DELIVERY_CLIENTS_NS + r->stats.clients * DELIVERY_CLIENT_NS : 0);
}

static void on_tick(struct relay *r)
{
	if (!r->resting)
		return;
	size_t n = read_device(r);

	if (!r->resting) /* it was detached */
		return;
	r->empty_reads = n > 0 ? 0 : r->empty_reads + 1;
	if (r->empty_reads == EMPTY_READS)
		rest(r, false);
	else
		arm_tick(r, rest_ns(r));
	if (n == 0 || clock_now() - r->last_delivery_ns >= delivery_ns(r) ||
	    r->head - r->delivered >= r->capacity / 4)
		deliver(r);
}

/* ---- the rest of the interface ----------------------------------------------------------- */

bool relay_attach(struct relay *r, int from, int to)
{
	if (r->from >= 0)
		relay_flush(r);
	if (r->from >= 0)
		detach(r);
	if (from < 0)
		return true;
	if (!loop_add(r->config.epoll, from, EPOLLIN, slot_ref(r, SLOT_FROM))) {
		if (to != from)
			fd_close(&to);
		fd_close(&from);
		return false;
	}
	r->banner_len = 0;
	r->from = from;
	r->from_watched = EPOLLIN;
	r->to = to;
	r->to_watched = 0;
	return true;
}

void relay_event(struct relay *r, struct loop_ref ref, uint32_t events)
{
	switch (ref.slot) {
	case SLOT_FROM:
		if (ref.fd == r->from)
			on_device(r, events);
		break;
	case SLOT_TO:
		if (ref.fd == r->to)
			on_writable(r);
		break;
	case SLOT_TICK: on_tick(r); break;
	case SLOT_TELNET:
	case SLOT_RAW:
	case SLOT_RFC2217:
	case SLOT_UNIX: clients_accept(r, ref.slot); break;
	default:
		if (ref.slot >= SLOT_AUTH_CLIENT)
			auth_event(r, ref, events);
		else
			client_event(r, ref, events);
		break;
	}
}

void relay_flush(struct relay *r)
{
	for (int i = 0; i < FLUSH_READS && r->from >= 0 && read_device(r) > 0; i++)
		deliver(r);
	deliver(r);
	clients_send(r, true);
}

size_t relay_tail(const struct relay *r, uint8_t *buf, size_t n)
{
	uint64_t held = r->head < r->capacity ? r->head : r->capacity;
	uint64_t at = r->head - (n < held ? n : held);
	size_t len = 0;

	while (at < r->head) {
		size_t span;
		const uint8_t *bytes = ring_span(r, at, r->head, &span);

		memcpy(buf + len, bytes, span);
		len += span;
		at += span;
	}
	return len;
}

void relay_stats(const struct relay *r, struct relay_stats *out)
{
	*out = r->stats;
}

/* Unused memory must not become resident. The clients are mapped separately, zeroed, because they
 * are larger than what malloc(3) keeps in its heap. */
static bool allocate(struct relay *r)
{
	r->capacity = r->config.ring_size + r->config.ring_size / 2;
	r->ring = malloc(r->capacity);
	r->clients = calloc(RELAY_ADOPTED + r->config.clients_max, sizeof *r->clients);
	r->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r->spare = fcntl(r->tick, F_DUPFD_CLOEXEC, 0);
	if (!r->ring || !r->clients || r->spare < 0)
		return false;
	r->slots = RELAY_ADOPTED;
	return true;
}

static bool add_listener(const struct relay *r, int fd, unsigned slot)
{
	return fd < 0 || loop_add(r->config.epoll, fd, EPOLLIN, slot_ref(r, slot));
}

static bool add_all(struct relay *r)
{
	const struct relay_config *c = &r->config;

	/* Edge-triggered: the timer is never read, only set again. */
	return loop_add(c->epoll, r->tick, EPOLLIN | EPOLLET, slot_ref(r, SLOT_TICK)) &&
	       add_listener(r, c->telnet_listener, SLOT_TELNET) &&
	       add_listener(r, c->raw_listener, SLOT_RAW) &&
	       add_listener(r, c->rfc2217_listener, SLOT_RFC2217) &&
	       add_listener(r, c->unix_listener, SLOT_UNIX);
}

static bool set_up(struct relay *r, const struct relay_config *config)
{
	r->config = *config;
	r->from = r->to = r->tick = r->spare = -1;
	if (config->greeting)
		r->greeting_len = (size_t)snprintf(r->greeting, sizeof r->greeting, "%.200s\r\n",
						   config->greeting);
	if (config->terminal_greeting)
		r->terminal_greeting_len =
			(size_t)snprintf(r->terminal_greeting, sizeof r->terminal_greeting,
					 "%.200s\r\n", config->terminal_greeting);
	if (config->ring_size < 4096 || config->clients_max < 1 ||
	    config->clients_max > CLIENTS_MOST - RELAY_ADOPTED) {
		errno = EINVAL;
		return false;
	}
	bool ask = config->password && config->password[0];

	return allocate(r) && add_all(r) && (!ask || auth_open(r));
}

struct relay *relay_new(const struct relay_config *config, struct error *err)
{
	struct relay *r = calloc(1, sizeof *r);

	if (r && set_up(r, config))
		return r;
	(void)error_set(err, EXIT_INTERNAL, "raise the container's limits on memory and open files",
			"the %s cannot be set up: %s", config->name, strerror(errno));
	relay_free(r);
	return NULL;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	auth_close(r);
	if (r->clients)
		clients_close(r);
	if (r->to != r->from)
		fd_close(&r->to);
	fd_close(&r->from);
	fd_close(&r->tick);
	fd_close(&r->spare);
	fd_close(&r->config.telnet_listener);
	fd_close(&r->config.raw_listener);
	fd_close(&r->config.rfc2217_listener);
	fd_close(&r->config.unix_listener);
	free(r->ring);
	free(r->clients);
	free(r);
}
