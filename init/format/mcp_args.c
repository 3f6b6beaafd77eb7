/* mcp_args.c - the arguments of a tool: their JSON Schema, and their validation (mcp.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/choices.h"
#include "format/mcp.h"

const char *mcp_words(const char *words, char *buf, size_t size)
{
	struct json_list list;

	json_list_begin(&list, buf, size);
	for (const char *at = words; *at; at += *at == '|') {
		int n = (int)strcspn(at, "|");

		json_list_text(&list, at, n);
		at += n;
	}
	return json_list_end(&list);
}

/* Limits of a table. */
enum { PARAMS_MAX = 20, FIELDS = 5, CHOICES = 256 };

/* The members of one property's schema, into M. CHOICES_TEXT (CHOICES bytes) is part of them. */
static void property(const struct mcp_param *p, struct json_member *m, char *choices_text)
{
	static const char *const types[] = {[MCP_TEXT] = "string",
					    [MCP_INT] = "integer",
					    [MCP_BOOL] = "boolean",
					    [MCP_TEXTS] = "array"};
	static const struct json_member items[] = {J_TEXT("type", "string"), {.key = NULL}};

	*m++ = JSON_MEMBER J_TEXT("type", types[p->type]);
	*m++ = JSON_MEMBER J_TEXT("description", p->help);
	switch (p->type) {
	case MCP_INT:
		*m++ = JSON_MEMBER J_INT("minimum", p->min);
		*m++ = JSON_MEMBER J_INT("maximum", p->max);
		break;
	case MCP_TEXT:
		if (p->choices) {
			*m++ = JSON_MEMBER J_RAW("enum",
						 mcp_words(p->choices, choices_text, CHOICES));
			break;
		}
		*m++ = JSON_MEMBER J_INT("minLength", p->min);
		*m++ = JSON_MEMBER J_INT("maxLength", p->max);
		break;
	case MCP_TEXTS:
		*m++ = JSON_MEMBER J_MEMBERS("items", items);
		*m++ = JSON_MEMBER J_INT("minItems", p->min);
		*m++ = JSON_MEMBER J_INT("maxItems", p->max);
		break;
	case MCP_BOOL: break;
	}
	m->key = NULL;
}

bool mcp_schema(const struct mcp_param *table, char *buf, size_t size)
{
	struct json_member fields[PARAMS_MAX][FIELDS + 1];
	struct json_member properties[PARAMS_MAX + 1];
	char choices[PARAMS_MAX][CHOICES];
	struct json_list required;
	char names[1024];
	size_t n = 0;
	bool any = false;

	json_list_begin(&required, names, sizeof names);
	for (const struct mcp_param *p = table; p->name; p++, n++) {
		if (n == PARAMS_MAX)
			return false;
		property(p, fields[n], choices[n]);
		properties[n] = JSON_MEMBER J_MEMBERS(p->name, fields[n]);
		if (p->required)
			json_list_text(&required, p->name, -1);
		any |= p->required;
	}
	properties[n].key = NULL;
	const char *list = json_list_end(&required);

	return json_write(buf, size,
			  JSON_LIST(J_TEXT("type", "object"), J_MEMBERS("properties", properties),
				    J_RAW("required", any ? list : NULL),
				    J_BOOL("additionalProperties", false))) > 0;
}

/* ---- the check ----------------------------------------------------------------------------- */

static const struct mcp_param *find(const struct mcp_param *table, const char *name)
{
	for (const struct mcp_param *p = table; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static bool check_text(const struct mcp_param *p, const struct json_value *v, char *why,
		       size_t size)
{
	if (v->type != JSON_STRING) {
		(void)snprintf(why, size, "%s is no string", p->name);
		return false;
	}
	long n = (long)strlen(v->text);

	if (p->choices && choice_index(p->choices, v->text) < 0) {
		(void)snprintf(why, size, "%s is %.60s, and not one of %s", p->name, v->text,
			       p->choices);
		return false;
	}
	if (!p->choices && (n < p->min || n > p->max)) {
		(void)snprintf(why, size, "%s has %ld bytes; it must have %ld to %ld", p->name, n,
			       p->min, p->max);
		return false;
	}
	return true;
}

static bool check_integer(const struct mcp_param *p, const struct json_value *v, char *why,
			  size_t size)
{
	char *end;

	errno = 0;
	long n = v->type == JSON_NUMBER ? strtol(v->text, &end, 10) : 0;

	if (v->type == JSON_NUMBER && !*end && errno == 0 && n >= p->min && n <= p->max)
		return true;
	(void)snprintf(why, size, "%s is no integer from %ld to %ld", p->name, p->min, p->max);
	return false;
}

static bool check_list(const struct mcp_param *p, const struct json *doc,
		       const struct json_value *v, char *why, size_t size)
{
	long count = 0;

	for (int32_t i = v->type == JSON_ARRAY ? v->first : -1; i >= 0; i = doc->values[i].next) {
		if (doc->values[i].type != JSON_STRING) {
			count = p->max + 1;
			break;
		}
		count++;
	}
	if (v->type == JSON_ARRAY && count >= p->min && count <= p->max)
		return true;
	(void)snprintf(why, size, "%s is no list of %ld to %ld strings", p->name, p->min, p->max);
	return false;
}

static bool check_value(const struct mcp_param *p, const struct json *doc,
			const struct json_value *v, char *why, size_t size)
{
	switch (p->type) {
	case MCP_TEXT: return check_text(p, v, why, size);
	case MCP_INT: return check_integer(p, v, why, size);
	case MCP_TEXTS: return check_list(p, doc, v, why, size);
	case MCP_BOOL: break;
	}
	if (v->type == JSON_TRUE || v->type == JSON_FALSE)
		return true;
	(void)snprintf(why, size, "%s is neither true nor false", p->name);
	return false;
}

static void say_names(const struct mcp_param *table, char *why, size_t size)
{
	size_t n = strlen(why);

	for (const struct mcp_param *p = table; p->name && n < size; p++)
		n += (size_t)snprintf(why + n, size - n, "%s %s", p == table ? "" : ",", p->name);
}

bool mcp_check(const struct mcp_param *table, const struct json *doc,
	       const struct json_value *arguments, char *why, size_t size)
{
	if (arguments && arguments->type != JSON_OBJECT) {
		(void)snprintf(why, size, "the arguments are no object");
		return false;
	}
	for (int32_t i = arguments ? arguments->first : -1; i >= 0; i = doc->values[i].next) {
		const struct json_value *v = &doc->values[i];
		const struct mcp_param *p = find(table, v->name);

		if (!p) {
			(void)snprintf(why, size, "there is no argument %.60s%s", v->name,
				       table->name ? "; there are:" : "");
			say_names(table, why, size);
			return false;
		}
		if (!check_value(p, doc, v, why, size))
			return false;
	}
	for (const struct mcp_param *p = table; p->name; p++)
		if (p->required && !json_get(doc, arguments, p->name)) {
			(void)snprintf(why, size, "%s is missing: %s", p->name, p->help);
			return false;
		}
	return true;
}
