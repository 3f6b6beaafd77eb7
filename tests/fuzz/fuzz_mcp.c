/* fuzz_mcp.c - libFuzzer target for the messages of vm mcp (format/mcp.h).
 *
 * Every line is a valid message, or an error with a code and a reason. An id and a progress token
 * are printed as JSON that reads back as the same token. The arguments of a tool are accepted, or
 * there is a reason, which is a string.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/mcp.h"

static const struct mcp_param table[] = {
	{.name = "text", .type = MCP_TEXT, .required = true, .min = 1, .max = 40, .help = "t"},
	{.name = "kind", .type = MCP_TEXT, .choices = "a|bc", .help = "k"},
	{.name = "count", .type = MCP_INT, .min = -5, .max = 900, .help = "n"},
	{.name = "on", .type = MCP_BOOL, .help = "b"},
	{.name = "list", .type = MCP_TEXTS, .max = 2, .help = "l"},
	{.name = NULL},
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* The JSON of a token is a token, and the same one. */
static void check_token(const char *token)
{
	static struct json_value values[4];
	struct json doc = {.values = values, .room = 4};
	char copy[MCP_TOKEN];
	char again[MCP_TOKEN];

	if (!token[0])
		return;
	memcpy(copy, token, sizeof copy);
	check(json_parse(&doc, copy, strlen(copy)));
	check(mcp_token(&values[0], again) && strcmp(token, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};
	static struct mcp_message m;
	char *line = malloc(n + 1);
	char why[200] = "";

	check(line != NULL);
	memcpy(line, data, n);
	line[n] = '\0';
	mcp_parse(&doc, line, n, &m);
	check_token(m.id);
	check_token(m.progress);
	if (m.kind == MCP_BROKEN) {
		check(m.why && m.code < 0);
	} else if (m.kind == MCP_RESPONSE) {
		check(m.id[0]);
	} else {
		check(m.method && (m.kind == MCP_REQUEST) == (m.id[0] != '\0'));
		bool ok = mcp_check(table, &doc, json_get(&doc, m.params, "arguments"), why,
				    sizeof why);

		check(ok || (why[0] && strlen(why) < sizeof why));
		if (m.version)
			(void)mcp_is_modern(m.version);
	}
	free(line);
	return 0;
}
