/* session.c - requests and WebSockets: their lists, answers, and clients that are too slow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/web.h"

struct session *session_list;

struct session *session_new(struct lws *wsi)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->wsi = wsi;
	s->length = -1;
	s->next = session_list;
	if (s->next)
		s->next->prev = s;
	session_list = s;
	server.sessions++;
	tick_arm(true);
	broker_ask_display();
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->closed)
		s->closed(s);
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		session_list = s->next;
	buffer_free(&s->body);
	buffer_free(&s->out);
	free(s);
	server.sessions--;
	if (!session_list)
		tick_arm(false);
}

void session_wake(struct session *s)
{
	if (!s->waiting)
		s->waiting = now_ns();
	(void)lws_callback_on_writable(s->wsi);
}

void session_writable(struct session *s)
{
	s->waiting = 0;
}

void session_kill(struct session *s)
{
	server.slow++;
	s->waiting = 0;
	lws_set_timeout(s->wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_ASYNC);
}

/* Is the client not reading although data is waiting? The data may be in libwebsockets, in the
 * kernel or in OUT, so the test is whether the socket has been full. */
static void drop_slow(struct session *s)
{
	if (s->waiting && now_ns() - s->waiting >= SLOW_S * SECOND)
		session_kill(s);
}

void session_tick(void)
{
	broker_ask_display();
	events_tick();
	console_tick();
	for (struct session *s = session_list, *next; s; s = next) {
		next = s->next;
		if (s->tick)
			s->tick(s);
		drop_slow(s);
	}
}

/* ---- answers ------------------------------------------------------------------------------- */

void answer_begin(struct session *s, int status, const char *type, long long length)
{
	s->status = status;
	s->type = type;
	s->length = length;
	session_wake(s);
}

void answer_add(struct session *s, const void *data, size_t n)
{
	if (!buffer_add(&s->out, data, n))
		s->failed = true;
	session_wake(s);
}

void answer_end(struct session *s)
{
	s->ended = true;
	session_wake(s);
}

void answer_bytes(struct session *s, int status, const char *type, const void *data, size_t n)
{
	answer_begin(s, status, type, (long long)n);
	if (n > 0)
		answer_add(s, data, n);
	answer_end(s);
}

void answer(struct session *s, int status, const char *type, const char *text)
{
	answer_bytes(s, status, type, text, strlen(text));
}

static const char *title_of(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = {{400, "bad request"},	 {401, "no token, or a wrong one"},
		      {403, "forbidden"},	 {404, "not found"},
		      {405, "wrong method"},	 {408, "not within the time"},
		      {409, "not possible now"}, {411, "the length is missing"},
		      {413, "too large"},	 {421, "wrong host"},
		      {422, "refused"},		 {429, "too many requests"},
		      {502, "QEMU failed"},	 {503, "not available now"}};

	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "failed";
}

size_t problem_text(char *out, size_t size, int status, int exit_status, const char *detail,
		    const char *fix)
{
	return json_line(out, size,
			 JSON_LIST(J_TEXT("type", "about:blank"), J_TEXT("title", title_of(status)),
				   J_INT("status", status), J_TEXT("detail", detail),
				   J_TEXT("fix", fix), J_INT("exit_status", exit_status)));
}

void answer_problem(struct session *s, int status, int exit_status, const char *detail,
		    const char *fix)
{
	char text[4096];
	size_t n = problem_text(text, sizeof text, status, exit_status, detail, fix);

	answer_bytes(s, status, "application/problem+json", text, n);
}

void answer_no_memory(struct session *s)
{
	answer_problem(s, 500, EXIT_INTERNAL, "no memory", "give the container more memory");
}

void answer_refusal(struct session *s, const struct refusal *r)
{
	size_t used = strlen(s->headers);

	if (r->wait_s > 0)
		(void)snprintf(s->headers + used, sizeof s->headers - used, "retry-after: %u\n",
			       r->wait_s);
	answer_problem(s, r->status, r->status == 429 ? EXIT_NO_SLOT : EXIT_NO_PERMISSION, r->why,
		       r->fix);
}

int http_status_of(int exit_status)
{
	switch (exit_status) {
	case EXIT_CLEAN: return 200;
	case EXIT_NOT_READY: return 409;
	case EXIT_BAD_USAGE: return 400;
	case EXIT_BAD_IMAGE: return 422;
	case EXIT_NO_IMAGE: return 404;
	case EXIT_QEMU_FAILED: return 502;
	case EXIT_NO_SLOT: return 503;
	case EXIT_NO_PERMISSION: return 403;
	case EXIT_BAD_SETTING: return 409;
	default: return 500;
	}
}

void answer_event(struct session *s, const char *name, const char *json)
{
	answer_add(s, "event: ", 7);
	answer_add(s, name, strlen(name));
	answer_add(s, "\ndata: ", 7);
	answer_add(s, json, strcspn(json, "\r\n"));
	answer_add(s, "\n\n", 2);
}

const struct json *session_json(struct session *s)
{
	static struct json_value values[256];
	static struct json doc;
	static char empty[] = "{}";

	doc = (struct json){.values = values, .room = sizeof values / sizeof *values};
	if (s->body.len > 0 && !buffer_add(&s->body, "", 1)) {
		answer_no_memory(s);
		return NULL;
	}
	bool ok = s->body.len > 0 ? json_parse(&doc, s->body.data + s->body.at, s->body.len - 1)
				  : json_parse(&doc, strcpy(empty, "{}"), 2);

	if (ok && doc.values[0].type == JSON_OBJECT)
		return &doc;
	answer_problem(s, 400, EXIT_BAD_USAGE, ok ? "the body is no JSON object" : doc.error,
		       "send a JSON object, as docs/api.yaml says");
	return NULL;
}
