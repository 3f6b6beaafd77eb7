/* test_json.c - the JSON reader, tested against RFC 8259: valid documents, the position of errors,
 * decoded strings, and limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"

static struct json_value values[JSON_VALUES];
static struct json doc = {.values = values, .room = JSON_VALUES};

/* Parse TEXT of N bytes in memory of exactly N + 1 bytes, so that ASan detects a read beyond it. */
static bool parse_bytes(const char *text, size_t n)
{
	static char *buf;

	free(buf);
	buf = malloc(n + 1);
	assert_non_null(buf);
	memcpy(buf, text, n);
	buf[n] = '#'; /* must not act as a terminator */
	return json_parse(&doc, buf, n);
}

static bool parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static const struct json_value *member(const char *name)
{
	return json_get(&doc, &doc.values[0], name);
}

static void every_kind_of_value_is_accepted(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {
		{"null", JSON_NULL},	      {"true", JSON_TRUE},     {"false", JSON_FALSE},
		{"0", JSON_NUMBER},	      {"\"\"", JSON_STRING},   {"[]", JSON_ARRAY},
		{" \t\r\n{ } ", JSON_OBJECT}, {" 12 \n", JSON_NUMBER}, {"12\t", JSON_NUMBER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(parse(cases[i].text));
		assert_null(doc.error);
		assert_int_equal(doc.values[0].type, cases[i].type);
		assert_int_equal(doc.count, 1);
		assert_int_equal(doc.values[0].next, -1);
		assert_int_equal(doc.values[0].first, -1);
	}
}

static void numbers_are_kept_as_written(void **state)
{
	static const char *const numbers[] = {
		"0",   "-0",	 "1",	   "-1",  "10",	  "123456789012345678901234567890",
		"0.5", "-1.25",	 "1e5",	   "1E5", "1e+5", "1e-05",
		"0e0", "0.0E-0", "1.5e300"};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char text[128];

		assert_true(parse(numbers[i]));
		assert_string_equal(doc.values[0].text, numbers[i]);
		(void)snprintf(text, sizeof text, "[%s,{\"n\":%s},%s ]", numbers[i], numbers[i],
			       numbers[i]);
		assert_true(parse(text));
		assert_string_equal(doc.values[1].text, numbers[i]);
		assert_string_equal(doc.values[3].name, "n");
		assert_string_equal(doc.values[3].text, numbers[i]);
		assert_string_equal(doc.values[4].text, numbers[i]);
	}
}

static void invalid_json_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *error;
	} cases[] = {
		{"", 0, "a value is missing"},
		{"  ", 2, "a value is missing"},
		{"nul", 0, "a value is missing"},
		{"nulll", 4, "something behind the document"},
		{"True", 0, "a value is missing"},
		{"{} {}", 3, "something behind the document"},
		{"[1] x", 4, "something behind the document"},
		{"1 2", 2, "something behind the document"},
		{"\"a\"b", 3, "something behind the document"},
		{"01", 1, "something behind the document"},
		{"[01]", 2, "a comma or a closing bracket is missing"},
		{"+1", 0, "a value is missing"},
		{".5", 0, "a value is missing"},
		{"NaN", 0, "a value is missing"},
		{"-", 1, "a digit is missing in a number"},
		{"-x", 1, "a digit is missing in a number"},
		{"1.", 2, "a digit is missing in a number"},
		{"[1.]", 3, "a digit is missing in a number"},
		{"1e", 2, "a digit is missing in a number"},
		{"1e+", 3, "a digit is missing in a number"},
		{"0x10", 1, "something behind the document"},
		{"[", 1, "a value is missing"},
		{"[1", 2, "a comma or a closing bracket is missing"},
		{"[1,", 3, "a value is missing"},
		{"[1,]", 3, "a value is missing"},
		{"[,1]", 1, "a value is missing"},
		{"[1 2]", 3, "a comma or a closing bracket is missing"},
		{"[1}", 2, "a comma or a closing bracket is missing"},
		{"]", 0, "a value is missing"},
		{"{", 1, "a name is missing in an object"},
		{"{1:2}", 1, "a name is missing in an object"},
		{"{a:1}", 1, "a name is missing in an object"},
		{"{'a':1}", 1, "a name is missing in an object"},
		{"{\"a\"}", 4, "a colon is missing behind a name"},
		{"{\"a\" 1}", 5, "a colon is missing behind a name"},
		{"{\"a\":}", 5, "a value is missing"},
		{"{\"a\":1", 6, "a comma or a closing bracket is missing"},
		{"{\"a\":1,}", 7, "a name is missing in an object"},
		{"{\"a\":1]", 6, "a comma or a closing bracket is missing"},
		{"{\"a\":1,\"b\":2,\"a\":3}", 13, "a name twice in one object"},
		{"{\"a\":1,\"\\u0061\":3}", 7, "a name twice in one object"},
		{"\"", 0, "a string without its closing quote"},
		{"\"a\\\"", 0, "a string without its closing quote"},
		{"\"a\nb\"", 2, "a control character in a string"},
		{"\"\x1f\"", 1, "a control character in a string"},
		{"\"\\x41\"", 2, "an unknown escape"},
		{"\"\\", 2, "an unknown escape"},
		{"\"\\u12g4\"", 5, "\\u without four hexadecimal digits"},
		{"\"\\u12", 5, "\\u without four hexadecimal digits"},
		{"\"\\u0000\"", 1, "\\u0000 in a string"},
		{"\"\\ud800\"", 1, "a lone surrogate"},
		{"\"\\udc00\"", 1, "a lone surrogate"},
		{"\"\\ud800\\u0041\"", 1, "a lone surrogate"},
		{"\"\\ud800\\ud800\"", 1, "a lone surrogate"},
		{"\"\\ud800\\u12\"", 1, "a lone surrogate"},
		{"\"\\ud800x\\udc00\"", 1, "a lone surrogate"},
		{"/* */ 1", 0, "a value is missing"},
		{"\xef\xbb\xbf{}", 0, "a value is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (parse(cases[i].text) || strcmp(doc.error, cases[i].error) != 0 ||
		    doc.error_at != cases[i].at)
			fail_msg("%s: %s at %zu", cases[i].text, doc.error ? doc.error : "taken",
				 doc.error_at);
	}
}

