/* mux_output.c - output to the clients of a relay.
 *
 * A client is mainly a position in the ring. Output is sent from the ring directly; only telnet
 * output that contains 0xFF is copied, to double it. A full socket does not affect other clients:
 * that client continues at its position when there is room, and is dropped when the ring overtakes
 * it.
 *
 * Old output for a new client is filtered piece by piece as its socket takes it (format/replay.h),
 * because its terminal must not answer old queries.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "console/mux_internal.h"

#define SEND_MAX    (64 * 1024)
#define SEND_ROUNDS 4 /* sends to one client before the others get their turn */
#define ENCODE_MAX  8192

/* ---- the replay -------------------------------------------------------------------------- */

/* The position of the first line start at or after FROM; FROM itself if there is none. */
static uint64_t line_start(const struct relay *r, uint64_t from)
{
	uint64_t at = from;

	while (at < r->delivered) {
		size_t n;
		const uint8_t *span = ring_span(r, at, r->delivered, &n);
		size_t begins = replay_start(span, n);

		if (begins > 0)
			return at + begins;
		at += n;
	}
	return from;
}

/* The position of the last line's start. */
static uint64_t last_line(const struct relay *r)
{
	uint64_t held = r->delivered < r->capacity ? r->delivered : r->capacity;
	uint64_t at = r->delivered;

	while (at > r->delivered - held && r->ring[(at - 1) % r->capacity] != '\n')
		at--;
	return at;
}

static uint64_t replay_from(const struct relay *r)
{
	if (r->config.replay_last_line)
		return last_line(r);
	return r->delivered <= r->config.replay_size
		       ? 0
		       : line_start(r, r->delivered - r->config.replay_size);
}

/* Put N bytes into C's buffer: at most half its size. */
static void put_pending(struct console_client *c, const uint8_t *buf, size_t n)
{
	size_t taken = n;
	uint8_t *out = c->pending + c->pending_len;

	if (c->telnet) {
		size_t room = sizeof c->pending - c->pending_len;

		c->pending_len += telnet_encode(buf, n, out, room, &taken);
	} else {
		memcpy(out, buf, n);
		c->pending_len += n;
	}
}

void replay_begin(const struct relay *r, struct console_client *c, bool all)
{
	c->replay = (struct replay){0};
	c->replay_end = r->delivered;
	c->replaying = all;
	c->position = all ? replay_from(r) : r->delivered;
	c->pending_len = c->pending_sent = 0;
	if (c->replaying && r->config.replay_last_line && c->position > 0)
		put_pending(c, (const uint8_t *)r->banner, r->banner_len);
}

/* Filter N bytes at C's position. */
static void replay_piece(const struct relay *r, struct console_client *c, uint64_t end, size_t most)
{
	uint8_t out[REPLAY_CHUNK + REPLAY_HELD];
	size_t n;
	const uint8_t *span = ring_span(r, c->position, end, &n);

	if (n > most)
		n = most;
	put_pending(c, out, replay_filter(&c->replay, span, n, out));
	c->position += n;
}

/* The replay has cleared the greeting from the screen: repeat it, followed by the last line up to
 * the cursor (a prompt). */
static void greet_again(const struct relay *r, struct console_client *c)
{
	uint8_t line[LAST_LINE + REPLAY_HELD];
	struct replay again = {.printed = true};
	uint64_t at = c->position;
	size_t n = 0;

	while (at > 0 && c->position - at < LAST_LINE && r->head - at < r->capacity &&
	       r->ring[(at - 1) % r->capacity] != '\n')
		at--;
	if (c->position - at == LAST_LINE)
		at = c->position; /* not a prompt but a very long line */
	for (; at < c->position; at++) {
		n += replay_filter(&again, r->ring + at % r->capacity, 1, line + n);
		if (again.moved) /* what was before that was another line */
			n = 0;
		again.moved = false;
	}
	put_pending(c, (const uint8_t *)"\r\n", 2);
	put_pending(c, (const uint8_t *)c->greeting, c->greeting_len);
	put_pending(c, line, n);
}

/* Fill C's empty buffer. If the old output ends within a control sequence, filter up to the
 * sequence's end; what passes of it follows the mark. */
static void replay_more(const struct relay *r, struct console_client *c)
{
	c->pending_len = c->pending_sent = 0;
	while (c->replaying && c->pending_len == 0) {
		if (c->position < c->replay_end) {
			replay_piece(r, c, c->replay_end, REPLAY_CHUNK);
		} else if (c->marked) {
			c->pending[c->pending_len++] = REPLAY_MARK;
			c->marked = false;
		} else if (replay_idle(&c->replay)) {
			c->replaying = false;
			if (c->greeted && c->replay.moved)
				greet_again(r, c);
		} else if (c->position < r->delivered) {
			replay_piece(r, c, r->delivered, 1);
		} else {
			return;
		}
	}
}

