/* mux_admit.c - new clients: their slots and first bytes. Output is in mux_output.c, input in
 * mux_input.c. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/mux_internal.h"

/* Describe C in C->peer for log lines: once it has disconnected, its address is unknown. */
static void describe(const struct relay *r, struct console_client *c)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof peer;
	char host[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;
	const char *kind = !c->telnet ? "raw" : c->telnet_state.serial_port ? "RFC 2217" : "telnet";

	(void)getpeername(c->fd, (struct sockaddr *)&peer, &len);
	if (peer.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&peer;

		(void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		port = ntohs(in->sin_port);
	} else if (peer.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&peer;

		(void)inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
		port = ntohs(in->sin6_port);
	}
	if (c < r->clients + RELAY_ADOPTED)
		(void)snprintf(c->peer, sizeof c->peer, "%s",
			       c->program ? "a vm command of the container" : "vm console");
	else if (port)
		(void)snprintf(c->peer, sizeof c->peer, "%s client %s port %u", kind, host, port);
	else
		(void)snprintf(c->peer, sizeof c->peer, "a client without an address");
}

/* The first and the last slot for clients that are adopted with HOW. */
static struct console_client *first_slot(const struct relay *r, unsigned how)
{
	return r->clients + (how & RELAY_TERMINAL ? RELAY_PROGRAMS : 0);
}

static struct console_client *last_slot(const struct relay *r, unsigned how)
{
	return r->clients + (how & RELAY_TERMINAL ? RELAY_ADOPTED : RELAY_PROGRAMS) - 1;
}

static struct console_client *slot_to_adopt(const struct relay *r, unsigned how)
{
	for (struct console_client *c = first_slot(r, how); c <= last_slot(r, how); c++)
		if (!c->used)
			return c;
	return NULL;
}

bool relay_has_slot(const struct relay *r, unsigned how)
{
	return (how & RELAY_TERMINAL) || slot_to_adopt(r, how) != NULL;
}

/* Evict the terminal that was idle for the longest time. */
static struct console_client *evict_terminal(struct relay *r)
{
	struct console_client *idle = first_slot(r, RELAY_TERMINAL);

	for (struct console_client *c = idle; c <= last_slot(r, RELAY_TERMINAL); c++)
		if (c->typed_ns < idle->typed_ns)
			idle = c;
	log_info(
		"%s: all %d slots for vm console are taken: disconnecting the client that has been "
		"idle for %.0f s",
		r->config.name, RELAY_TERMINALS, (double)(clock_now() - idle->typed_ns) / 1e9);
	client_end(r, idle, RELAY_EVICTED);
	r->stats.evicted++;
	return idle;
}

/* A slot for a new client; NULL if all are taken by clients that may still send. */
static struct console_client *find_slot(struct relay *r)
{
	struct console_client *half_closed = NULL;

	for (struct console_client *c = r->clients + RELAY_ADOPTED; c < r->clients + r->slots;
	     c++) {
		if (!c->used)
			return c;
		if (c->half_closed && (!half_closed || c->position < half_closed->position))
			half_closed = c;
	}
	if (r->slots < RELAY_ADOPTED + r->config.clients_max)
		return r->clients + r->slots++;
	if (half_closed)
		client_let_go(r, half_closed);
	return half_closed;
}

void client_refuse(struct relay *r, int fd)
{
	char text[128];
	char drop[1024];
	int n = snprintf(text, sizeof text, "[%s: all %zu slots are taken]\r\n", r->config.name,
			 r->config.clients_max);

	/* With unread input, close(2) resets the connection and the text is lost. */
	(void)recv(fd, drop, sizeof drop, MSG_DONTWAIT);
	(void)send(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1,
		   MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
	r->stats.refused++;
}

/* FD becomes client C, a raw one; the caller may change that. */
static void client_init(struct relay *r, struct console_client *c, int fd, unsigned how)
{
	c->used = true;
	c->fd = fd;
	c->generation = (uint8_t)((c->generation + 1) % GENERATIONS);
	c->telnet = c->greeted = c->one_line_end = c->after_cr = false;
	c->read_only = how & RELAY_READ_ONLY;
	c->marked = how & RELAY_MARKED;
	c->program = c->answers = false;
	c->id = ++r->ids;
	c->number = 0;
	c->since_ns = c->typed_ns = clock_now();
	c->typed = 0;
	c->registered = c->blocked = c->input_waits = false;
	c->half_closed = c->half_sent = c->no_output = false;
	replay_begin(r, c, how & RELAY_SCROLLBACK);
	/* Raw connections, which programs use, get the guest's output and nothing else. */
	c->greeting = r->greeting;
	c->greeting_len = c->greeting_sent = 0;
	c->reply_len = 0;
}

/* Send C its first bytes. False: it has disconnected. */
static bool begin(struct relay *r, struct console_client *c)
{
	r->stats.accepted++;
	r->stats.clients++;
	if (r->config.log_clients)
		describe(r, c);
	if (r->config.log_clients)
		log_info("%s: %s has connected; %zu connected", r->config.name, c->peer,
			 r->stats.clients);
	if (!client_serve(r, c))
		return false;
	if (!c->registered)
		client_let_go(r, c);
	return c->used;
}

void client_welcome(struct relay *r, int fd, unsigned slot, const struct telnet *state,
		    bool after_cr)
{
	bool look_only = r->config.read_only && slot != SLOT_UNIX;
	bool serial_port = slot == SLOT_RFC2217;
	struct console_client *c = find_slot(r);

	if (!c) {
		client_refuse(r, fd);
		return;
	}
	client_init(r, c, fd,
		    (serial_port ? 0 : RELAY_SCROLLBACK) | (look_only ? RELAY_READ_ONLY : 0));
	c->one_line_end = slot == SLOT_RAW;
	c->after_cr = after_cr;
	if (slot == SLOT_TELNET || serial_port) {
		c->telnet = true;
		c->greeted = !serial_port;
		c->program = serial_port;
		c->greeting_len = serial_port ? 0 : r->greeting_len;
		if (state)
			c->telnet_state = *state;
		else
			c->reply_len = telnet_start(&c->telnet_state, c->reply);
		c->telnet_state.serial_port = serial_port;
	}
	(void)begin(r, c);
}

bool relay_adopt(struct relay *r, int fd, unsigned how, uint64_t number)
{
	struct console_client *c = slot_to_adopt(r, how);

	if (!c && (how & RELAY_TERMINAL))
		c = evict_terminal(r);
	if (!c) {
		(void)close(fd);
		return false;
	}
	client_init(r, c, fd, how);
	c->program = !(how & RELAY_TERMINAL);
	c->number = number;
	c->greeted = how & RELAY_TERMINAL && r->terminal_greeting_len > 0;
	if (c->greeted) { /* a terminal has printed it itself */
		c->greeting = r->terminal_greeting;
		c->greeting_len = c->greeting_sent = r->terminal_greeting_len;
	}
	return begin(r, c);
}

void clients_close(struct relay *r)
{
	for (struct console_client *c = r->clients; c < r->clients + r->slots; c++)
		if (c->used)
			client_let_go(r, c);
}
