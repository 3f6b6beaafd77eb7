/* test_json_write.c - written objects are read back by our reader. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_write.h"
#include "format/json.h"

static char buf[4096];

static void every_type_of_member(void **state)
{
	(void)state;
	size_t n = json_write(buf, sizeof buf,
			      JSON_LIST(J_TEXT("text", "a \"b\" \\"), J_TEXT("none", NULL),
					J_INT("int", -5), J_INT("large", INT64_MAX),
					J_NUMBER("number", 2, 1.005e3), J_BOOL("yes", true),
					J_BOOL("no", false),
					J_OBJECT("in", J_TEXT_N("cut", 2, "abc"),
						 J_OBJECT("deeper", J_INT("x", 1))),
					J_RAW("raw", "[1,2]")));

	assert_string_equal(buf, "{\"text\":\"a \\\"b\\\" \\\\\",\"none\":null,\"int\":-5,"
				 "\"large\":9223372036854775807,\"number\":1005.00,\"yes\":true,"
				 "\"no\":false,\"in\":{\"cut\":\"ab\",\"deeper\":{\"x\":1}},"
				 "\"raw\":[1,2]}");
	assert_int_equal(n, strlen(buf));
}

/* Text from a guest, an image or a client. */
static void hostile_text(void **state)
{
	static const char text[] =
		"\033[2J\r\n\xff\xc3\xa9\xc2\x9b\xf0\x9f\x90\x83\xed\xa0\x80\x7f\"";
	static struct json_value values[8];
	struct json doc = {.values = values, .room = 8};

	(void)state;
	assert_true(json_write(buf, sizeof buf, JSON_LIST(J_TEXT("t", text))) > 0);
	assert_null(strpbrk(buf, "\033\r\n\x7f"));
	assert_non_null(strstr(buf, "\\u001b[2J\\u000d\\u000a\xef\xbf\xbd\xc3\xa9\\u009b"));
	if (!json_parse(&doc, buf, strlen(buf)))
		fail_msg("%s: %s", doc.error, buf);
}

static void long_texts_are_complete(void **state)
{
	static char text[1001];
	static char out[16384];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	assert_true(json_write(out, sizeof out, JSON_LIST(J_TEXT("t", text))) > 0);
	assert_int_equal(strlen(out), strlen("{\"t\":\"\"}") + strlen(text));
	assert_null(strstr(out, "\xef\xbf\xbd"));
}

static void a_document_that_does_not_fit_is_empty(void **state)
{
	const struct json_member *members = JSON_LIST(J_TEXT("name", "value"), J_INT("n", 12));
	size_t whole = json_write(buf, sizeof buf, members);

	(void)state;
	for (size_t size = 1; size <= whole; size++) {
		assert_int_equal(json_write(buf, size, members), 0);
		assert_string_equal(buf, "");
	}
	assert_int_equal(json_write(buf, whole + 1, members), whole);
}

static void missing_values_are_omitted_or_null(void **state)
{
	(void)state;
	(void)json_write(buf, sizeof buf,
			 JSON_LIST(J_RAW("a", NULL), J_NUMBER("b", 2, NAN),
				   J_NUMBER("c", 1, -INFINITY), J_RAW("d", NULL),
				   J_TEXT("e", NULL)));
	assert_string_equal(buf, "{\"b\":null,\"c\":null,\"e\":null}");
	assert_int_equal(json_line(buf, sizeof buf, JSON_LIST(J_INT("n", 1))), 8);
	assert_string_equal(buf, "{\"n\":1}\n");
	assert_int_equal(json_line(buf, 8, JSON_LIST(J_INT("n", 1))), 0);
	assert_string_equal(buf, "");
}

static void full_lists_are_complete(void **state)
{
	static const char whole[] = "[\"a\\\"\",{\"n\":1},\"bc\"]";
	char text[sizeof whole];
	struct json_list list;

	(void)state;
	json_list_begin(&list, text, sizeof text);
	assert_string_equal(json_list_end(&list), "[]");
	for (size_t size = 3; size <= sizeof text; size++) {
		json_list_begin(&list, text, size);
		json_list_text(&list, "a\"", -1);
		json_list_object(&list, JSON_LIST(J_INT("n", 1)));
		json_list_text(&list, "bcd", 2);
		(void)json_list_end(&list);
		assert_true(strlen(text) < size);
		assert_int_equal(text[strlen(text) - 1], ']');
		assert_int_equal(list.full, size < sizeof whole);
	}
	assert_string_equal(text, whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_member),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(long_texts_are_complete),
		cmocka_unit_test(a_document_that_does_not_fit_is_empty),
		cmocka_unit_test(missing_values_are_omitted_or_null),
		cmocka_unit_test(full_lists_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
