/* test_top.c - the display of vm top: its contents, and that it fits the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/escape.h"
#include "vm/top.h"

static char frame[TOP_FRAME];

static void feed(struct top_tail *t, const char *text)
{
	uint8_t buf[4096];
	size_t n = strlen(text);

	memcpy(buf, text, n);
	top_tail_feed(t, buf, n);
}

static void assert_line_is(const struct top_tail *t, size_t back, const char *want)
{
	size_t len;
	const char *text = top_tail_line(t, back, &len);

	assert_non_null(text);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
}

static void tail_keeps_lines(void **state)
{
	static struct top_tail t;

	(void)state;
	t = (struct top_tail){0};
	feed(&t, "one\r\ntwo\r\n10%\r20%\rab\bc\r\n\033[1mbold\033[0m: ");
	assert_line_is(&t, 0, "bold: ");
	assert_line_is(&t, 1, "ac");
	assert_line_is(&t, 2, "two");
	assert_line_is(&t, 3, "one");
	assert_null(top_tail_line(&t, 4, &(size_t){0}));
	/* More lines than are kept, and one that is longer than a line may be. */
	for (int i = 0; i < 1000; i++)
		feed(&t, "x\n");
	for (int i = 0; i < 1000; i++)
		feed(&t, "0123456789");
	size_t len;

	assert_non_null(top_tail_line(&t, 0, &len));
	assert_int_equal(len, TOP_LINE);
	assert_non_null(top_tail_line(&t, TOP_LINES - 1, &len));
	assert_null(top_tail_line(&t, TOP_LINES, &len));
}

static const char status[] =
	"{\"state\":\"running\",\"ready\":false,\"why\":\"running, no login prompt yet\","
	"\"guest\":\"hurd\",\"disk\":\"/opt/x.qcow2\",\"ram_mb\":512,\"cpus\":2,"
	"\"accelerator\":\"kvm\",\"network\":\"user\",\"qemu\":{\"pid\":0,\"version\":\"10.0.2\"},"
	"\"phases\":[{\"name\":\"firmware\",\"kind\":\"progress\",\"ms\":600,\"qemu_ms\":500.0},"
	"{\"name\":\"grub\",\"kind\":\"progress\",\"ms\":1600,\"qemu_ms\":1500.0}],"
	"\"ms\":{\"up\":2000.0,\"ready\":0.0},\"console\":{\"bytes\":2048,\"clients\":3}}";

static void read_status(struct top *t)
{
	char text[sizeof status];

	memcpy(text, status, sizeof status);
	*t = (struct top){.cpu_percent = 98.7, .rss_bytes = 100 << 20, .disk_bytes = -1};
	assert_true(top_read_status(t, text, sizeof status - 1));
}

static void the_screen(void **state)
{
	static struct top t;
	static struct top_tail tail;

	(void)state;
	tail = (struct top_tail){0};
	feed(&tail, "hello\r\nlogin: ");
	read_status(&t);
	(void)top_draw(&t, &tail, 24, 80, false, frame, sizeof frame);
	assert_non_null(strstr(frame, "running  running, no login prompt yet"));
	assert_non_null(strstr(frame, "up 0:00:02\nqemu     CPU 99 %  RSS 100.0 MiB  10.0.2 kvm"));
	assert_non_null(strstr(frame, "console  2.0 KiB, 3 clients"));
	/* A second from the first to the second of four half seconds, and one more so far. */
	assert_non_null(strstr(frame, "grub              ..........######"));
	assert_non_null(strstr(frame, "   1.50 s  +1.00\n"));
	assert_non_null(strstr(frame, "2.00 s  +0.50\n"));
	assert_non_null(strstr(frame, "hello\nlogin: "));
	/* Ready: no bar grows, and nothing of the last status remains. */
	t.ready = true;
	t.ready_ms = 1500;
	(void)top_draw(&t, &tail, 24, 80, true, frame, sizeof frame);
	assert_null(strchr(frame, '>'));
	assert_non_null(strstr(frame, "\033[32mrunning\033[0m"));
}

/* Lines and columns of the frame; every byte is harmless. */
static void assert_fits(int rows, int columns)
{
	int lines = 1;
	int seen = 0;

	for (size_t i = 0, n; frame[i]; i += n) {
		n = utf8_length((const unsigned char *)frame + i, strlen(frame + i));
		assert_int_not_equal(n, 0);
		if (frame[i] == '\n') {
			lines++;
			seen = 0;
			continue;
		}
		assert_false(escape_needed(utf8_get((const unsigned char *)frame + i, n)));
		assert_true(++seen <= columns);
	}
	assert_true(lines <= rows);
}

static void any_terminal_size_and_text(void **state)
{
	static struct top t;
	static struct top_tail tail;
	static const int sizes[] = {1, 2, 5, 10, 17, 24, 40, 80, 200, 1000};
	static const size_t count = sizeof sizes / sizeof *sizes;

	(void)state;
	tail = (struct top_tail){0};
	read_status(&t);
	feed(&tail, "\x9b"
		    "31m\xff\xfe \xe2\x80\xae \xc3\xa4\xc3\xb6 \a\v\001\177\n");
	for (int i = 0; i < 300; i++)
		feed(&tail,
		     "\xc3\xa4\x80 \033]0;title\a a long line that goes on and on \x1b[2J\n");
	(void)snprintf(t.why, sizeof t.why, "a\033[2Jb\nc");
	(void)snprintf(t.phases[0].name, sizeof t.phases[0].name, "\033[H\xff");
	for (size_t r = 0; r < count; r++)
		for (size_t c = 0; c < count; c++) {
			(void)top_draw(&t, &tail, sizes[r], sizes[c], false, frame, sizeof frame);
			assert_fits(sizes[r], sizes[c]);
		}
	/* A time that decreases, and more phases than fit on the screen. */
	t.phase_count = TOP_PHASES;
	for (size_t i = 0; i < TOP_PHASES; i++) {
		t.phases[i].ms = i % 2 ? -1e12 : 1e12;
		(void)snprintf(t.phases[i].name, sizeof t.phases[i].name, "phase-%zu", i);
	}
	for (size_t r = 0; r < count; r++) {
		(void)top_draw(&t, &tail, sizes[r], 80, false, frame, sizeof frame);
		assert_fits(sizes[r], 80);
	}
	assert_non_null(strstr(frame, "phase-47"));
}

static void no_status(void **state)
{
	static struct top t;
	char broken[] = "no guest runs here";
	char list[] = "[]";
	char empty[] = "{}";

	(void)state;
	assert_false(top_read_status(&t, broken, strlen(broken)));
	assert_false(top_read_status(&t, list, strlen(list)));
	assert_true(top_read_status(&t, empty, strlen(empty)));
	assert_int_equal(t.phase_count, 0);
}

static void measures(void **state)
{
	static struct top t;
	struct top_sample last = {0};

	(void)state;
	t = (struct top){.pid = getpid(), .up_ms = 1000};
	top_measure(&t, &last);
	assert_true(t.cpu_percent >= 0);
	assert_true(t.rss_bytes > 4096);
	assert_int_equal(t.disk_bytes, -1);
	assert_int_equal(last.pid, getpid());
	t.pid = 0;
	top_measure(&t, &last);
	assert_true(t.cpu_percent < 0);
	assert_int_equal(t.rss_bytes, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tail_keeps_lines),
		cmocka_unit_test(the_screen),
		cmocka_unit_test(any_terminal_size_and_text),
		cmocka_unit_test(no_status),
		cmocka_unit_test(measures),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
