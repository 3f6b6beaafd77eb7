/* console.c - the serial console: one connection to PID 1 for all browsers.
 *
 * Output is kept in a ring buffer; each client has a position in it, and a client whose position is
 * overwritten is disconnected. The first connection receives PID 1's scrollback; later clients get
 * it from the ring, filtered in the same way (format/replay.h). With several terminals, one answers
 * the guest's terminal queries (format/answers.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/io.h"
#include "format/answers.h"
#include "format/replay.h"
#include "web/web.h"

#define RING	  (512u << 10)
#define REPLAY	  (256u << 10)
#define PIECE	  4096
#define INPUT_MAX (64u << 10)

/* With many clients, output is sent to them in larger and fewer pieces: PID 1 is not read again
 * before this time has passed for each of them. A few are served at once. */
#define REST_CLIENT_NS 100000
#define CLIENTS_FEW    8

struct console_viewer {
	struct session *session;
	struct console_viewer *next;
	uint64_t at;	/* read position */
	uint64_t until; /* end of the output that it receives filtered */
	struct replay filter;
	bool readonly, answers;
	bool paused;	    /* its input is paused */
	bool in_scrollback; /* live: it starts after the scrollback */
	bool dropped;
};

static struct {
	struct watch line;
	struct watch timer; /* ends the rest */
	bool resting;
	struct task *connecting;
	bool open;
	char head[64]; /* the line `0 NUMBER` */
	size_t head_len;
	bool headed;
	bool marked;	/* the end of the scrollback has come */
	uint64_t end;	/* total number of bytes received */
	uint64_t begin; /* value of END when this connection began */
	struct buffer input;
	struct console_viewer *clients;
	unsigned count;
	unsigned long long sent;
	struct console_viewer *answerer;
} console = {.line = {.fd = -1}, .timer = {.fd = -1}};

static uint8_t ring[RING];

void console_stats(unsigned *clients, unsigned long long *bytes)
{
	*clients = console.count;
	*bytes = console.sent;
}

/* ---- output to the clients ------------------------------------------------------------------ */

static uint64_t oldest(void)
{
	return console.end > RING ? console.end - RING : 0;
}

static void drop(struct console_viewer *c, const char *why)
{
	c->session->close_code = 1008; /* policy violation (RFC 6455, 7.4.1) */
	c->session->close_reason = why;
	session_wake(c->session);
}

/* Send the next piece to a client whose buffer is empty. */
static bool fill(struct session *s)
{
	struct console_viewer *c = s->own;
	uint8_t out[PIECE + REPLAY_HELD];

	if (c->in_scrollback)
		return false;
	if (c->at < oldest()) { /* console_tick() disconnects it */
		drop(c, "it did not keep up");
		return false;
	}
	size_t from = c->at % RING;
	size_t n = (size_t)(console.end - c->at);

	n = n > RING - from ? RING - from : n;
	n = n > PIECE ? PIECE : n;
	if (c->at < c->until) {
		n = n > c->until - c->at ? (size_t)(c->until - c->at) : n;
		size_t len = replay_filter(&c->filter, ring + from, n, out);

		if (!buffer_add(&s->out, out, len))
			return false;
	} else if (n == 0 || !buffer_add(&s->out, ring + from, n)) {
		return false;
	}
	c->at += n;
	console.sent += n;
	return true;
}

static void wake_all(void)
{
	for (struct console_viewer *c = console.clients; c; c = c->next)
		session_wake(c->session);
}

static void keep(const uint8_t *data, size_t n)
{
	while (n > 0) {
		size_t to = console.end % RING;
		size_t part = n > RING - to ? RING - to : n;

		memcpy(ring + to, data, part);
		console.end += part;
		data += part;
		n -= part;
	}
}

/* ---- connection to PID 1 -------------------------------------------------------------------- */

/* A client that was overtaken may never have room for a closing frame. */
void console_tick(void)
{
	for (struct console_viewer *c = console.clients; c; c = c->next)
		if (!c->in_scrollback && !c->dropped && c->at < oldest()) {
			c->dropped = true;
			session_kill(c->session);
		}
}

static void end_scrollback(void)
{
	console.marked = true;
	for (struct console_viewer *c = console.clients; c; c = c->next) {
		if (c->in_scrollback)
			c->at = c->until = console.end;
		c->in_scrollback = false;
	}
}

/* Keep N bytes from PID 1, but not the mark at the end of its scrollback. */
static void take(const uint8_t *data, size_t n)
{
	const uint8_t *mark = console.marked ? NULL : memchr(data, REPLAY_MARK, n);

	if (mark) {
		size_t before = (size_t)(mark - data);

		keep(data, before);
		end_scrollback();
		data += before + 1;
		n -= before + 1;
	}
	keep(data, n);
}

static void watch_line(void)
{
	watch_events(&console.line,
		     (console.resting ? 0 : EPOLLIN) | (console.input.len ? EPOLLOUT : 0));
}

static void rest(void)
{
	long ns = (long)console.count * REST_CLIENT_NS;
	const struct itimerspec once = {.it_value = {.tv_nsec = ns}};

	if (console.count <= CLIENTS_FEW || timerfd_settime(console.timer.fd, 0, &once, NULL) != 0)
		return;
	console.resting = true;
	watch_line();
}

static void on_timer(struct watch *w, uint32_t events)
{
	uint64_t times;

	(void)events;
	if (read(w->fd, &times, sizeof times) != (ssize_t)sizeof times)
		return;
	console.resting = false;
	watch_line();
}

