/* http.c - libwebsockets' callback: requests, their bodies, responses, and WebSockets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/http_fields.h"
#include "web/web.h"

struct slot {
	struct session *s;
};

#define CHUNK 16384

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

static const char *const security[][2] = {
	{"content-security-policy:",
	 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
	 "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
	 "form-action 'self'; frame-ancestors 'none'"},
	{"x-content-type-options:", "nosniff"},
	/* With no-referrer the form of login.html would send `Origin: null` (Fetch, 3.2). */
	{"referrer-policy:", "same-origin"},
	{"cross-origin-opener-policy:", "same-origin"},
	{"cross-origin-resource-policy:", "same-origin"},
};

/* ---- responses ----------------------------------------------------------------------------- */

static bool add_header(struct lws *wsi, const char *name, const char *value, unsigned char **p,
		       unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), p,
					   end) == 0;
}

/* S->headers: lines of the form `name: value`. */
static bool add_own_headers(struct session *s, unsigned char **p, unsigned char *end)
{
	char name[64];
	bool cache = false;

	for (char *line = s->headers; *line;) {
		size_t n = strcspn(line, "\n");
		size_t len = strcspn(line, " ");
		char value[512];

		(void)snprintf(name, sizeof name, "%.*s", (int)len, line);
		(void)snprintf(value, sizeof value, "%.*s", (int)(n - len - 1), line + len + 1);
		cache = cache || strcmp(name, "cache-control:") == 0;
		if (!add_header(s->wsi, name, value, p, end))
			return false;
		line += n + (line[n] == '\n');
	}
	return cache || add_header(s->wsi, "cache-control:", "no-store", p, end);
}

static bool send_head(struct session *s)
{
	static unsigned char buf[LWS_PRE + 4096];
	unsigned char *start = buf + LWS_PRE;
	unsigned char *p = start;
	unsigned char *end = buf + sizeof buf - 1;
	char number[24];
	bool ok = lws_add_http_header_status(s->wsi, (unsigned)s->status, &p, end) == 0;

	if (ok && s->type)
		ok = add_header(s->wsi, "content-type:", s->type, &p, end);
	for (size_t i = 0; ok && i < sizeof security / sizeof *security; i++)
		ok = add_header(s->wsi, security[i][0], security[i][1], &p, end);
	ok = ok && add_own_headers(s, &p, end);
	if (ok && s->length >= 0 && s->status != 204) {
		(void)snprintf(number, sizeof number, "%lld", s->length);
		ok = add_header(s->wsi, "content-length:", number, &p, end);
	}
	/* A stream, or an answer sent before the whole body was read, ends with its connection. */
	if (ok && (s->length < 0 || s->body_left > 0))
		ok = add_header(s->wsi, "connection:", "close", &p, end);
	s->head_sent = true;
	return ok && lws_finalize_write_http_header(s->wsi, start, &p, end) == 0;
}

