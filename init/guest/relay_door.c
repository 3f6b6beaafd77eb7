/* relay_door.c - who comes by TCP is asked for the password before he becomes a client.
 *
 * A caller has a place of his own kind, so that people who know the password find theirs; he holds
 * it for ASK_S seconds at most, and for TRIES answers or BYTES_MAX bytes. After a wrong answer
 * nobody is listened to for PAUSE_NS: whoever guesses, from however many connections, tries one
 * word in that time. What stands behind the line with the password stays in the socket, for the
 * guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "guest/relay_internal.h"

#define SECOND	  UINT64_C(1000000000)
#define ASK_S	  30
#define TRIES	  3
#define BYTES_MAX 4096
#define PAUSE_NS  SECOND
#define PEEK_MAX  256
#define HANGUP	  (EPOLLHUP | EPOLLERR)

struct caller {
	int fd; /* -1: free */
	bool telnet;
	bool after_cr; /* the last line ended with CR: an LF belongs to it */
	unsigned tries;
	size_t bytes; /* so far */
	size_t len;   /* of the line; beyond its room it only counts */
	uint64_t deadline;
	struct telnet telnet_state;
	char line[RELAY_PASSWORD + 1];
};

struct door {
	int timer;
	uint64_t paused_until; /* 0: not */
	struct caller callers[CALLERS_MAX];
};

static struct loop_ref ref_of(const struct relay *r, unsigned slot)
{
	return (struct loop_ref){
		.type = r->config.ref_type, .index = r->config.ref_index, .slot = (uint16_t)slot};
}

static struct loop_ref ref_of_caller(const struct relay *r, const struct caller *c)
{
	return ref_of(r, SLOT_CALLER + (unsigned)(c - r->door->callers));
}

/* The next thing that time brings: the end of the pause, or of somebody's patience. */
static void arm(const struct door *d)
{
	uint64_t at = d->paused_until;

	for (const struct caller *c = d->callers; c < d->callers + CALLERS_MAX; c++)
		if (c->fd >= 0 && (at == 0 || c->deadline < at))
			at = c->deadline;
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)}};

	(void)timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void let_go(const struct relay *r, struct caller *c)
{
	loop_remove(r->config.epoll, c->fd);
	fd_close(&c->fd);
	explicit_bzero(c->line, sizeof c->line);
}

