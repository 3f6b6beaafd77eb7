/* mux_password.c - TCP connections are asked for the password before they become clients.
 *
 * They have AUTH_CLIENTS_MAX slots of their own, and do not take those of clients. Each may stay
 * for ASK_S seconds, TRIES answers and BYTES_MAX bytes. If all are taken, a new connection evicts
 * one: of the address with the most slots; of these one without input, if any; of these the
 * oldest. So neither idle connections nor one address can lock out others. After a wrong answer no
 * connection is read for PAUSE_NS: all of them together can try one password in that time. Input
 * after the password's line stays in the socket, for the guest.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/mux_internal.h"

#define SECOND	  UINT64_C(1000000000)
#define ASK_S	  30
#define TRIES	  3
#define BYTES_MAX 4096
#define PAUSE_NS  SECOND
#define PEEK_MAX  256
#define HANGUP	  (EPOLLHUP | EPOLLERR)

struct auth_client {
	int fd; /* -1: free */
	bool telnet;
	bool after_cr; /* the last line ended with CR: skip an LF */
	unsigned tries;
	size_t bytes; /* received so far */
	size_t len;   /* of the line; beyond the buffer only counted */
	uint64_t deadline;
	struct in6_addr address; /* IPv4 as a mapped address */
	struct telnet telnet_state;
	char line[RELAY_PASSWORD + 1];
};

struct auth {
	int timer;
	uint64_t paused_until; /* 0: not paused */
	struct auth_client clients[AUTH_CLIENTS_MAX];
};

static struct loop_ref auth_ref(const struct relay *r, const struct auth_client *c)
{
	return slot_ref(r, SLOT_AUTH_CLIENT + (unsigned)(c - r->auth->clients));
}

/* Set the timer to the earliest deadline: end of the pause, or of a client's time. */
static void arm(const struct auth *d)
{
	uint64_t at = d->paused_until;

	for (const struct auth_client *c = d->clients; c < d->clients + AUTH_CLIENTS_MAX; c++)
		if (c->fd >= 0 && (at == 0 || c->deadline < at))
			at = c->deadline;
	at = at ? clock_monotonic(at) : 0;
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)}};

	(void)timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void let_go(const struct relay *r, struct auth_client *c)
{
	loop_remove(r->config.epoll, c->fd);
	fd_close(&c->fd);
	explicit_bzero(c->line, sizeof c->line);
}

/* A few bytes fit into the socket of any client that reads. */
static bool tell(const struct auth_client *c, const void *text, size_t n)
{
	return send(c->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

#define TELL(c, text) tell(c, text, sizeof(text) - 1)

/* Read input of all, or of none. */
static void listen_to_clients(const struct relay *r, bool on)
{
	for (struct auth_client *c = r->auth->clients; c < r->auth->clients + AUTH_CLIENTS_MAX; c++)
		if (c->fd >= 0)
			(void)loop_modify(r->config.epoll, c->fd, on ? EPOLLIN : 0, auth_ref(r, c));
}

/* Compares in constant time. */
static bool is_right(const struct relay *r, const struct auth_client *c)
{
	char password[sizeof c->line] = {0};
	volatile unsigned char differs = c->len > RELAY_PASSWORD;

	memcpy(password, r->config.password, strnlen(r->config.password, RELAY_PASSWORD));
	for (size_t i = 0; i < sizeof password; i++)
		differs = (unsigned char)(differs | (password[i] ^ c->line[i]));
	explicit_bzero(password, sizeof password);
	return !differs;
}

static void become_client(struct relay *r, struct auth_client *c)
{
	int fd = c->fd;

	/* The telnet codec does not pass the LF of a CR LF on. */
	if (c->telnet)
		(void)TELL(c, "\r\n");
	loop_remove(r->config.epoll, fd);
	c->fd = -1;
	explicit_bzero(c->line, sizeof c->line);
	client_welcome(r, fd, c->telnet ? SLOT_TELNET : SLOT_RAW, &c->telnet_state,
		       c->after_cr && !c->telnet_state.cr);
}

static void was_wrong(struct relay *r, struct auth_client *c)
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
	r->auth->paused_until = clock_now() + PAUSE_NS;
	listen_to_clients(r, false);
	arm(r->auth);
}

/* Add one byte to the line. Returns whether it has ended the line. */
static bool type(struct auth_client *c, char byte)
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

/* Take up to N bytes of C, or those up to the end of its line (*ENDED). Returns their number. *OK
 * becomes false if C does not take our replies to its negotiation. */
static size_t take_line(struct auth_client *c, const uint8_t *in, size_t n, bool *ended, bool *ok)
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

static void listen_to(struct relay *r, struct auth_client *c)
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
	struct auth *d = r->auth;
	uint64_t now = clock_now();

	if (d->paused_until && d->paused_until <= now) {
		d->paused_until = 0;
		listen_to_clients(r, true);
	}
	for (struct auth_client *c = d->clients; c < d->clients + AUTH_CLIENTS_MAX; c++) {
		if (c->fd < 0 || c->deadline > now)
			continue;
		(void)TELL(c, "\r\n[no password came]\r\n");
		let_go(r, c);
	}
	arm(d);
}

