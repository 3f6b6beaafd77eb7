/* test_http_fields.c - access control by header fields, and the commands that vm-web may request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/http_fields.h"
#include "format/metrics.h"
#include "vm/web_broker.h"

static void test_secret(void **state)
{
	(void)state;
	assert_true(secret_equal("abcdef", "abcdef"));
	assert_false(secret_equal("abcdef", "abcdeg"));
	assert_false(secret_equal("abcdef", "abcde"));
	assert_false(secret_equal("abcdef", "abcdefabcdef"));
	assert_false(secret_equal("abcdef", ""));
	assert_false(secret_equal("aaaa", "a")); /* B is compared as if it were repeated */
	assert_false(secret_equal("", ""));
	assert_false(secret_equal("", "a"));
}

static void test_host(void **state)
{
	static const char *const good[] = {"localhost",	    "LocalHost:6080", "127.0.0.1",
					   "10.1.2.3:80",   "[::1]",	      "[fe80::1]:6080",
					   "a.localhost:1", "vm.example.org", "B:6080"};
	static const char *const bad[] = {"",
					  ":80",
					  "evil.example",
					  "localhost.evil.example",
					  "127.0.0.1.evil.example",
					  ".localhost.x",
					  "[::1",
					  "[::1]x",
					  "localhost:80x",
					  "localhost:1234567",
					  "vm.example.org.",
					  "vm.example",
					  "xvm.example.org",
					  "1.2.3",
					  "[1.2.3.4]",
					  "localhost@evil",
					  "evil/.localhost",
					  "?"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!host_is_allowed(good[i], "vm.example.org,b"))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (host_is_allowed(bad[i], "vm.example.org,b"))
			fail_msg("%s", bad[i]);
	assert_false(host_is_allowed("vm.example.org", ""));
}

static void test_origin(void **state)
{
	(void)state;
	assert_true(origin_is_host("http://localhost:6080", "localhost:6080"));
	assert_true(origin_is_host("http://LOCALHOST", "localhost:80"));
	assert_true(origin_is_host("https://vm.example.org", "vm.example.org"));
	assert_true(origin_is_host("https://vm.example.org", "vm.example.org:443"));
	assert_true(origin_is_host("http://[::1]:1", "[::1]:1"));
	assert_false(origin_is_host("http://localhost:6081", "localhost:6080"));
	assert_false(origin_is_host("http://localhost.evil", "localhost"));
	assert_false(origin_is_host("null", "localhost"));
	assert_false(origin_is_host("", "localhost"));
	assert_false(origin_is_host("ftp://localhost", "localhost"));
	assert_false(origin_is_host("http://", "localhost"));
	assert_false(origin_is_host("http://localhost/x", "localhost"));
}

static void test_cookie(void **state)
{
	char out[8];

	(void)state;
	assert_true(cookie_value("a=b; vm=x1 ;c=d", "vm", out, sizeof out));
	assert_string_equal(out, "x1");
	assert_true(cookie_value("vm=", "vm", out, sizeof out));
	assert_string_equal(out, "");
	assert_true(cookie_value("vm=a=b", "vm", out, sizeof out));
	assert_string_equal(out, "a=b");
	assert_false(cookie_value("xvm=1", "vm", out, sizeof out));
	assert_false(cookie_value("vm", "vm", out, sizeof out));
	assert_false(cookie_value("vmx=1", "vm", out, sizeof out));
	assert_false(cookie_value("vm=12345678", "vm", out, sizeof out));
	assert_false(cookie_value(";;; ;", "vm", out, sizeof out));
}

static void test_small(void **state)
{
	long long n, m;
	char name[8];

	(void)state;
	assert_string_equal(bearer_token("Bearer abc"), "abc");
	assert_string_equal(bearer_token("bearer  abc"), "abc");
	assert_null(bearer_token("Basic abc"));
	assert_null(bearer_token("Bearer"));
	assert_true(event_id_parse("12-34", &n, &m) && n == 12 && m == 34);
	assert_true(event_id_parse("7", &n, &m) && n == 7 && m == -1);
	assert_false(event_id_parse("-1", &n, &m));
	assert_false(event_id_parse("1-", &n, &m));
	assert_false(event_id_parse("1--2", &n, &m));
	assert_false(event_id_parse("1-2x", &n, &m));
	assert_false(event_id_parse("", &n, &m));
	assert_true(event_name("{\"ms\":1,\"event\":\"spawn\",\"x\":1}", name, sizeof name));
	assert_string_equal(name, "spawn");
	assert_false(event_name("{\"event\":\"much-too-long\"}", name, sizeof name));
	assert_false(event_name("{\"event\":\"a b\"}", name, sizeof name));
	assert_false(event_name("{}", name, sizeof name));
	assert_int_equal(utf8_complete_length("abc", 3), 3);
	assert_int_equal(utf8_complete_length("ab\xc3", 3), 2);
	assert_int_equal(utf8_complete_length("ab\xc3\xbc", 4), 4);
	assert_int_equal(utf8_complete_length("\xe2\x82", 2), 0);
	assert_int_equal(utf8_complete_length("\x82\x82\x82\x82", 4), 4); /* none: not held back */
	assert_int_equal(utf8_complete_length("", 0), 0);
}