/* These few bytes fit into the socket of anybody who reads at all. */
static bool tell(const struct caller *c, const void *text, size_t n)
{
	return send(c->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

#define TELL(c, text) tell(c, text, sizeof(text) - 1)

/* Listen to all, or to nobody. */
static void listen_to_callers(const struct relay *r, bool on)
{
	for (struct caller *c = r->door->callers; c < r->door->callers + CALLERS_MAX; c++)
		if (c->fd >= 0)
			(void)loop_modify(r->config.epoll, c->fd, on ? EPOLLIN : 0,
					  ref_of_caller(r, c));
}

/* As long for any line of any length as for any other. */
static bool is_right(const struct relay *r, const struct caller *c)
{
	char password[sizeof c->line] = {0};
	volatile unsigned char differs = c->len > RELAY_PASSWORD;

	memcpy(password, r->config.password, strnlen(r->config.password, RELAY_PASSWORD));
	for (size_t i = 0; i < sizeof password; i++)
		differs = (unsigned char)(differs | (password[i] ^ c->line[i]));
	explicit_bzero(password, sizeof password);
	return !differs;
}

static void become_client(struct relay *r, struct caller *c)
{
	int fd = c->fd;

	/* Where the codec takes CR LF for one, the LF does not come out of it. */
	if (c->telnet)
		(void)TELL(c, "\r\n");
	loop_remove(r->config.epoll, fd);
	c->fd = -1;
	explicit_bzero(c->line, sizeof c->line);
	client_welcome(r, fd, c->telnet ? SLOT_TELNET : SLOT_RAW, &c->telnet_state,
		       c->after_cr && !c->telnet_state.cr);
}

static void was_wrong(struct relay *r, struct caller *c)
{
	r->stats.wrong++;
	explicit_bzero(c->line, sizeof c->line);
	c->len = 0;
	if (++c->tries == TRIES) {
		log_warning("%s: %d wrong passwords in a row: the connection is closed",
			    r->config.name, TRIES);
		(void)TELL(c, "\r\nWrong.\r\n");
		let_go(r, c);
	} else if (!TELL(c, "\r\nWrong.\r\nPassword: ")) {
		let_go(r, c);
	}
	r->door->paused_until = clock_now() + PAUSE_NS;
	listen_to_callers(r, false);
	arm(r->door);
}

/* One byte of the line. Returns whether that was its end. */
static bool type(struct caller *c, char byte)
{
	bool second_half = byte == '\n' && c->after_cr;

	c->after_cr = byte == '\r';
	if (second_half)
		return false;
	if (byte == '\r' || byte == '\n')
		return true;
	if (byte == '\b' || byte == '\177') {
		if (c->len > 0 && --c->len < RELAY_PASSWORD)
			c->line[c->len] = '\0';
	} else if (c->len++ < RELAY_PASSWORD) {
		c->line[c->len - 1] = byte;
	}
	return false;
}

/* Take N bytes of C's, or those up to the end of its line (*ENDED then). Returns how many. *OK
 * becomes false when C does not take our answers to its negotiation. */
static size_t take_line(struct caller *c, const uint8_t *in, size_t n, bool *ended, bool *ok)
{
	size_t used = 0;

	*ended = false;
	*ok = true;
	while (used < n && !*ended && *ok) {
		uint8_t byte = in[used++];
		uint8_t reply[4];
		size_t reply_len = sizeof reply;
		unsigned events = 0;

		if (c->telnet) {
			bool data = telnet_decode(&c->telnet_state, &byte, 1, &byte, reply,
						  &reply_len, &events) > 0;

			*ok = reply_len == 0 || tell(c, reply, reply_len);
			if (!data)
				continue;
		}
		*ended = type(c, (char)byte);
	}
	return used;
}

static void listen_to(struct relay *r, struct caller *c)
{
	uint8_t buf[PEEK_MAX];
	bool ended, ok;
	ssize_t n = recv(c->fd, buf, sizeof buf, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		let_go(r, c);
		return;
	}
	size_t used = take_line(c, buf, (size_t)n, &ended, &ok);

	(void)recv(c->fd, buf, used, MSG_DONTWAIT);
	explicit_bzero(buf, sizeof buf);
	c->bytes += used;
	if (!ok || c->bytes > BYTES_MAX)
		let_go(r, c);
	else if (ended && is_right(r, c))
		become_client(r, c);
	else if (ended)
		was_wrong(r, c);
}

static void on_timer(struct relay *r)
{
	struct door *d = r->door;
	uint64_t now = clock_now();

	if (d->paused_until && d->paused_until <= now) {
		d->paused_until = 0;
		listen_to_callers(r, true);
	}
	for (struct caller *c = d->callers; c < d->callers + CALLERS_MAX; c++) {
		if (c->fd < 0 || c->deadline > now)
			continue;
		(void)TELL(c, "\r\n[no password came]\r\n");
		let_go(r, c);
	}
	arm(d);
}

void door_event(struct relay *r, struct loop_ref ref, uint32_t events)
{
	unsigned place = ref.slot - SLOT_CALLER;

	if (ref.slot == SLOT_DOOR) {
		on_timer(r);
	} else if (place < CALLERS_MAX && r->door->callers[place].fd == ref.fd) {
		if (!r->door->paused_until)
			listen_to(r, &r->door->callers[place]);
		else if (events & HANGUP)
			let_go(r, &r->door->callers[place]);
	}
}

void door_ask(struct relay *r, int fd, bool telnet)
{
	struct caller *c = r->door->callers;
	uint8_t start[TELNET_START];

	while (c < r->door->callers + CALLERS_MAX && c->fd >= 0)
		c++;
	if (c == r->door->callers + CALLERS_MAX) {
		client_refuse(r, fd);
		return;
	}
	*c = (struct caller){.fd = fd, .telnet = telnet, .deadline = clock_now() + ASK_S * SECOND};
	/* We say that we echo, and do not. */
	size_t n = telnet ? telnet_start(&c->telnet_state, start) : 0;

	if (!loop_add(r->config.epoll, fd, r->door->paused_until ? 0 : EPOLLIN,
		      ref_of_caller(r, c)) ||
	    !tell(c, start, n) || !TELL(c, "Password: "))
		let_go(r, c);
	arm(r->door);
}

bool door_open(struct relay *r)
{
	struct door *d = calloc(1, sizeof *d);

	if (!d)
		return false;
	for (size_t i = 0; i < CALLERS_MAX; i++)
		d->callers[i].fd = -1;
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r->door = d;
	/* Edge-triggered, because nobody reads it: setting it anew is enough. */
	return d->timer >= 0 &&
	       loop_add(r->config.epoll, d->timer, EPOLLIN | EPOLLET, ref_of(r, SLOT_DOOR));
}

void door_close(struct relay *r)
{
	struct door *d = r->door;

	if (!d)
		return;
	for (struct caller *c = d->callers; c < d->callers + CALLERS_MAX; c++)
		if (c->fd >= 0)
			let_go(r, c);
	fd_close(&d->timer);
	free(d);
	r->door = NULL;
}
