/* cmd_mcp.c - vm mcp: the Model Context Protocol over standard input and output.
 *
 * Each line is a message (format/mcp.h). A tool call is a child process (mcp_call.c); up to
 * MCP_CALLS run at once, and answers are sent as they become ready. Two kinds of clients are
 * served: those that begin with `initialize` (up to revision 2025-11-25), and those that name their
 * protocol version in each request.
 *
 * --once handles one exchange of MCP over HTTP: it reads one message up to the end of standard
 * input, answers it and ends. The HTTP server is vm-web.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "vm/cmd.h"
#include "vm/mcp.h"

#define SECOND UINT64_C(1000000000)
/* Longest wait while a child is to be killed or progress is to be reported. */
#define TICK_NS (SECOND / 5)

/* ---- input --------------------------------------------------------------------------------- */

/* Make room for more input and a NUL. False: no memory. */
static bool make_room(struct mcp_server *s)
{
	size_t room = s->room ? 2 * s->room : 65536;

	if (s->room - s->len > 1)
		return true;
	char *more = realloc(s->line, room);

	if (!more)
		return false;
	s->line = more;
	s->room = room;
	return true;
}

static void too_long(struct mcp_server *s)
{
	mcp_send_error(s, "", MCP_INVALID_REQUEST, "the message is longer than 8 MiB", NULL);
	s->len = 0;
}

/* Handle the complete lines. Bytes before FROM have already been searched for a line end. */
static void take_lines(struct mcp_server *s, size_t from)
{
	size_t begin = 0;
	char *end;

	while ((end = memchr(s->line + from, '\n', s->len - from)) != NULL) {
		size_t next = (size_t)(end - s->line) + 1;

		*end = '\0';
		if (!s->skips)
			mcp_handle_message(s, s->line + begin, next - 1 - begin);
		s->skips = false;
		begin = from = next;
	}
	s->len -= begin;
	memmove(s->line, s->line + begin, s->len);
	if (s->len > MCP_LINE_MAX && !s->skips) {
		too_long(s);
		s->skips = true;
	}
	if (s->skips)
		s->len = 0;
}

/* Read more input. False: there is no more. */
static bool take_input(struct mcp_server *s)
{
	if (!make_room(s))
		return false;
	ssize_t n = read(STDIN_FILENO, s->line + s->len, s->room - s->len - 1);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	size_t from = s->len;

	s->len += (size_t)n;
	if (!s->once)
		take_lines(s, from);
	return !s->once || s->len <= MCP_LINE_MAX;
}

/* --once: all of standard input is one message. */
static void take_once(struct mcp_server *s)
{
	while (take_input(s))
		;
	if (s->len > MCP_LINE_MAX) {
		too_long(s);
	} else if (s->line) {
		s->line[s->len] = '\0';
		mcp_handle_message(s, s->line, s->len);
	}
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void on_child(int sig)
{
	(void)sig;
}

/* Block the signals outside the loop's wait: *WAITING is the mask to wait with. */
static void catch_signals(sigset_t *waiting)
{
	const struct sigaction child = {.sa_handler = on_child};
	sigset_t blocked;

	mcp_end_signals(&blocked);
	(void)sigaddset(&blocked, SIGCHLD);
	mcp_catch_end_signals();
	(void)sigaction(SIGCHLD, &child, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_BLOCK, &blocked, waiting);
}

/* The number of running calls. *TICKS: does one of them need a regular check? */
static size_t running(const struct mcp_server *s, bool *ticks)
{
	size_t n = 0;

	*ticks = false;
	for (size_t i = 0; i < MCP_CALLS; i++) {
		const struct mcp_call *c = &s->calls[i];

		n += c->tool != NULL;
		*ticks |= c->tool && (c->progress[0] || c->kill_ns);
	}
	return n;
}

static void wait_for_something(struct mcp_server *s, bool input, const sigset_t *waiting)
{
	struct pollfd p[1 + 2 * MCP_CALLS] = {{.fd = input ? STDIN_FILENO : -1, .events = POLLIN}};
	struct timespec tick = {.tv_nsec = (long)TICK_NS};
	bool ticks;

	(void)running(s, &ticks);
	for (size_t i = 0; i < MCP_CALLS; i++) {
		const struct mcp_call *c = &s->calls[i];

		p[1 + 2 * i] = (struct pollfd){.fd = c->tool ? c->out.fd : -1, .events = POLLIN};
		p[2 + 2 * i] = (struct pollfd){.fd = c->tool ? c->err.fd : -1, .events = POLLIN};
	}
	if (ppoll(p, sizeof p / sizeof *p, ticks ? &tick : NULL, waiting) < 0)
		p[0].revents = 0;
	for (size_t i = 0; i < MCP_CALLS; i++) {
		struct mcp_call *c = &s->calls[i];
		int status;

		if (!c->tool)
			continue;
		mcp_call_read(c);
		if (mcp_call_ended(c, &status))
			mcp_end_call(s, c, status);
		else
			mcp_send_progress(s, c, clock_now());
	}
	if (p[0].revents && !take_input(s))
		s->broken = true;
}

static int serve(struct mcp_server *s)
{
	sigset_t waiting;
	bool ticks;

	catch_signals(&waiting);
	if (s->once)
		take_once(s);
	while (!mcp_ended && !s->broken && (!s->once || running(s, &ticks) > 0))
		wait_for_something(s, !s->once, &waiting);
	for (size_t i = 0; i < MCP_CALLS; i++)
		if (s->calls[i].tool) {
			mcp_call_kill(&s->calls[i]);
			mcp_call_free(&s->calls[i]);
		}
	free(s->line);
	return mcp_ended ? 128 + mcp_ended : s->once ? s->status : EXIT_CLEAN;
}

int cmd_mcp(const struct command *self, int argc, char **argv, char **envp)
{
	static struct mcp_server s;

	s.envp = envp;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		const struct {
			const char *name, **out;
		} options[] = {{"--protocol", &s.header_version},
			       {"--method", &s.header_method},
			       {"--name", &s.header_name}};
		size_t o = 0;

		if (strcmp(argv[i], "--once") == 0) {
			s.once = true;
			continue;
		}
		while (o < 3 && strcmp(argv[i], options[o].name) != 0)
			o++;
		if (o == 3 || !value)
			return cmd_usage(self,
					 "unknown argument, or its value is missing:", argv[i]);
		*options[o].out = *value ? value : NULL;
		i++;
	}
	return serve(&s);
}
