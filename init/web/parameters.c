/* parameters.c - the parameters of a request, by the table of its route (web.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/choices.h"
#include "web/web.h"

static const struct parameter *find(const struct session *s, int in, const char *name)
{
	for (const struct parameter *p = s->route->parameters; p && p->name; p++)
		if ((int)p->in == in && strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static bool text_fits(const struct parameter *p, const char *text)
{
	size_t n = strlen(text);

	return n >= (size_t)p->min && (!p->max || n <= (size_t)p->max) &&
	       (!p->choices || choice_index(p->choices, text) >= 0);
}

bool parameter_query(const struct session *s, const char *name, char *out, size_t size)
{
	static char argument[4300]; /* including its name */
	const struct parameter *p = find(s, IN_QUERY, name);
	char key[32];

	(void)snprintf(key, sizeof key, "%s=", name);
	const char *value =
		p ? lws_get_urlarg_by_name(s->wsi, key, argument, sizeof argument - 1) : NULL;

	out[0] = '\0';
	return value && snprintf(out, size, "%s", value) < (int)size && text_fits(p, out);
}

bool parameter_header(const struct session *s, const char *name, char *out, size_t size)
{
	char key[64];
	size_t n = 0;

	out[0] = '\0';
	for (; name[n] && n + 2 < sizeof key; n++)
		key[n] = (char)tolower((unsigned char)name[n]);
	key[n++] = ':';
	key[n] = '\0';
	if (find(s, IN_HEADER, name) &&
	    lws_hdr_custom_copy(s->wsi, out, (int)size, key, (int)n) > 0)
		return true;
	out[0] = '\0';
	return false;
}

bool parameter_text(const struct session *s, const struct json *doc, const char *name,
		    const char **out)
{
	const struct parameter *p = find(s, IN_BODY, name);

	*out = p ? json_string(doc, doc->values, name) : NULL;
	return p && (*out ? text_fits(p, *out) : !p->required);
}

bool parameter_integer(const struct session *s, const struct json *doc, const char *name,
		       char out[24])
{
	const struct parameter *p = find(s, IN_BODY, name);
	int64_t value = p ? p->dflt : 0;

	if (!p ||
	    (json_get(doc, doc->values, name) && !json_integer(doc, doc->values, name, &value)))
		return false;
	(void)snprintf(out, 24, "%lld", (long long)value);
	return value >= p->min && value <= p->max;
}

bool parameter_bool(const struct session *s, const struct json *doc, const char *name)
{
	return find(s, IN_BODY, name) && json_bool(doc, doc->values, name, false);
}

/* ---- the table as a document ---------------------------------------------------------------- */

static const char *parameters_json(const struct route *r, char *buf, size_t size)
{
	static const char *const places[] = {[IN_BODY] = "body",
					     [IN_QUERY] = "query",
					     [IN_HEADER] = "header",
					     [IN_PATH] = "path",
					     [IN_FORM] = "form"};
	static const char *const types[] = {[PARAMETER_TEXT] = "text",
					    [PARAMETER_INTEGER] = "integer",
					    [PARAMETER_BOOL] = "boolean",
					    [PARAMETER_TEXT_OR_NUMBER] = "text or number"};
	struct json_list list;

	json_list_begin(&list, buf, size);
	for (const struct parameter *p = r->parameters; p && p->name; p++)
		json_list_object(&list,
				 JSON_LIST(J_TEXT("name", p->name), J_TEXT("in", places[p->in]),
					   J_TEXT("type", types[p->type]),
					   J_BOOL("required", p->required),
					   J_INT("default", p->dflt), J_INT("min", p->min),
					   J_INT("max", p->max), J_TEXT("choices", p->choices),
					   J_TEXT("option", p->option), J_TEXT("help", p->help)));
	return json_list_end(&list);
}

void routes_print(void)
{
	static char parameters[8192];
	static char text[16384];

	(void)printf("{\"routes\":[");
	for (const struct route *r = routes; r->method; r++) {
		(void)json_write(
			text, sizeof text,
			JSON_LIST(J_TEXT("method", r->method), J_TEXT("path", r->path),
				  J_BOOL("open", r->open), J_BOOL("upload", r->upload),
				  J_TEXT("id", r->id), J_TEXT("command", r->command),
				  J_TEXT("summary", r->summary),
				  J_RAW("parameters",
					parameters_json(r, parameters, sizeof parameters))));
		(void)printf("%s\n%s", r == routes ? "" : ",", text);
	}
	struct json_list list;

	json_list_begin(&list, text, sizeof text);
	for (int status = 1; status < 128; status++)
		if (http_status_of(status) != http_status_of(EXIT_INTERNAL) ||
		    status == EXIT_INTERNAL)
			json_list_object(&list, JSON_LIST(J_INT("exit_status", status),
							  J_INT("http", http_status_of(status))));
	(void)printf("],\n\"statuses\":%s}\n", json_list_end(&list));
}
