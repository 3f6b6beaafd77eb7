/* relay_client.c - the people on a relay: who comes, what each gets, what each types, who leaves.
 *
 * A client is a position in the ring and little else. What it gets is sent straight from there;
 * only telnet spans with an 0xFF in them are copied, to double it. Its socket being full is no
 * concern of anybody else's: it goes on from its position when there is room, and is dropped when
 * the ring overtakes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "guest/relay_internal.h"

#define SEND_MAX     (64 * 1024)
#define SEND_ROUNDS  4 /* sends to one client before it is the others' turn */
#define ENCODE_MAX   8192
#define ACCEPT_MAX   16 /* of one event */
#define HANGUP	     (EPOLLHUP | EPOLLERR)
#define KEEP_IDLE_S  60 /* a peer that vanished without a word is gone after 2 minutes */
#define KEEP_EVERY_S 15
#define KEEP_COUNT   4

static struct loop_ref ref_of(const struct relay *r, const struct client *c)
{
	unsigned place = (unsigned)(c - r->clients);

	return (struct loop_ref){.type = r->config.ref_type,
				 .index = r->config.ref_index,
				 .slot = (uint16_t)(place | (unsigned)c->generation << 8)};
}

static void let_go(struct relay *r, struct client *c)
{
	loop_remove(r->config.epoll, c->fd);
	fd_close(&c->fd);
	r->stats.clients--;
}

/* Wait for what C can be served with now. */
static void watch(struct relay *r, struct client *c)
{
	uint32_t want = c->blocked ? EPOLLOUT : 0;

	/* Who does not take our answers gets no further question in: REPLY holds those to one. */
	if (!c->half_closed && !c->input_waits && c->reply_len == 0)
		want |= EPOLLIN;
	if (c->registered && want == c->watched)
		return;
	c->registered = c->registered ? loop_modify(r->config.epoll, c->fd, want, ref_of(r, c))
				      : loop_add(r->config.epoll, c->fd, want, ref_of(r, c));
	c->watched = want;
}

/* ---- output ------------------------------------------------------------------------------ */

/* One send: what goes, and what it is made of. */
struct parcel {
	struct iovec iov[3];
	int count;
	size_t total, reply_len, greeting_len;
	const uint8_t *data; /* in the ring */
	bool encoded;
	uint8_t copy[ENCODE_MAX];
};

static size_t pack(struct parcel *p, const void *buf, size_t n)
{
	if (n > 0)
		p->iov[p->count++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)buf, .iov_len = n};
	p->total += n;
	return n;
}

static void fill(struct parcel *p, const struct relay *r, const struct client *c)
{
	size_t n;

	p->count = 0;
	p->total = 0;
	/* Nothing may come between the two halves of an 0xFF. */
	p->reply_len = pack(p, c->reply, c->half_sent ? 0 : c->reply_len);
	p->greeting_len =
		pack(p, r->greeting + c->greeting_sent, r->greeting_len - c->greeting_sent);
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

/* N bytes of the parcel are gone. */
static void account(struct client *c, const struct parcel *p, size_t n)
{
	size_t part = n < p->reply_len ? n : p->reply_len;

	c->reply_len -= part;
	memmove(c->reply, c->reply + part, c->reply_len);
	n -= part;
	part = n < p->greeting_len ? n : p->greeting_len;
	c->greeting_sent += part;
	n -= part;
	if (!p->encoded)
		c->position += n;
	else if (n > 0)
		c->position += telnet_encoded(p->data, n + c->half_sent, &c->half_sent);
}

/* C does not read any more. What it typed before it left may still have to be read. */
static void deafen(const struct relay *r, struct client *c)
{
	c->deaf = true;
	c->half_sent = false;
	c->reply_len = 0;
	c->greeting_sent = r->greeting_len;
}

/* Send what C lacks, as far as that goes without waiting. False: it is gone now. */
static bool send_to(struct relay *r, struct client *c)
{
	struct parcel p;

	for (int round = 0;; round++) {
		if (c->deaf)
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
			let_go(r, c);
			return false;
		}
		if (n < 0 && errno != EAGAIN) {
			deafen(r, c);
			continue;
		}
		if (n > 0)
			account(c, &p, (size_t)n);
		if (n < 0 || (size_t)n < p.total)
			break;
	}
	watch(r, c);
	return true;
}

void clients_send(struct relay *r, bool blocked_too)
{
	for (struct client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->fd >= 0 && (blocked_too || !c->blocked))
			(void)send_to(r, c);
}

/* N more bytes are about to come: who would be overtaken by them gets a last chance. */
void clients_make_room(struct relay *r, size_t n)
{
	for (struct client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->fd >= 0 && r->head + n - c->position > r->capacity)
			(void)send_to(r, c);
}

