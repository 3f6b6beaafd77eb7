/* mcp.c - see mcp.h. */
#include "format/mcp.h"

#include <stdio.h>
#include <string.h>

#define META_VERSION	  "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"

static const char *const modern[] = {"2026-07-28"};
static const char *const legacy[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

const char *mcp_versions(void)
{
	static char text[128];
	struct json_list list;

	json_list_begin(&list, text, sizeof text);
	for (size_t i = 0; i < sizeof modern / sizeof *modern; i++)
		json_list_text(&list, modern[i], -1);
	for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++)
		json_list_text(&list, legacy[i], -1);
	return json_list_end(&list);
}

const char *mcp_legacy_version(const char *asked)
{
	for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++)
		if (strcmp(asked, legacy[i]) == 0)
			return legacy[i];
	return legacy[0];
}

bool mcp_is_modern(const char *version)
{
	for (size_t i = 0; i < sizeof modern / sizeof *modern; i++)
		if (strcmp(version, modern[i]) == 0)
			return true;
	return false;
}

/* Integers up to 53 bits are safe in every client. The id is kept as written, to be returned
 * unchanged. */
static bool is_integer(const char *text)
{
	size_t sign = text[0] == '-';
	size_t digits = strspn(text + sign, "0123456789");

	return digits > 0 && digits <= 16 && !text[sign + digits];
}

bool mcp_token(const struct json_value *v, char out[MCP_TOKEN])
{
	if (v && v->type == JSON_STRING && strlen(v->text) <= MCP_ID) {
		(void)json_quote(v->text, out, MCP_TOKEN);
		return true;
	}
	if (v && v->type == JSON_NUMBER && is_integer(v->text)) {
		(void)snprintf(out, MCP_TOKEN, "%s", v->text);
		return true;
	}
	out[0] = '\0';
	return false;
}

static void broken(struct mcp_message *m, enum mcp_code code, const char *why)
{
	m->kind = MCP_BROKEN;
	m->code = code;
	m->why = why;
}

/* Read params._meta. False: M is invalid. */
static bool read_meta(const struct json *doc, struct mcp_message *m)
{
	const struct json_value *meta = json_get(doc, m->params, "_meta");
	const struct json_value *token = json_get(doc, meta, "progressToken");
	const struct json_value *version = json_get(doc, meta, META_VERSION);
	const struct json_value *capabilities = json_get(doc, meta, META_CAPABILITIES);

	if (token && !mcp_token(token, m->progress)) {
		broken(m, MCP_INVALID_PARAMS,
		       "_meta.progressToken is no string of at most 128 bytes and no integer");
		return false;
	}
	if (version && version->type != JSON_STRING) {
		broken(m, MCP_INVALID_PARAMS, "_meta's " META_VERSION " is no string");
		return false;
	}
	m->version = version ? version->text : NULL;
	m->capabilities = capabilities && capabilities->type == JSON_OBJECT;
	return true;
}

void mcp_parse(struct json *doc, char *line, size_t n, struct mcp_message *m)
{
	*m = (struct mcp_message){.kind = MCP_BROKEN};
	if (!json_parse(doc, line, n)) {
		broken(m, MCP_PARSE_ERROR, doc->error ? doc->error : "this is no JSON");
		return;
	}
	const struct json_value *root = &doc->values[0];

	if (root->type != JSON_OBJECT) {
		broken(m, MCP_INVALID_REQUEST,
		       root->type == JSON_ARRAY ? "batches are not supported: one message at a time"
						: "a message is an object");
		return;
	}
	const struct json_value *id = json_get(doc, root, "id");
	const struct json_value *method = json_get(doc, root, "method");
	const char *version = json_string(doc, root, "jsonrpc");

	if (id && !mcp_token(id, m->id)) {
		broken(m, MCP_INVALID_REQUEST,
		       "the id is no string of at most 128 bytes and no integer");
		return;
	}
	if (!version || strcmp(version, "2.0") != 0) {
		broken(m, MCP_INVALID_REQUEST, "\"jsonrpc\" is not \"2.0\"");
		return;
	}
	if (!method && id && (json_get(doc, root, "result") || json_get(doc, root, "error"))) {
		m->kind = MCP_RESPONSE;
		return;
	}
	if (!method || method->type != JSON_STRING) {
		broken(m, MCP_INVALID_REQUEST, "there is no method, or it is no string");
		return;
	}
	m->method = method->text;
	m->params = json_get(doc, root, "params");
	if (m->params && m->params->type != JSON_OBJECT) {
		broken(m, MCP_INVALID_PARAMS, "params is no object");
		return;
	}
	if (read_meta(doc, m))
		m->kind = id ? MCP_REQUEST : MCP_NOTIFICATION;
}
