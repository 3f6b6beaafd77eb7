/* mux_input.c - clients' input, from their sockets to the queue. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "console/mux_internal.h"
#include "format/answers.h"

#define HANGUP (EPOLLHUP | EPOLLERR)

void clients_resume_input(struct relay *r)
{
	r->input_waited = false;
	for (struct console_client *c = r->clients; c < r->clients + r->slots; c++) {
		if (!c->used || !c->input_waits)
			continue;
		c->input_waits = false;
		client_watch(r, c);
	}
}

static void reply(struct console_client *c, const char *text, size_t n)
{
	if (sizeof c->reply - c->reply_len < n)
		return;
	memcpy(c->reply + c->reply_len, text, n);
	c->reply_len += n;
}

/* Remove the LF of each CR LF from the N bytes at IN. */
static size_t join_line_ends(struct console_client *c, uint8_t *in, size_t n)
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

/* Of several terminals only one may answer the guest's queries: the one that was last typed in, if
 * it is known to answer queries, else the first one. A program that answers one (vm exec does, for
 * the line that it types) does so instead of them. Remove the answers of others from the N bytes at
 * IN. Returns the remaining length. */
static size_t sift_answers(struct relay *r, struct console_client *c, uint8_t *in, size_t n)
{
	size_t len = 0;
	bool typed = false;

	for (size_t i = 0; i < n;) {
		size_t answer = in[i] == '\033' ? terminal_answer(in + i, n - i) : 0;
		size_t part = answer ? answer : 1;

		c->answers = c->answers || answer;
		typed = typed || !answer;
		if (answer && (c->program || !r->answerer))
			r->answerer = c->id;
		if (!answer || r->answerer == c->id) {
			memmove(in + len, in + i, part);
			len += part;
		}
		i += part;
	}
	if (typed && c->answers)
		r->answerer = c->id;
	return len;
}

/* N bytes at IN are sent to QEMU: update an upper bound for the length of the unfinished line. */
static void follow_line(struct relay *r, const struct console_client *c, const uint8_t *in,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (in[i] == '\r' || in[i] == '\n')
			r->line_len = 0;
		else if (in[i] < ' ') /* completion, history, ...: any length */
			r->line_len = INPUT_QUEUE;
		else if (r->line_len < INPUT_QUEUE)
			r->line_len++;
		r->line_owner = c->id;
	}
}

/* Queue N bytes of C that follow the input queue in memory. */
static void take(struct relay *r, struct console_client *c, size_t n)
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
	n = sift_answers(r, c, in, n);
	c->typed += n;
	c->typed_ns = n > 0 ? clock_now() : c->typed_ns;
	if (r->to >= 0 &&
	    !c->read_only) { /* without a device they are not kept for another guest */
		input_add(r, n);
		follow_line(r, c, in, n);
	}
	if (events & TELNET_PURGE)
		c->position = r->delivered;
	/* The break goes first: SysRq is a break followed by a key. */
	if ((events & TELNET_BREAK) && r->config.on_break && !c->read_only)
		r->config.on_break(r->config.arg);
	if (events & TELNET_AYT)
		reply(c, "\r\n[Yes]\r\n", 9);
	if (c->reply_len > 0)
		(void)client_serve(r, c);
	input_send(r);
}

/* C has shut down its sending side; whether it still reads cannot be seen on a TCP connection. */
static void half_close(struct relay *r, struct console_client *c)
{
	c->half_closed = true;
	r->stats.clients--;
	r->stats.half_closed++;
	client_clear_line(r, c);
	if (c->telnet) { /* IAC NOP: ignored by a client, answered with a reset if it is gone */
		reply(c, "\377\361", 2);
		(void)client_serve(r, c);
	} else {
		client_watch(r, c);
	}
}

static void read_from(struct relay *r, struct console_client *c, uint32_t events)
{
	if (c->half_closed) {
		if (events & HANGUP)
			client_let_go(r, c);
		return;
	}
	if (input_room(r) < INPUT_READ) {
		c->input_waits = r->input_waited = true;
		if (events & HANGUP) { /* it would be reported again and again while registered */
			loop_remove(r->config.epoll, c->fd);
			c->registered = false;
		} else {
			client_watch(r, c);
		}
		return;
	}
	if (events & HANGUP)
		client_stop_output(c);
	ssize_t n = recv(c->fd, r->input + r->input_len, INPUT_READ, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && (events & HANGUP)))
		client_let_go(r, c);
	else if (n == 0)
		half_close(r, c);
	else
		take(r, c, (size_t)n);
}

void client_event(struct relay *r, struct loop_ref ref, uint32_t events)
{
	unsigned place = ref.slot & 0xff;
	struct console_client *c = r->clients + place;

	if (place >= r->slots || !c->used || c->fd != ref.fd || c->generation != ref.slot >> 8)
		return;
	if ((events & EPOLLOUT) && !client_serve(r, c))
		return;
	if (events & (EPOLLIN | HANGUP))
		read_from(r, c, events);
}
