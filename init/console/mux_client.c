/* mux_client.c - a client of the multiplexer: registration in epoll, and its end. */
#include <string.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "base/log.h"
#include "console/mux_internal.h"

static struct loop_ref ref_of(const struct relay *r, const struct console_client *c)
{
	unsigned place = (unsigned)(c - r->clients);

	return (struct loop_ref){.type = r->config.ref_type,
				 .index = r->config.ref_index,
				 .slot = (uint16_t)(place | (unsigned)c->generation << 8)};
}

static void say_left(const struct relay *r, const struct console_client *c)
{
	if (r->config.log_clients)
		log_info("%s: %s has disconnected after %.1f s, %llu bytes typed; %zu connected",
			 r->config.name, c->peer, (double)(clock_now() - c->since_ns) / 1e9,
			 (unsigned long long)c->typed, r->stats.clients);
}

void client_clear_line(struct relay *r, const struct console_client *c)
{
	static const char to_end[] = "\005\005"; /* the first may end an escape sequence */
	char backspaces[INPUT_QUEUE - sizeof to_end];

	if (!r->config.clear_line || r->line_owner != c->id || r->line_len == 0)
		return;
	memset(backspaces, '\177', sizeof backspaces);
	(void)relay_input(r, to_end, sizeof to_end - 1);
	(void)relay_input(r, backspaces,
			  r->line_len < sizeof backspaces ? r->line_len : sizeof backspaces);
	r->line_len = 0;
}

void client_let_go(struct relay *r, struct console_client *c)
{
	if (c->half_closed)
		r->stats.half_closed--;
	else
		r->stats.clients--;
	say_left(r, c);
	client_clear_line(r, c);
	if (r->answerer == c->id)
		r->answerer = 0;
	loop_remove(r->config.epoll, c->fd);
	fd_close(&c->fd);
	c->used = false;
}

void client_end(struct relay *r, struct console_client *c, enum relay_end why)
{
	if (c->number) {
		r->ends[r->ends_next].number = c->number;
		r->ends[r->ends_next].why = why;
		r->ends_next = (r->ends_next + 1) % RELAY_ENDS;
	}
	client_let_go(r, c);
}

enum relay_end relay_ended(const struct relay *r, uint64_t number)
{
	for (unsigned i = 0; i < RELAY_ENDS; i++)
		if (number && r->ends[i].number == number)
			return r->ends[i].why;
	return RELAY_UNKNOWN;
}

void client_watch(struct relay *r, struct console_client *c)
{
	uint32_t want = c->blocked ? EPOLLOUT : 0;

	/* A client that does not read replies is not read: REPLY has room for those to one
	 * request. */
	if (!c->half_closed && !c->input_waits && c->reply_len == 0)
		want |= EPOLLIN;
	if (c->registered && want == c->watched)
		return;
	c->registered = c->registered ? loop_modify(r->config.epoll, c->fd, want, ref_of(r, c))
				      : loop_add(r->config.epoll, c->fd, want, ref_of(r, c));
	c->watched = want;
}