bool console_start(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	return fd >= 0 && watch_add(&console.timer, fd, EPOLLIN, on_timer, NULL);
}

static void line_closed(void)
{
	watch_close(&console.line);
	console.open = console.headed = console.marked = console.resting = false;
	console.head_len = 0;
	buffer_free(&console.input);
}

static void end_all(const char *why)
{
	for (struct console_viewer *c = console.clients; c; c = c->next)
		drop(c, why);
}

static void resume_input(void)
{
	for (struct console_viewer *c = console.clients; c; c = c->next)
		if (c->paused) {
			c->paused = false;
			lws_rx_flow_control(c->session->wsi, 1);
		}
}

static void write_line(void)
{
	ssize_t n;

	if (!console.headed || console.input.len == 0)
		return;
	n = send(console.line.fd, console.input.data + console.input.at, console.input.len,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		buffer_take(&console.input, (size_t)n);
	watch_line();
	if (console.input.len < INPUT_MAX / 2)
		resume_input();
}

/* Parse the line before the guest's output. Returns its length in DATA. */
static size_t take_head(const uint8_t *data, size_t n)
{
	size_t i = 0;

	while (i < n && !console.headed) {
		char c = (char)data[i++];

		console.headed = c == '\n';
		if (console.head_len < sizeof console.head - 1 && !console.headed)
			console.head[console.head_len++] = c;
	}
	console.head[console.head_len] = '\0';
	return i;
}

static void on_line(struct watch *w, uint32_t events)
{
	static uint8_t buf[65536];

	if (events & EPOLLOUT)
		write_line();
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	ssize_t n = recv(w->fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	size_t skip = n > 0 && !console.headed ? take_head(buf, (size_t)n) : 0;

	/* All slots are taken, or the guest has ended. */
	if (n <= 0 || (console.headed && strncmp(console.head, "0 ", 2) != 0)) {
		line_closed();
		end_all(n <= 0 ? "the console has ended" : "no place on the console; try again");
		return;
	}
	take(buf + skip, (size_t)n - skip);
	if (console.headed)
		write_line();
	wake_all();
	if ((size_t)n < sizeof buf)
		rest();
}

static void on_connected(struct task *t)
{
	int fd = t->fd;

	console.connecting = NULL;
	t->fd = -1;
	console.begin = console.end;
	if (t->status == EXIT_CLEAN && fd >= 0 && fd_nonblock(fd, true) &&
	    watch_add(&console.line, fd, EPOLLIN, on_line, NULL)) {
		console.open = true;
		return;
	}
	end_all("no guest runs here");
}

static bool connect_line(void)
{
	static const char *const texts[] = {"console all marked", NULL};

	if (console.open || console.connecting)
		return true;
	console.connecting = task_start(WEB_CONTROL, texts, NULL, NULL, on_connected, NULL);
	return console.connecting != NULL;
}

/* ---- clients ------------------------------------------------------------------------------- */

/* As in console/mux_input.c. */
static void type(struct console_viewer *c, const uint8_t *in, size_t n)
{
	bool typed = false;

	for (size_t i = 0; i < n;) {
		size_t answer = in[i] == '\033' ? terminal_answer(in + i, n - i) : 0;
		size_t part = answer ? answer : 1;

		c->answers = c->answers || answer;
		typed = typed || !answer;
		if (answer && !console.answerer)
			console.answerer = c;
		if (!answer || console.answerer == c)
			(void)buffer_add(&console.input, in + i, part);
		i += part;
	}
	if (typed && c->answers)
		console.answerer = c;
}

static void received(struct session *s, const char *data, size_t n)
{
	struct console_viewer *c = s->own;

	if (c->readonly || n == 0)
		return;
	if (!connect_line())
		return;
	type(c, (const uint8_t *)data, n);
	write_line();
	if (console.input.len >= INPUT_MAX) {
		c->paused = true;
		lws_rx_flow_control(s->wsi, 0);
	}
}

static void closed(struct session *s)
{
	struct console_viewer *c = s->own;

	for (struct console_viewer **at = &console.clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	if (console.answerer == c)
		console.answerer = NULL;
	free(c);
	console.count--;
	/* Without clients PID 1 need not copy the guest's output. */
	if (!console.clients) {
		line_closed();
		task_cancel(console.connecting);
		console.connecting = NULL;
	}
}

void console_open(struct session *s, bool readonly, bool live)
{
	struct console_viewer *c = calloc(1, sizeof *c);
	uint64_t from = console.end > REPLAY ? console.end - REPLAY : 0;

	if (!c || !connect_line()) {
		free(c);
		s->close_code = 1013; /* try again later */
		s->close_reason = "too much is under way";
		session_wake(s);
		return;
	}
	c->session = s;
	c->readonly = readonly;
	c->in_scrollback = live && !console.marked;
	/* A new connection receives PID 1's scrollback, already filtered. */
	if (!console.open)
		from = console.end;
	else if (from < console.begin)
		from = console.begin;
	c->until = c->at = console.end;
	if (!live && console.open) {
		static uint8_t probe[PIECE];
		size_t n = (size_t)(console.end - from);

		n = n > PIECE ? PIECE : n;
		for (size_t i = 0; i < n; i++)
			probe[i] = ring[(from + i) % RING];
		c->at = from + (from > console.begin ? replay_start(probe, n) : 0);
	}
	s->own = c;
	s->fill = fill;
	s->received = received;
	s->closed = closed;
	c->next = console.clients;
	console.clients = c;
	console.count++;
	session_wake(s);
}