static void a_nul_byte_is_refused_anywhere(void **state)
{
	(void)state;
	assert_false(parse_bytes("\0", 1));
	assert_false(parse_bytes("{}\0", 3));
	assert_false(parse_bytes("\"a\0b\"", 5));
	assert_false(parse_bytes("[1\0]", 4));
	assert_false(parse_bytes("[1,\0002]", 6));
}

static void strings_are_unescaped(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{"\"\"", ""},
		{"\"plain\"", "plain"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00z\"",
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"},
		{"\"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		 "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"\"\xc2\xa0\xe2\x82\xac\xf0\x9f\x98\x80\"",
		 "\xc2\xa0\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\"\x7f\"", "\x7f"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(parse(cases[i].text));
		assert_string_equal(doc.values[0].text, cases[i].value);
	}
}

/* All pairs of bytes and the boundary cases of longer sequences. */
static void invalid_utf8_is_refused(void **state)
{
	static const char *const bad[] = {"\x80",
					  "\xbf",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xed\xbf\xbf",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xe2\x82",
					  "\xf0\x9f\x98",
					  "\xff",
					  "\xfe"};
	static const char *const good[] = {"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
					   "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	char text[16];

	(void)state;
	for (unsigned first = 0x80; first < 0x100; first++)
		for (unsigned second = 0x80; second < 0x100; second++) {
			char pair[4] = {'"', (char)first, (char)second, '"'};

			assert_int_equal(parse_bytes(pair, 4),
					 first >= 0xc2 && first < 0xe0 && second < 0xc0);
		}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(text, sizeof text, "\"%s\"", bad[i]);
		assert_false(parse(text));
		assert_string_equal(doc.error, "a byte that is no UTF-8");
		(void)snprintf(text, sizeof text, "\"%s", bad[i]); /* and where the input ends */
		assert_false(parse(text));
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		(void)snprintf(text, sizeof text, "\"%s\"", good[i]);
		assert_true(parse(text));
		assert_string_equal(doc.values[0].text, good[i]);
	}
}

static void entries_are_linked_in_order(void **state)
{
	int32_t i;

	(void)state;
	assert_true(parse("{\"a\":[1,[2,3],{}],\"b\":{\"c\":null},\"d\":\"e\"}"));
	const struct json_value *a = member("a");

	assert_int_equal(a->type, JSON_ARRAY);
	i = a->first;
	assert_string_equal(doc.values[i].text, "1");
	assert_null(doc.values[i].name);
	i = doc.values[i].next;
	assert_int_equal(doc.values[i].type, JSON_ARRAY);
	assert_string_equal(doc.values[doc.values[i].first].text, "2");
	assert_string_equal(doc.values[doc.values[doc.values[i].first].next].text, "3");
	i = doc.values[i].next;
	assert_int_equal(doc.values[i].type, JSON_OBJECT);
	assert_int_equal(doc.values[i].next, -1);
	assert_int_equal(json_get(&doc, member("b"), "c")->type, JSON_NULL);
	assert_ptr_equal(&doc.values[a->next], member("b"));
	assert_string_equal(json_string(&doc, doc.values, "d"), "e");
}

static void members_are_found_by_name_and_type(void **state)
{
	int64_t n;

	(void)state;
	assert_true(parse("{\"s\":\"t\",\"t\":true,\"f\":false,\"z\":null,\"i\":-7,\"r\":1.5,"
			  "\"e\":1e3,\"max\":9223372036854775807,\"min\":-9223372036854775808,"
			  "\"over\":9223372036854775808,\"under\":-9223372036854775809,"
			  "\"huge\":99999999999999999999999999}"));
	assert_null(json_get(&doc, NULL, "s"));
	assert_null(json_get(&doc, member("s"), "s"));
	assert_null(member("S"));
	assert_null(member(""));
	assert_string_equal(json_string(&doc, doc.values, "s"), "t");
	assert_null(json_string(&doc, doc.values, "i"));
	assert_true(json_bool(&doc, doc.values, "t", false));
	assert_false(json_bool(&doc, doc.values, "f", true));
	assert_true(json_bool(&doc, doc.values, "z", true));
	assert_false(json_bool(&doc, doc.values, "none", false));
	assert_true(json_integer(&doc, doc.values, "i", &n) && n == -7);
	assert_true(json_integer(&doc, doc.values, "max", &n) && n == INT64_MAX);
	assert_true(json_integer(&doc, doc.values, "min", &n) && n == INT64_MIN);
	n = 42;
	assert_false(json_integer(&doc, doc.values, "over", &n));
	assert_false(json_integer(&doc, doc.values, "under", &n));
	assert_false(json_integer(&doc, doc.values, "huge", &n));
	assert_false(json_integer(&doc, doc.values, "r", &n));
	assert_false(json_integer(&doc, doc.values, "e", &n));
	assert_false(json_integer(&doc, doc.values, "s", &n));
	assert_false(json_integer(&doc, doc.values, "none", &n));
	assert_int_equal(n, 42);
}

static void limits_are_kept(void **state)
{
	static char text[2 * JSON_VALUES + 16];
	size_t n;

	(void)state;
	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	assert_true(parse_bytes(text, 2 * (size_t)JSON_DEPTH));
	memset(text, '[', JSON_DEPTH + 1);
	memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	assert_false(parse_bytes(text, 2 * (size_t)JSON_DEPTH + 2));
	assert_string_equal(doc.error, "too many levels");

	n = 0;
	text[n++] = '[';
	for (int i = 1; i < JSON_VALUES; i++) {
		text[n++] = '1';
		text[n++] = ',';
	}
	text[n - 1] = ']';
	assert_true(parse_bytes(text, n));
	assert_int_equal(doc.count, JSON_VALUES);
	memcpy(text + n - 1, ",1]", 3);
	assert_false(parse_bytes(text, n + 2));
	assert_string_equal(doc.error, "too many values");
}

static void quoted_text_reads_back(void **state)
{
	static const char *const texts[] = {"", "plain", "a \"quote\" and \\ and /",
					    "\x01\x1f\n\r\t\x7f",
					    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"};
	char buf[256];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_ptr_equal(json_quote(texts[i], buf, sizeof buf), buf);
		assert_true(parse(buf));
		assert_string_equal(doc.values[0].text, texts[i]);
	}
	assert_string_equal(json_quote("a\xff\xc3(\xe2\x82", buf, sizeof buf),
			    "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void quoted_text_is_cut_between_characters(void **state)
{
	static const char text[] = "ab\"\n\xe2\x82\xac\xf0\x9f\x98\x80z";

	(void)state;
	for (size_t size = 8; size < 40; size++) {
		char *buf = malloc(size);

		assert_non_null(buf);
		(void)json_quote(text, buf, size);
		assert_true(parse(buf));
		assert_memory_equal(doc.values[0].text, text, strlen(doc.values[0].text));
		free(buf);
	}
}

/* Feed TEXT byte by byte; every object must end where it ends, and no earlier. */
static void a_stream_is_scanned_for_complete_objects(void **state)
{
	static const char text[] = "{\"a\":\"}]\\\"\\\\\"}\r\n [1,[2],{\"b\":[]}]{}\n";
	static const size_t ends[] = {14, 33, 35};
	struct json_scan scan = {0};
	size_t start = 0;
	size_t found = 0;

	(void)state;
	for (size_t n = 1; n < sizeof text; n++) {
		size_t len = json_scan(&scan, text + start, n - start);

		if (len == 0)
			continue;
		assert_int_equal(n, ends[found++]);
		assert_int_equal(start + len, n);
		start += len;
		scan = (struct json_scan){0};
	}
	assert_int_equal(found, 3);
	/* The same with the whole input at once. */
	start = 0;
	for (size_t i = 0; i < 3; i++) {
		scan = (struct json_scan){0};
		start += json_scan(&scan, text + start, sizeof text - 1 - start);
		assert_int_equal(start, ends[i]);
	}
}

static void garbage_is_skipped_byte_by_byte(void **state)
{
	static const char *const texts[] = {"x", " 1", "\n]", "\"{}\""};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct json_scan scan = {0};

		assert_int_equal(json_scan(&scan, texts[i], strlen(texts[i])), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_accepted),
		cmocka_unit_test(numbers_are_kept_as_written),
		cmocka_unit_test(invalid_json_is_refused),
		cmocka_unit_test(a_nul_byte_is_refused_anywhere),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(entries_are_linked_in_order),
		cmocka_unit_test(members_are_found_by_name_and_type),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(quoted_text_reads_back),
		cmocka_unit_test(quoted_text_is_cut_between_characters),
		cmocka_unit_test(a_stream_is_scanned_for_complete_objects),
		cmocka_unit_test(garbage_is_skipped_byte_by_byte),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