/* The table of commands that vm-web may request. */
static void test_commands(void **state)
{
	char *argv[WEB_TEXTS + 16];
	char *exec[] = {(char *)"60", (char *)"--poweroff"};
	char *option[] = {(char *)"--via", (char *)"true"};
	char *send[] = {(char *)"--screen"};
	char *profile[] = {(char *)"--out", (char *)"p", (char *)"--cpus", (char *)"1,2"};
	char *markers[] = {(char *)"--markers", (char *)"/etc/shadow"};

	(void)state;
	assert_true(web_command("exec", exec, 2, argv));
	assert_string_equal(argv[4], "--");
	assert_string_equal(argv[5], "--poweroff");
	assert_null(argv[6]);
	assert_false(web_command("exec", option, 2, argv));
	assert_false(web_command("exec", exec, 1, argv));
	assert_false(web_command("send", send, 1, argv));
	assert_false(web_command("send", send, 0, argv));
	assert_true(web_command("profile", profile, 4, argv));
	assert_string_equal(argv[5], "1,2");
	assert_false(web_command("profile", profile, 3, argv));
	assert_false(web_command("profile", markers, 2, argv));
	assert_false(web_command("image", send, 0, argv));
	assert_false(web_command("run", send, 0, argv));
	assert_false(web_command("", send, 0, argv));
}

static void test_metrics(void **state)
{
	char status[] =
		"{\"state\":\"running\",\"ready\":true,\"guest\":\"a\\\"b\\\\c\\nd\",\"ram_mb\":2,"
		"\"phases\":[{\"name\":\"x\",\"qemu_ms\":1500}],\"ms\":{\"up\":null,\"ready\":250}"
		"}";
	char broken[] = "{\"state\":";
	const struct web_counts counts = {.requests = 7};
	static char out[16384];
	const char *usage = "12 (a) b) S 1 1 1 0 -1 4 1 1 1 1 150 50 0 0 20 0 1 0 1 1 3 1\n"
			    "starts 2\nweb_starts 3\n";
	const char *blocks = "hd0: rd_bytes=5 wr_bytes=7 rd_operations=1\r\n"
			     "hd1: rd_bytes=10 wr_bytes=20\r\n";

	(void)state;
	assert_true(metrics_write(status, strlen(status), usage, 100, 4096, blocks, &counts, out,
				  sizeof out));
	assert_non_null(strstr(out, "hurdvm_info{guest=\"a\\\"b\\\\c\\nd\""));
	assert_non_null(strstr(out, "hurdvm_state{hurdvm_state=\"running\"} 1\n"));
	assert_non_null(strstr(out, "hurdvm_boot_seconds{point=\"ready\"} 0.2500\n"));
	assert_non_null(strstr(out, "hurdvm_phase_seconds{phase=\"x\"} 1.5000\n"));
	assert_non_null(strstr(out, "hurdvm_qemu_cpu_seconds_total 2.00\n"));
	assert_non_null(strstr(out, "hurdvm_qemu_resident_bytes 12288\n"));
	assert_non_null(strstr(out, "hurdvm_web_requests_total 7\n"));
	assert_non_null(strstr(out, "hurdvm_starts_total 2\n"));
	assert_non_null(strstr(out, "hurdvm_web_starts_total 3\n"));
	assert_non_null(strstr(out, "hurdvm_disk_read_bytes_total 15\n"));
	assert_non_null(strstr(out, "hurdvm_disk_written_bytes_total 27\n"));
	assert_string_equal(out + strlen(out) - 6, "# EOF\n");
	assert_false(
		metrics_write(broken, strlen(broken), "", 100, 4096, "", &counts, out, sizeof out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),	cmocka_unit_test(test_host),
		cmocka_unit_test(test_origin),	cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_small),	cmocka_unit_test(test_commands),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