void clients_drop_slow(struct relay *r)
{
	/* Reset, so that the kernel does not go on to keep what nobody reads. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	for (struct client *c = r->clients; c < r->clients + r->slots; c++) {
		if (c->fd < 0 || r->head - c->position <= r->capacity)
			continue;
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		let_go(r, c);
		r->stats.dropped++;
		log_warning("%s: dropped a client that fell more than %zu kB behind",
			    r->config.name, r->capacity / 1024);
	}
}

/* ---- input ------------------------------------------------------------------------------- */

void clients_resume_input(struct relay *r)
{
	for (struct client *c = r->clients; c < r->clients + r->slots; c++) {
		if (c->fd < 0 || !c->input_waits)
			continue;
		c->input_waits = false;
		watch(r, c);
	}
}

static void reply(struct client *c, const char *text, size_t n)
{
	if (sizeof c->reply - c->reply_len < n)
		return;
	memcpy(c->reply + c->reply_len, text, n);
	c->reply_len += n;
}

/* Leave out the LF of each CR LF among the N bytes at IN. */
static size_t join_line_ends(struct client *c, uint8_t *in, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		bool second_half = c->after_cr && in[i] == '\n';

		c->after_cr = c->one_line_end && in[i] == '\r';
		if (!second_half)
			in[len++] = in[i];
	}
	return len;
}

/* N bytes of C's lie behind the input queue. */
static void take(struct relay *r, struct client *c, size_t n)
{
	uint8_t *in = r->input + r->input_len;
	size_t room = sizeof c->reply - c->reply_len;
	unsigned events = 0;

	if (c->telnet) {
		n = telnet_decode(&c->telnet_state, in, n, in, c->reply + c->reply_len, &room,
				  &events);
		c->reply_len += room;
	}
	if (c->one_line_end || c->after_cr)
		n = join_line_ends(c, in, n);
	if (r->to >= 0 && !c->read_only) /* else it is not saved up for another guest */
		r->input_len += n;
	/* The break goes first: "break, then a key" is how people use it (SysRq). */
	if ((events & TELNET_BREAK) && r->config.on_break && !c->read_only)
		r->config.on_break(r->config.arg);
	if (events & TELNET_AYT)
		reply(c, "\r\n[Yes]\r\n", 9);
	if (c->reply_len > 0)
		(void)send_to(r, c);
	input_send(r);
}

/* The end of what C sends; whether it still reads cannot be seen on a TCP connection. */
static void half_close(struct relay *r, struct client *c)
{
	c->half_closed = true;
	if (c->telnet) { /* IAC NOP means nothing to who is there and gets a reset from who is not
			  */
		reply(c, "\377\361", 2);
		(void)send_to(r, c);
	} else {
		watch(r, c);
	}
}

static void read_from(struct relay *r, struct client *c, uint32_t events)
{
	if (c->half_closed) {
		if (events & HANGUP)
			let_go(r, c);
		return;
	}
	if (input_room(r) < INPUT_READ) {
		c->input_waits = true;
		if (events & HANGUP) { /* reported again and again to whoever is registered */
			loop_remove(r->config.epoll, c->fd);
			c->registered = false;
		} else {
			watch(r, c);
		}
		return;
	}
	if (events & HANGUP)
		deafen(r, c);
	ssize_t n = recv(c->fd, r->input + r->input_len, INPUT_READ, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && (events & HANGUP)))
		let_go(r, c);
	else if (n == 0)
		half_close(r, c);
	else
		take(r, c, (size_t)n);
}

void client_event(struct relay *r, struct loop_ref ref, uint32_t events)
{
	unsigned place = ref.slot & 0xff;
	struct client *c = r->clients + place;

	if (place >= r->slots || c->fd != ref.fd || c->generation != ref.slot >> 8)
		return;
	if ((events & EPOLLOUT) && !send_to(r, c))
		return;
	if (events & (EPOLLIN | HANGUP))
		read_from(r, c, events);
}

/* ---- coming and going -------------------------------------------------------------------- */

void clients_init(struct relay *r)
{
	for (r->slots = 0; r->slots < RELAY_ADOPTED; r->slots++) {
		r->clients[r->slots].fd = -1;
		r->clients[r->slots].generation = 0;
	}
}

static struct client *place_to_adopt(const struct relay *r)
{
	for (struct client *c = r->clients; c < r->clients + RELAY_ADOPTED; c++)
		if (c->fd < 0)
			return c;
	return NULL;
}

bool relay_has_place(const struct relay *r)
{
	return place_to_adopt(r) != NULL;
}