/* Send the next piece of S's answer. False: the connection must be closed. */
static bool send_more(struct slot *slot)
{
	static unsigned char buf[LWS_PRE + CHUNK];
	struct session *s = slot->s;

	session_writable(s);
	if (s->status == 0)
		return true;
	if (!s->head_sent) {
		if (!send_head(s))
			return false;
		session_wake(s);
		return true;
	}
	if (s->out.len < CHUNK && !s->ended && s->fill)
		while (s->out.len < CHUNK && s->fill(s))
			continue;
	size_t n = s->out.len < CHUNK ? s->out.len : CHUNK;
	bool over = s->ended && n == s->out.len;

	if (s->failed)
		return false;
	if (s->head_only)
		n = 0;
	if (n > 0) {
		memcpy(buf + LWS_PRE, s->out.data + s->out.at, n);
		if (lws_write(s->wsi, buf + LWS_PRE, n, LWS_WRITE_HTTP) < 0)
			return false;
		buffer_take(&s->out, n);
		if (s->drained && s->out.len < OUT_HIGH / 2)
			s->drained(s);
		session_wake(s);
		return true;
	}
	if (!over && !s->head_only)
		return true;
	bool keep = s->length >= 0 && s->body_left <= 0;

	session_free(s);
	slot->s = NULL;
	return keep;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The path of WSI without the prefix, into OUT. */
static bool request_path(struct lws *wsi, char *out, size_t size, int *method)
{
	char *uri = NULL;
	int len = 0;
	int m = lws_http_get_uri_and_method(wsi, &uri, &len);
	size_t skip = strlen(server.prefix);

	if (m < 0 || !uri || (size_t)len < skip || (size_t)len - skip >= size ||
	    memcmp(uri, server.prefix, skip) != 0)
		return false;
	*method = m;
	memcpy(out, uri + skip, (size_t)len - skip);
	out[(size_t)len - skip] = '\0';
	return out[0] == '/' && strlen(out) == (size_t)len - skip;
}

static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
	int n = lws_hdr_total_length(wsi, token);

	out[0] = '\0';
	if (n <= 0)
		return false;
	/* A token that is too long counts as wrong, not as missing. */
	if ((size_t)n >= size || lws_hdr_copy(wsi, out, (int)size, token) < 0)
		(void)snprintf(out, size, "?");
	return true;
}

static bool has_cookie(struct lws *wsi)
{
	char field[2048];
	char value[160];

	return copy_header(wsi, WSI_TOKEN_HTTP_COOKIE, field, sizeof field) &&
	       cookie_value(field, "vm_session", value, sizeof value) &&
	       secret_equal(server.cookie, value);
}

static bool has_token(struct lws *wsi, struct refusal *r)
{
	char field[2048];
	const char *token = NULL;

	if (has_cookie(wsi))
		return true;
	if (copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, field, sizeof field))
		token = bearer_token(field);
	*r = (struct refusal){.status = 401,
			      .why = "this needs the token: the start's log has a link with it"};
	if (!token)
		return false;
	r->wait_s = limit_tokens(wsi);
	if (r->wait_s > 0) {
		r->status = 429;
		r->why = "too many wrong tokens; wait some seconds";
		return false;
	}
	if (secret_equal(server.token, token))
		return true;
	limit_wrong_token(wsi);
	r->why = "the token is wrong";
	return false;
}

bool request_admitted(struct lws *wsi, bool open, struct refusal *r)
{
	char host[300];
	char origin[400];

	*r = (struct refusal){0};
	if (!copy_header(wsi, WSI_TOKEN_HOST, host, sizeof host) ||
	    !host_is_allowed(host, server.hosts)) {
		r->status = 421;
		r->why = "the Host field is no IP address, localhost or name of VM_WEB_HOSTS";
		return false;
	}
	if (copy_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof origin) &&
	    !origin_is_host(origin, host)) {
		r->status = 403;
		r->why = "the request comes from a page of another origin";
		return false;
	}
	return open || has_token(wsi, r);
}

/* The same, and the client does not ask too often. */
static bool admitted(struct lws *wsi, bool open, struct refusal *r)
{
	bool ok = request_admitted(wsi, open, r);
	bool known = ok && (!open || has_cookie(wsi));
	unsigned wait = limit_request(wsi, known);

	if (known)
		limit_known(wsi);
	if (wait > 0)
		*r = (struct refusal){.status = 429,
				      .wait_s = wait,
				      .why = "too many requests come from this address",
				      .fix = "send at most " TEXT_OF(REQUESTS_PER_S) " a second"};
	return ok && wait == 0;
}

/* X-Forwarded-Proto is set by the proxy; a client without a proxy that sends it affects only
 * itself. */
bool request_is_https(struct lws *wsi)
{
	char text[16] = "";

	return lws_hdr_custom_copy(wsi, text, sizeof text, "x-forwarded-proto:", 18) > 0 &&
	       strcmp(text, "https") == 0;
}

