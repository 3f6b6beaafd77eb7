/* mcp.c - the Model Context Protocol over HTTP: each message goes to a `vm mcp --once`, and what
 * that prints is the answer (modelcontextprotocol.io, Streamable HTTP): as plain JSON, or as a
 * stream of events when notifications come before it and the client takes one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/run.h"

/* Exit statuses of vm mcp --once. */
enum { MCP_BAD_REQUEST = 64, MCP_UNKNOWN_METHOD = 69 };

/* Notifications are sent at once. The last line is the answer, whose HTTP status is known at the
 * end. */
static void output(struct task *t, const char *data, size_t n)
{
	static const char notification[] = "{\"jsonrpc\":\"2.0\",\"method\":";
	struct session *s = t->session;
	struct run *r = s->own;
	const char *line, *end;

	run_keep(t, data, n);
	while (r->streams && (line = r->text.data + r->text.at) != NULL &&
	       (end = memchr(line, '\n', r->text.len)) != NULL &&
	       strncmp(line, notification, sizeof notification - 1) == 0) {
		if (!r->started)
			answer_begin(s, 200, "text/event-stream", -1);
		r->started = true;
		answer_event(s, "message", line);
		buffer_take(&r->text, (size_t)(end + 1 - line));
	}
}

static void answer_whole(struct session *s, int status, const char *text)
{
	if (status != EXIT_CLEAN && !*text)
		answer_problem(s, 500, EXIT_INTERNAL, "vm mcp has ended without an answer",
			       "the log of the container says why");
	else if (!*text) /* a notification of the client's has no answer */
		answer(s, 202, NULL, "");
	else
		answer(s,
		       status == MCP_BAD_REQUEST      ? 400
		       : status == MCP_UNKNOWN_METHOD ? 404
						      : 200,
		       "application/json", text);
}

static void ended(struct task *t)
{
	struct session *s = t->session;
	struct run *r = run_over(t);
	bool started = r->started;
	char *all = buffer_add(&r->text, "", 1) ? r->text.data + r->text.at : NULL;
	size_t n = all ? strlen(all) : 0;

	while (n > 0 && all[n - 1] == '\n')
		all[--n] = '\0';
	/* What comes before the last line is progress that the client does not take. */
	const char *last = all ? strrchr(all, '\n') : NULL;
	char *text = strdup(last ? last + 1 : all ? all : "");

	run_free(s);
	if (!text) {
		answer_no_memory(s);
	} else if (!started) {
		answer_whole(s, t->status, text);
	} else {
		if (*text)
			answer_event(s, "message", text);
		answer_end(s);
	}
	free(text);
}

/* The header NAME as an argument: "" if it is absent. */
static const char *header(const struct session *s, const char *name, char *out, size_t size)
{
	(void)parameter_header(s, name, out, size);
	/* it would be parsed as an option */
	if (out[0] == '-')
		out[0] = '?';
	return out;
}

void handle_mcp(struct session *s)
{
	char protocol[64], method[128], name[256];
	char accepts[256];
	const char *texts[] = {"mcp", header(s, "MCP-Protocol-Version", protocol, sizeof protocol),
			       header(s, "Mcp-Method", method, sizeof method),
			       header(s, "Mcp-Name", name, sizeof name), NULL};

	if (s->body.len == 0) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "a JSON-RPC message is needed", NULL);
		return;
	}
	struct run *r = run_start(s, WEB_RUN, texts, output, ended);

	if (!r)
		return;
	r->streams = lws_hdr_copy(s->wsi, accepts, sizeof accepts, WSI_TOKEN_HTTP_ACCEPT) > 0 &&
		     strstr(accepts, "text/event-stream");
	task_write(r->task, s->body.data + s->body.at, s->body.len);
	task_write_end(r->task);
}