void auth_event(struct relay *r, struct loop_ref ref, uint32_t events)
{
	unsigned place = ref.slot - SLOT_AUTH_CLIENT;

	if (ref.slot == SLOT_AUTH_TIMER) {
		on_timer(r);
	} else if (place < AUTH_CLIENTS_MAX && r->auth->clients[place].fd == ref.fd) {
		if (!r->auth->paused_until)
			listen_to(r, &r->auth->clients[place]);
		else if (events & HANGUP)
			let_go(r, &r->auth->clients[place]);
	}
}

/* The address of FD's peer; zeros if it is not IP. */
static struct in6_addr address_of(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	struct in6_addr out = {0};

	if (getpeername(fd, (struct sockaddr *)&a, &len) == 0 && a.ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)(const void *)&a)->sin6_addr;
	if (a.ss_family == AF_INET) {
		out.s6_addr[10] = out.s6_addr[11] = 0xff;
		memcpy(out.s6_addr + 12, &((const struct sockaddr_in *)(const void *)&a)->sin_addr,
		       4);
	}
	return out;
}

static unsigned places_of(const struct auth *d, const struct in6_addr *address)
{
	unsigned n = 0;

	for (const struct auth_client *c = d->clients; c < d->clients + AUTH_CLIENTS_MAX; c++)
		n += memcmp(&c->address, address, sizeof *address) == 0;
	return n;
}

/* Whether A is evicted before B if all slots are taken. */
static bool goes_before(const struct auth *d, const struct auth_client *a,
			const struct auth_client *b)
{
	unsigned of_a = places_of(d, &a->address);
	unsigned of_b = places_of(d, &b->address);
	bool typed_a = a->len > 0 || a->tries > 0;
	bool typed_b = b->len > 0 || b->tries > 0;

	if (of_a != of_b)
		return of_a > of_b;
	if (typed_a != typed_b)
		return !typed_a;
	return a->deadline < b->deadline;
}

/* A slot for a new connection; evicts one if necessary. */
static struct auth_client *make_slot(const struct relay *r)
{
	struct auth *d = r->auth;
	struct auth_client *out = d->clients;

	for (struct auth_client *c = d->clients; c < d->clients + AUTH_CLIENTS_MAX; c++)
		if (c->fd < 0)
			return c;
	for (struct auth_client *c = d->clients + 1; c < d->clients + AUTH_CLIENTS_MAX; c++)
		if (goes_before(d, c, out))
			out = c;
	(void)TELL(out, "\r\n[disconnected: another connection takes this slot]\r\n");
	let_go(r, out);
	return out;
}

void auth_ask(struct relay *r, int fd, bool telnet)
{
	struct auth_client *c = make_slot(r);
	uint8_t start[TELNET_START];

	*c = (struct auth_client){.fd = fd,
				  .telnet = telnet,
				  .deadline = clock_now() + ASK_S * SECOND,
				  .address = address_of(fd)};
	/* Announce ECHO without echoing, so that the client does not echo the password. */
	size_t n = telnet ? telnet_start(&c->telnet_state, start) : 0;

	if (!loop_add(r->config.epoll, fd, r->auth->paused_until ? 0 : EPOLLIN, auth_ref(r, c)) ||
	    !tell(c, start, n) || !TELL(c, "Password: "))
		let_go(r, c);
	arm(r->auth);
}

bool auth_open(struct relay *r)
{
	struct auth *d = calloc(1, sizeof *d);

	if (!d)
		return false;
	for (size_t i = 0; i < AUTH_CLIENTS_MAX; i++)
		d->clients[i].fd = -1;
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r->auth = d;
	/* Edge-triggered: the timer is never read, and setting it re-arms it. */
	return d->timer >= 0 &&
	       loop_add(r->config.epoll, d->timer, EPOLLIN | EPOLLET, slot_ref(r, SLOT_AUTH_TIMER));
}

void auth_close(struct relay *r)
{
	struct auth *d = r->auth;

	if (!d)
		return;
	for (struct auth_client *c = d->clients; c < d->clients + AUTH_CLIENTS_MAX; c++)
		if (c->fd >= 0)
			let_go(r, c);
	fd_close(&d->timer);
	free(d);
	r->auth = NULL;
}