static const char *method_name(int m)
{
	return m == LWSHUMETH_POST			   ? "POST"
	       : m == LWSHUMETH_DELETE			   ? "DELETE"
	       : m == LWSHUMETH_GET || m == LWSHUMETH_HEAD ? "GET"
							   : "?";
}

static void dispatch(struct session *s)
{
	if (s->dispatched)
		return;
	s->dispatched = true;
	s->route->handle(s);
}

/* Parse the body's length. False: an error was answered. */
static bool take_length(struct session *s)
{
	char text[32];
	char *end;

	if (lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
	    !copy_header(s->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text)) {
		answer_problem(s, 411, EXIT_BAD_USAGE, "a Content-Length is needed", NULL);
		return false;
	}
	s->body_left = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || s->body_left < 0) {
		answer_problem(s, 400, EXIT_BAD_USAGE, "the Content-Length is no number", NULL);
		return false;
	}
	if (!s->route->upload && s->body_left > BODY_MAX) {
		answer_problem(s, 413, EXIT_BAD_USAGE, "the body is larger than 64 KiB", NULL);
		return false;
	}
	return true;
}

static void begin_request(struct session *s)
{
	bool other = false;
	struct refusal r;

	server.requests++;
	if (!request_path(s->wsi, s->path, sizeof s->path, &s->method)) {
		answer_problem(s, 404, EXIT_BAD_USAGE, "there is no such path", NULL);
		return;
	}
	s->head_only = s->method == LWSHUMETH_HEAD;
	s->route = route_find(method_name(s->method), s->path, s->parts, &other);
	if (!admitted(s->wsi, s->route && s->route->open, &r)) {
		if (r.status == 401)
			(void)snprintf(s->headers, sizeof s->headers, "www-authenticate: Bearer\n");
		answer_refusal(s, &r);
	} else if (!s->route) {
		answer_problem(s, other ? 405 : 404, EXIT_BAD_USAGE,
			       other ? "this path has another method" : "there is no such path",
			       NULL);
	} else if (strcmp(s->route->method, "WS") == 0) {
		if (strcmp(s->path, "/api/v1/display") == 0)
			display_plain(s);
		else
			answer_problem(s, 400, EXIT_BAD_USAGE, "this is a WebSocket", NULL);
	} else if (s->method == LWSHUMETH_POST && !take_length(s)) {
		return;
	} else if (s->method != LWSHUMETH_POST || s->body_left == 0 || s->route->upload) {
		dispatch(s);
	}
}

static void take_body(struct session *s, const char *data, size_t n)
{
	/* The body of a rejected request is read to its end and dropped. */
	s->body_left -= (long long)n;
	if (s->status != 0 && !(s->route && s->route->upload))
		return;
	if (s->route && s->route->upload && s->upload) {
		if (!s->upload(s, data, n, s->body_left <= 0))
			lws_rx_flow_control(s->wsi, 0);
	} else if (s->body.len + n > BODY_MAX + 1 || !buffer_add(&s->body, data, n)) {
		s->failed = true;
	}
}

/* ---- WebSockets ---------------------------------------------------------------------------- */

/* May WSI become a WebSocket? 0; or -1, with an answer sent. */
static int confirm_upgrade(struct lws *wsi, const char *to)
{
	char path[512];
	char parts[2][256];
	bool other;
	struct refusal r;
	int method;
	bool found = strcmp(to, "websocket") == 0 &&
		     request_path(wsi, path, sizeof path, &method) &&
		     route_find("WS", path, parts, &other);
	bool ok = admitted(wsi, false, &r);

	server.requests++;
	if (ok && !found) {
		r = (struct refusal){.status = 404, .why = "there is no such WebSocket"};
	} else if (ok && strcmp(path, "/api/v1/display") == 0 && server.no_display == 1) {
		r = (struct refusal){
			.status = 409, .why = "this guest has no display", .fix = "set QEMU_VGA"};
	} else if (ok) {
		return 0;
	}
	/* No session yet, and the connection is over: the whole answer at once. */
	static unsigned char buf[LWS_PRE + 4096];
	char text[2048];
	char again[32] = "";
	size_t n = problem_text(text, sizeof text, r.status, EXIT_NO_PERMISSION, r.why, r.fix);

	if (r.wait_s > 0)
		(void)snprintf(again, sizeof again, "retry-after: %u\r\n", r.wait_s);
	int all = snprintf((char *)buf + LWS_PRE, sizeof buf - LWS_PRE,
			   "HTTP/1.1 %d refused\r\ncontent-type: application/problem+json\r\n"
			   "content-length: %zu\r\n%sconnection: close\r\n\r\n%s",
			   r.status, n, again, text);

	(void)lws_write(wsi, buf + LWS_PRE, (size_t)all, LWS_WRITE_HTTP_HEADERS);
	return -1;
}

