/* test_mcp.c - messages of the Model Context Protocol, and tool arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/mcp.h"
#include "vm/mcp.h"

static struct json_value values[JSON_VALUES];
static struct json doc;
static struct mcp_message m;
static char line[8192];

static void parse(const char *text)
{
	doc = (struct json){.values = values, .room = JSON_VALUES};
	(void)snprintf(line, sizeof line, "%s", text);
	mcp_parse(&doc, line, strlen(line), &m);
}

static void assert_broken(const char *text, enum mcp_code code, const char *id)
{
	parse(text);
	assert_int_equal(m.kind, MCP_BROKEN);
	assert_int_equal(m.code, code);
	assert_string_equal(m.id, id);
	assert_non_null(m.why);
}

static void kinds(void **state)
{
	(void)state;
	parse("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}");
	assert_int_equal(m.kind, MCP_REQUEST);
	assert_string_equal(m.id, "7");
	assert_string_equal(m.method, "ping");
	assert_null(m.params);
	assert_null(m.version);
	parse("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"\\u00e4\",\"method\":\"x\",\"params\":{\"_meta\":"
	      "{\"progressToken\":\"t\",\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	      "\"io.modelcontextprotocol/clientCapabilities\":{}}}}");
	assert_int_equal(m.kind, MCP_REQUEST);
	assert_string_equal(m.id, "\"a\\\"\xc3\xa4\"");
	assert_string_equal(m.progress, "\"t\"");
	assert_string_equal(m.version, "2026-07-28");
	assert_true(m.capabilities);
	parse("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
	assert_int_equal(m.kind, MCP_NOTIFICATION);
	parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	assert_int_equal(m.kind, MCP_RESPONSE);
}

static void broken_messages(void **state)
{
	char text[600];
	char deep[256];

	(void)state;
	assert_broken("", MCP_PARSE_ERROR, "");
	assert_broken("{", MCP_PARSE_ERROR, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"x\"}", MCP_PARSE_ERROR,
		      "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\u0000\"}", MCP_PARSE_ERROR, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", MCP_PARSE_ERROR, "");
	assert_broken("[]", MCP_INVALID_REQUEST, "");
	assert_broken("7", MCP_INVALID_REQUEST, "");
	assert_broken("{}", MCP_INVALID_REQUEST, "");
	assert_broken("{\"jsonrpc\":2.0,\"id\":1,\"method\":\"x\"}", MCP_INVALID_REQUEST, "1");
	assert_broken("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}", MCP_INVALID_REQUEST, "1");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", MCP_INVALID_REQUEST,
		      "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"x\"}", MCP_INVALID_REQUEST, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"x\"}", MCP_INVALID_REQUEST, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":12345678901234567,\"method\":\"x\"}",
		      MCP_INVALID_REQUEST, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", MCP_INVALID_REQUEST, "");
	(void)snprintf(text, sizeof text,
		       "{\"jsonrpc\":\"2.0\",\"id\":\"%0200d\",\"method\":\"x\"}", 0);
	assert_broken(text, MCP_INVALID_REQUEST, "");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1}", MCP_INVALID_REQUEST, "1");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":{}}", MCP_INVALID_REQUEST, "1");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}",
		      MCP_INVALID_PARAMS, "1");
	assert_broken("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{\"_meta\":{"
		      "\"progressToken\":[]}}}",
		      MCP_INVALID_PARAMS, "1");
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	assert_broken(deep, MCP_PARSE_ERROR, "");
}

static void versions(void **state)
{
	(void)state;
	assert_string_equal(mcp_legacy_version("2024-11-05"), "2024-11-05");
	assert_string_equal(mcp_legacy_version("2025-06-18"), "2025-06-18");
	assert_string_equal(mcp_legacy_version("1999-01-01"), "2025-11-25");
	assert_true(mcp_is_modern("2026-07-28"));
	assert_false(mcp_is_modern("2025-11-25"));
}

static const struct mcp_param table[] = {
	{.name = "text",
	 .type = MCP_TEXT,
	 .required = true,
	 .min = 1,
	 .max = 4,
	 .help = "a \"text\""},
	{.name = "kind", .type = MCP_TEXT, .choices = "a|bc", .help = "k"},
	{.name = "count", .type = MCP_INT, .min = 1, .max = 9, .help = "n"},
	{.name = "on", .type = MCP_BOOL, .help = "b"},
	{.name = "list", .type = MCP_TEXTS, .max = 2, .help = "l"},
	{.name = NULL},
};

static void schema(void **state)
{
	char text[2048];
	char small[64];

	(void)state;
	assert_true(mcp_schema(table, text, sizeof text));
	assert_string_equal(
		text,
		"{\"type\":\"object\",\"properties\":{"
		"\"text\":{\"type\":\"string\",\"description\":\"a \\\"text\\\"\",\"minLength\":1,"
		"\"maxLength\":4},"
		"\"kind\":{\"type\":\"string\",\"description\":\"k\",\"enum\":[\"a\",\"bc\"]},"
		"\"count\":{\"type\":\"integer\",\"description\":\"n\",\"minimum\":1,\"maximum\":9}"
		","
		"\"on\":{\"type\":\"boolean\",\"description\":\"b\"},"
		"\"list\":{\"type\":\"array\",\"description\":\"l\",\"items\":{\"type\":\"string\"}"
		","
		"\"minItems\":0,\"maxItems\":2}},\"required\":[\"text\"],"
		"\"additionalProperties\":false}");
	assert_true(mcp_schema(table + 5, text, sizeof text));
	assert_string_equal(text, "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":"
				  "false}");
	for (size_t n = 1; n <= sizeof small; n++)
		assert_false(mcp_schema(table, small, n));
}

static void assert_arguments(const char *text, const char *want)
{
	char why[300] = "";

	doc = (struct json){.values = values, .room = JSON_VALUES};
	(void)snprintf(line, sizeof line, "%s", text);
	assert_true(json_parse(&doc, line, strlen(line)));
	bool ok = mcp_check(table, &doc, &doc.values[0], why, sizeof why);

	assert_int_equal(ok, want == NULL);
	if (want)
		assert_string_equal(why, want);
}

static void arguments(void **state)
{
	char why[300];

	(void)state;
	assert_arguments("{\"text\":\"x\"}", NULL);
	assert_arguments(
		"{\"text\":\"x\",\"kind\":\"bc\",\"count\":9,\"on\":false,\"list\":[\"\",\"y\"]}",
		NULL);
	assert_arguments("{}", "text is missing: a \"text\"");
	assert_arguments("[]", "the arguments are no object");
	assert_arguments("{\"text\":1}", "text is no string");
	assert_arguments("{\"text\":\"\"}", "text has 0 bytes; it must have 1 to 4");
	assert_arguments("{\"text\":\"12345\"}", "text has 5 bytes; it must have 1 to 4");
	assert_arguments("{\"text\":\"x\",\"kind\":\"b\"}", "kind is b, and not one of a|bc");
	assert_arguments("{\"text\":\"x\",\"kind\":\"\"}", "kind is , and not one of a|bc");
	assert_arguments("{\"text\":\"x\",\"count\":10}", "count is no integer from 1 to 9");
	assert_arguments("{\"text\":\"x\",\"count\":1.0}", "count is no integer from 1 to 9");
	assert_arguments("{\"text\":\"x\",\"count\":99999999999999999999}",
			 "count is no integer from 1 to 9");
	assert_arguments("{\"text\":\"x\",\"count\":\"1\"}", "count is no integer from 1 to 9");
	assert_arguments("{\"text\":\"x\",\"on\":1}", "on is neither true nor false");
	assert_arguments("{\"text\":\"x\",\"list\":[1]}", "list is no list of 0 to 2 strings");
	assert_arguments("{\"text\":\"x\",\"list\":[\"\",\"\",\"\"]}",
			 "list is no list of 0 to 2 strings");
	assert_arguments("{\"other\":1}",
			 "there is no argument other; there are: text, kind, count, on, list");
	assert_false(mcp_check(table, &doc, NULL, why, sizeof why));
	assert_true(mcp_check(table + 5, &doc, NULL, why, sizeof why));
}

/* Every tool description is valid JSON with the members that the protocol requires. */
static void tools(void **state)
{
	struct text t = {0};
	size_t count = 0;

	(void)state;
	mcp_tools_json(&t);
	assert_false(t.failed);
	doc = (struct json){.values = values, .room = JSON_VALUES};
	assert_true(json_parse(&doc, t.bytes, t.len));
	for (int32_t i = values[0].first; i >= 0; i = values[i].next) {
		const struct mcp_tool *tool = &mcp_tools[count++];
		const struct json_value *input = json_get(&doc, &values[i], "inputSchema");
		const struct json_value *output = json_get(&doc, &values[i], "outputSchema");

		assert_string_equal(json_string(&doc, &values[i], "name"), tool->name);
		assert_string_equal(json_string(&doc, input, "type"), "object");
		for (const struct mcp_param *p = tool->params; p->name; p++)
			assert_non_null(
				json_get(&doc, json_get(&doc, input, "properties"), p->name));
		assert_int_equal(output != NULL, tool->output != NULL);
	}
	assert_int_equal(count, 12);
	assert_null(mcp_tools[count].name);
	assert_ptr_equal(mcp_tool_find("exec"), &mcp_tools[1]);
	assert_null(mcp_tool_find("nosuch"));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),     cmocka_unit_test(broken_messages),
		cmocka_unit_test(versions),  cmocka_unit_test(schema),
		cmocka_unit_test(arguments), cmocka_unit_test(tools),
	};

	return cmocka_run_group_tests_name("mcp", tests, NULL, NULL);
}
