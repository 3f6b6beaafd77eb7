/* login.c - the page itself, and the cookie for a browser. */
#include <stdio.h>
#include <string.h>

#include "format/http_fields.h"
#include "web/web.h"

/* A wrong token counts in the same way as one in the Authorization field. */
static bool take_token(struct session *s, const char *token)
{
	unsigned wait = limit_tokens(s->wsi);

	if (wait > 0) {
		answer_refusal(
			s, &(struct refusal){.status = 429,
					     .wait_s = wait,
					     .why = "too many wrong tokens; wait some seconds"});
		return false;
	}
	if (!secret_equal(server.token, token)) {
		limit_wrong_token(s->wsi);
		static_page(s, true);
		return false;
	}
	(void)snprintf(s->headers, sizeof s->headers,
		       "set-cookie: vm_session=%s; HttpOnly; SameSite=Strict; Path=%s/%s\n"
		       "location: %s/\n",
		       server.cookie, server.prefix, request_is_https(s->wsi) ? "; Secure" : "",
		       server.prefix);
	answer(s, 303, NULL, "");
	return true;
}

void handle_login(struct session *s)
{
	static const char field[] = "token=";
	char token[160] = "";

	/* The form has one field, whose value contains no characters that need escaping. */
	if (s->body.len > sizeof field - 1 && s->body.len - (sizeof field - 1) < sizeof token &&
	    memcmp(s->body.data + s->body.at, field, sizeof field - 1) == 0) {
		size_t n = s->body.len - (sizeof field - 1);

		memcpy(token, s->body.data + s->body.at + sizeof field - 1, n);
		token[n] = '\0';
	}
	(void)take_token(s, token);
}

void handle_page(struct session *s)
{
	char token[160];
	struct refusal ignored;

	if (parameter_query(s, "token", token, sizeof token))
		(void)take_token(s, token);
	else
		static_page(s, !request_admitted(s->wsi, false, &ignored));
}