static bool open_websocket(struct session *s)
{
	bool other;
	char text[8];

	s->websocket = true;
	if (!request_path(s->wsi, s->path, sizeof s->path, &s->method))
		return false;
	s->route = route_find("WS", s->path, s->parts, &other);
	if (!s->route)
		return false;
	if (strcmp(s->path, "/api/v1/display") == 0) {
		display_open(s);
		return true;
	}
	bool readonly = parameter_query(s, "readonly", text, sizeof text) && text[0] == '1';
	bool live = parameter_query(s, "live", text, sizeof text) && text[0] == '1';

	console_open(s, readonly, live);
	return true;
}

static bool send_message(struct session *s)
{
	static unsigned char buf[LWS_PRE + CHUNK];
	size_t n;

	session_writable(s);
	if (s->close_code) {
		lws_close_reason(s->wsi, (enum lws_close_status)s->close_code,
				 (unsigned char *)(uintptr_t)s->close_reason,
				 strlen(s->close_reason));
		return false;
	}
	if (s->fill)
		while (s->out.len < CHUNK && s->fill(s))
			continue;
	n = s->out.len < CHUNK ? s->out.len : CHUNK;
	if (s->close_code || n == 0) {
		if (s->close_code)
			session_wake(s);
		return true;
	}
	memcpy(buf + LWS_PRE, s->out.data + s->out.at, n);
	if (lws_write(s->wsi, buf + LWS_PRE, n, LWS_WRITE_BINARY) < (int)n)
		return false;
	buffer_take(&s->out, n);
	if (s->drained && s->out.len < OUT_HIGH / 2)
		s->drained(s);
	session_wake(s);
	return true;
}

/* ---- the callback -------------------------------------------------------------------------- */

static int end_request(struct lws *wsi, struct slot *slot)
{
	/* The client may reuse this connection. */
	return slot->s == NULL && lws_http_transaction_completed(wsi) ? -1 : 0;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct slot *slot = user;

	switch (reason) {
	case LWS_CALLBACK_WSI_DESTROY:
		if (lws_get_vhost(wsi) == server.vhost)
			limit_disconnected(wsi);
		return 0;
	case LWS_CALLBACK_HTTP:
		session_free(slot->s);
		slot->s = session_new(wsi);
		if (!slot->s)
			return -1;
		begin_request(slot->s);
		return 0;
	case LWS_CALLBACK_HTTP_BODY:
		if (slot->s)
			take_body(slot->s, in, len);
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		if (slot->s && slot->s->status == 0 && slot->s->route)
			dispatch(slot->s);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (!slot->s)
			return 0;
		if (!send_more(slot))
			return -1;
		return end_request(wsi, slot);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return confirm_upgrade(wsi, in);
	case LWS_CALLBACK_ESTABLISHED:
		slot->s = session_new(wsi);
		return slot->s && open_websocket(slot->s) ? 0 : -1;
	case LWS_CALLBACK_RECEIVE:
		if (slot->s && slot->s->received)
			slot->s->received(slot->s, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: return slot->s && send_message(slot->s) ? 0 : -1;
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
		if (slot) {
			session_free(slot->s);
			slot->s = NULL;
		}
		return 0;
	default: return 0;
	}
}
