/* test_otlp.c - a boot's events as OpenTelemetry spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "format/otlp.h"

static struct otlp o;

static bool event(const char *text)
{
	char line[1024];

	(void)snprintf(line, sizeof line, "%s", text);
	return otlp_event(&o, line, strlen(line));
}

static void parents(void **state)
{
	static const char trace[] = "0af7651916cd43dd8448eb211c80319c";
	static const char *const wrong[] = {
		"",
		"00",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
	};
	bool sampled = false;
	char back[33];

	(void)state;
	o = (struct otlp){0};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(otlp_parent(&o, wrong[i], &sampled));
	assert_false(o.has_parent);
	assert_true(otlp_parent(&o, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
				&sampled));
	assert_true(sampled && o.has_parent);
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(back + 2 * i, 3, "%02x", o.trace[i]);
	assert_string_equal(back, trace);
	assert_true(otlp_parent(&o, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
				&sampled));
	assert_false(sampled);
	/* A later version may have more fields at the end. */
	assert_true(otlp_parent(&o, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more",
				&sampled));
	assert_true(sampled);
}

static void pairs(void **state)
{
	char key[32], value[32];
	const char *rest =
		"a=b, c = d%20e%2C%3d,=x,novalue,,long=0123456789012345678901234567890123,"
		"bad=%zz%4,h=a%0d%0ab";

	(void)state;
	rest = otlp_pair(rest, key, value, sizeof key);
	assert_string_equal(key, "a");
	assert_string_equal(value, "b");
	rest = otlp_pair(rest, key, value, sizeof key);
	assert_string_equal(key, "c");
	assert_string_equal(value, " d e,=");
	rest = otlp_pair(rest, key, value, sizeof key);
	assert_string_equal(key, "bad");
	assert_string_equal(value, "%zz%4");
	/* No value contains a line end. */
	rest = otlp_pair(rest, key, value, sizeof key);
	assert_string_equal(key, "h");
	assert_null(strpbrk(value, "\r\n"));
	assert_null(otlp_pair(rest, key, value, sizeof key));
	assert_null(otlp_pair("", key, value, sizeof key));
}

static void a_boot(void **state)
{
	struct text t = {0};
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};

	(void)state;
	o = (struct otlp){0};
	assert_false(
		event("{\"time\":\"2026-03-01T00:00:00.500Z\",\"ms\":500.0,\"event\":\"spawn\"}"));
	assert_int_equal(o.origin_ns, UINT64_C(1772323200000000000));
	assert_false(event("{\"time\":\"2026-03-01T00:00:00.600Z\",\"ms\":600,\"event\":\"qmp\"}"));
	assert_false(event("{\"ms\":700,\"event\":\"phase\",\"name\":\"k\\u001b\\\"\",\"kind\":"
			   "\"progress\"}"));
	assert_false(event("{\"ms\":710,\"event\":\"phase\",\"name\":\"hint\",\"kind\":\"hint\"}"));
	/* A clock that was set back, and invalid lines. */
	assert_false(event("{\"ms\":650,\"event\":\"phase\",\"name\":\"l\",\"kind\":\"ready\"}"));
	assert_false(event("{\"ms\":-1,\"event\":\"ready\"}"));
	assert_false(event("{\"ms\":1e300,\"event\":\"ready\"}"));
	assert_false(event("{\"event\":\"ready\"}"));
	assert_false(event("ready"));
	assert_true(event("{\"ms\":900,\"event\":\"ready\"}"));
	assert_true(event("{\"ms\":950,\"event\":\"exit\",\"status\":0}"));
	assert_false(o.failed);
	assert_int_equal(o.phase_count, 4);
	assert_true(o.phases[3].begin_ms == 700 && o.phases[3].end_ms == 700);
	otlp_json(&o, "my \"guest\"\xff", "1", "host", "a=b", &t);
	assert_false(t.failed);
	assert_true(json_parse(&doc, t.bytes, t.len));
	text_free(&t);
}

static void a_failure(void **state)
{
	static const char *const failures[] = {"panic", "boot_deadline", "dead", "down", "exit"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		o = (struct otlp){0};
		(void)snprintf(line, sizeof line, "{\"ms\":1,\"event\":\"%s\"}", failures[i]);
		assert_true(event(line));
		assert_true(o.failed);
		assert_string_equal(o.outcome, failures[i]);
	}
}

/* More phases and events than fit, with names of maximum length. */
static void many(void **state)
{
	struct text t = {0};
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};
	char line[400];

	(void)state;
	o = (struct otlp){0};
	for (int i = 0; i < 200; i++) {
		(void)snprintf(
			line, sizeof line,
			"{\"time\":\"2026-13-99T99:99:99.999Z\",\"ms\":%d,\"event\":\"phase\","
			"\"name\":\"%0200d\",\"kind\":\"progress\"}",
			i, i);
		assert_false(event(line));
		(void)snprintf(line, sizeof line, "{\"ms\":%d,\"event\":\"%0200d\"}", i, i);
		assert_false(event(line));
	}
	assert_false(o.dated);
	assert_int_equal(o.phase_count, OTLP_SPANS);
	assert_int_equal(o.event_count, OTLP_EVENTS);
	otlp_json(&o, "s", "v", "h", NULL, &t);
	assert_true(json_parse(&doc, t.bytes, t.len));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents),   cmocka_unit_test(pairs), cmocka_unit_test(a_boot),
		cmocka_unit_test(a_failure), cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