/* A place for a newcomer; NULL when all are taken by people who may still be typing. */
static struct client *find_place(struct relay *r)
{
	struct client *ghost = NULL;

	for (struct client *c = r->clients + RELAY_ADOPTED; c < r->clients + r->slots; c++) {
		if (c->fd < 0)
			return c;
		if (c->half_closed && (!ghost || c->position < ghost->position))
			ghost = c;
	}
	if (r->slots < RELAY_ADOPTED + r->config.clients_max) {
		r->clients[r->slots].generation = 0;
		return r->clients + r->slots++;
	}
	if (ghost)
		let_go(r, ghost);
	return ghost;
}

void client_refuse(struct relay *r, int fd)
{
	char text[128];
	char drop[1024];
	int n = snprintf(text, sizeof text, "[%s: all %zu places are taken]\r\n", r->config.name,
			 r->config.clients_max);

	/* What he has sent already would make close(2) a reset, and that the end of our text. */
	(void)recv(fd, drop, sizeof drop, MSG_DONTWAIT);
	(void)send(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1,
		   MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
	r->stats.refused++;
}

/* Urgent data stays in line, because telnet's "data mark" is sent so and belongs behind the IAC
 * before it. */
static void prepare_tcp(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
		{SOL_SOCKET, SO_OOBINLINE, 1}, {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S},
		{IPPROTO_TCP, TCP_NODELAY, 1}, {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof options[i].value);
}

/* FD takes place C, as a raw client unless it is made another. */
static void settle(const struct relay *r, struct client *c, int fd, unsigned how)
{
	uint64_t ring_size = r->config.ring_size;

	c->fd = fd;
	c->generation = (uint8_t)((c->generation + 1) % GENERATIONS);
	c->telnet = c->one_line_end = c->after_cr = false;
	c->read_only = how & RELAY_READ_ONLY;
	c->registered = c->blocked = c->input_waits = false;
	c->half_closed = c->half_sent = c->deaf = false;
	c->position = r->delivered < ring_size ? 0 : r->delivered - ring_size;
	if (!(how & RELAY_SCROLLBACK))
		c->position = r->delivered;
	/* A raw connection is for programs: they get what the guest prints and nothing else. */
	c->greeting_sent = r->greeting_len;
	c->reply_len = 0;
}

/* C gets its first bytes. False: it is gone already. */
static bool begin(struct relay *r, struct client *c)
{
	r->stats.accepted++;
	r->stats.clients++;
	if (!send_to(r, c))
		return false;
	if (!c->registered)
		let_go(r, c);
	return c->fd >= 0;
}

void client_welcome(struct relay *r, int fd, unsigned slot, const struct telnet *state,
		    bool after_cr)
{
	bool look_only = r->config.read_only && slot != SLOT_UNIX;
	struct client *c = find_place(r);

	if (!c) {
		client_refuse(r, fd);
		return;
	}
	settle(r, c, fd, RELAY_SCROLLBACK | (look_only ? RELAY_READ_ONLY : 0));
	c->one_line_end = slot == SLOT_RAW;
	c->after_cr = after_cr;
	if (slot == SLOT_TELNET) {
		c->telnet = true;
		c->greeting_sent = 0;
		if (state)
			c->telnet_state = *state;
		else
			c->reply_len = telnet_start(&c->telnet_state, c->reply);
	}
	(void)begin(r, c);
}

bool relay_adopt(struct relay *r, int fd, unsigned how)
{
	struct client *c = place_to_adopt(r);

	if (!c) {
		(void)close(fd);
		return false;
	}
	settle(r, c, fd, how);
	return begin(r, c);
}

static void newcomer(struct relay *r, int fd, unsigned slot)
{
	if (slot != SLOT_UNIX)
		prepare_tcp(fd);
	if (r->door && slot != SLOT_UNIX)
		door_ask(r, fd, slot == SLOT_TELNET);
	else
		client_welcome(r, fd, slot, NULL, false);
}

void clients_accept(struct relay *r, unsigned slot)
{
	const struct relay_config *config = &r->config;
	int listener = slot == SLOT_TELNET ? config->telnet_listener
		       : slot == SLOT_RAW  ? config->raw_listener
					   : config->unix_listener;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			newcomer(r, fd, slot);
		} else if (errno == EMFILE || errno == ENFILE) {
			/* Someone who is not taken off the queue would wake us for ever. */
			fd_close(&r->spare);
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd >= 0)
				client_refuse(r, fd);
			r->spare = fcntl(r->tick, F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

void clients_close(struct relay *r)
{
	for (struct client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->fd >= 0)
			let_go(r, c);
}