/* ---- sending ----------------------------------------------------------------------------- */

/* The parts of one send. */
struct batch {
	struct iovec iov[4];
	int count;
	size_t total, reply_len, greeting_len, pending_len;
	const uint8_t *data; /* in the ring */
	bool encoded;
	uint8_t copy[ENCODE_MAX];
};

static size_t pack(struct batch *p, const void *buf, size_t n)
{
	if (n > 0)
		p->iov[p->count++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)buf, .iov_len = n};
	p->total += n;
	return n;
}

static void fill_live(struct batch *p, const struct relay *r, const struct console_client *c)
{
	size_t n;

	p->data = ring_span(r, c->position, r->delivered, &n);
	if (n > SEND_MAX)
		n = SEND_MAX;
	p->encoded = c->telnet && n > 0 && memchr(p->data, 0xff, n) != NULL;
	if (p->encoded) {
		size_t len = telnet_encode(p->data, n, p->copy, sizeof p->copy, &n);

		(void)pack(p, p->copy + c->half_sent, len - c->half_sent);
	} else {
		(void)pack(p, p->data, n);
	}
}

static void fill(struct batch *p, const struct relay *r, struct console_client *c)
{
	if (c->pending_sent == c->pending_len)
		replay_more(r, c);
	p->count = 0;
	p->total = 0;
	p->encoded = false;
	/* A reply must not come between the two halves of an escaped 0xFF. */
	p->reply_len = pack(p, c->reply, c->half_sent || c->pending_sent > 0 ? 0 : c->reply_len);
	p->greeting_len =
		pack(p, c->greeting + c->greeting_sent, c->greeting_len - c->greeting_sent);
	p->pending_len = pack(p, c->pending + c->pending_sent, c->pending_len - c->pending_sent);
	/* An RFC 2217 client may suspend output. */
	if (!c->replaying && !(c->telnet && c->telnet_state.com_port.suspended))
		fill_live(p, r, c);
}

/* Subtract from *N the bytes of a part that is LEN bytes long. Returns that number. */
static size_t part_of(size_t *n, size_t len)
{
	size_t part = *n < len ? *n : len;

	*n -= part;
	return part;
}

/* N bytes of the batch were sent. */
static void account(struct console_client *c, const struct batch *p, size_t n)
{
	size_t part = part_of(&n, p->reply_len);

	c->reply_len -= part;
	memmove(c->reply, c->reply + part, c->reply_len);
	c->greeting_sent += part_of(&n, p->greeting_len);
	c->pending_sent += part_of(&n, p->pending_len);
	if (c->pending_sent == c->pending_len)
		c->pending_sent = c->pending_len = 0;
	if (!p->encoded)
		c->position += n;
	else if (n > 0)
		c->position += telnet_encoded(p->data, n + c->half_sent, &c->half_sent);
}

void client_stop_output(struct console_client *c)
{
	c->no_output = true;
	c->half_sent = c->replaying = false;
	c->reply_len = c->pending_len = c->pending_sent = 0;
	c->greeting_sent = c->greeting_len;
}

bool client_serve(struct relay *r, struct console_client *c)
{
	struct batch p;

	for (int round = 0;; round++) {
		if (c->no_output)
			c->position = r->delivered;
		fill(&p, r, c);
		c->blocked = p.total > 0;
		if (p.total == 0 || round == SEND_ROUNDS)
			break;
		struct msghdr message = {.msg_iov = p.iov, .msg_iovlen = (size_t)p.count};
		ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && c->half_closed) {
			client_let_go(r, c);
			return false;
		}
		if (n < 0 && errno != EAGAIN) {
			client_stop_output(c);
			continue;
		}
		if (n > 0)
			account(c, &p, (size_t)n);
		if (n < 0 || (size_t)n < p.total)
			break;
	}
	client_watch(r, c);
	return true;
}

void clients_send(struct relay *r, bool blocked_too)
{
	for (struct console_client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->used && (blocked_too || !c->blocked))
			(void)client_serve(r, c);
}

void clients_make_room(struct relay *r, size_t n)
{
	for (struct console_client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->used && r->head + n - c->position > r->capacity)
			(void)client_serve(r, c);
}

void clients_drop_slow(struct relay *r)
{
	/* Close with a reset, so that the kernel discards unread output. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	for (struct console_client *c = r->clients; c < r->clients + r->slots; c++) {
		if (!c->used || r->head - c->position <= r->capacity)
			continue;
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		client_end(r, c, RELAY_DROPPED);
		r->stats.dropped++;
		log_warning("%s: dropped a client that fell more than %zu kB behind",
			    r->config.name, r->capacity / 1024);
		log_line(LOG_WARNING, "  fix: ", "read faster; SERIAL_SCROLLBACK sets this limit");
	}
}
