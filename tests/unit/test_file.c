/* test_file.c - copying and replacing files (base/file.h), and output of other programs
 * (base/lines.h). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/io.h"
#include "base/lines.h"
#include "base/log.h"

static void a_copy_has_the_data_and_the_holes(void **state)
{
	char from[] = "/tmp/vm-files-XXXXXX";
	char to[] = "/tmp/vm-files-XXXXXX";
	_cleanup_fd_ int in = mkstemp(from);
	_cleanup_fd_ int out = mkstemp(to);
	char a[5] = "";
	struct stat st;

	(void)state;
	(void)unlink(from);
	(void)unlink(to);
	assert_int_equal(ftruncate(in, 64 << 20), 0);
	assert_int_equal(pwrite(in, "head", 4, 0), 4);
	assert_int_equal(pwrite(in, "tail", 4, 50 << 20), 4);
	assert_true(file_copy(in, out));
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 4 << 20);
	assert_int_equal(pread(out, a, 4, 0), 4);
	assert_string_equal(a, "head");
	assert_int_equal(pread(out, a, 4, 50 << 20), 4);
	assert_string_equal(a, "tail");
}

static void a_file_appears_complete_or_not_at_all(void **state)
{
	char dir[] = "/tmp/vm-files-XXXXXX";
	char part[64];
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(part, sizeof part, "%s/a.part", dir);
	(void)snprintf(path, sizeof path, "%s/a", dir);
	_cleanup_fd_ int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(file_commit(fd, part, path));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(part, F_OK), 0);
	assert_int_equal(rename(path, part), 0);
	assert_false(file_commit(fd, part, "/nonexistent/a"));
	assert_int_not_equal(access(part, F_OK), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(path_base("/a/b.qcow2"), "b.qcow2");
	assert_string_equal(path_base("b"), "b");
	assert_string_equal(path_base("/a/"), "");
}

static void collect(void *arg, const char *text)
{
	char *all = arg;
	size_t n = strlen(all);

	(void)snprintf(all + n, 1024 - n, "[%zu:%.20s]", strlen(text), text);
}

static void lines_are_complete_however_they_are_split(void **state)
{
	char all[1024] = "";
	char longest[300];
	struct line l = {0};

	(void)state;
	line_feed(&l, "one\r\n\ntw", 8, collect, all);
	line_feed(&l, "o\n\033h\303\251", 7, collect, all);
	assert_string_equal(all, "[3:one][3:two]");
	line_end(&l, collect, all);
	line_end(&l, collect, all);
	assert_string_equal(all, "[3:one][3:two][3:h\303\251]");
	memset(longest, 'x', sizeof longest);
	all[0] = '\0';
	line_feed(&l, longest, sizeof longest, collect, all);
	line_end(&l, collect, all);
	assert_string_equal(all, "[239:xxxxxxxxxxxxxxxxxxxx][61:xxxxxxxxxxxxxxxxxxxx]");
}

static void the_last_unfinished_line_is_kept(void **state)
{
	struct tail t = {0};
	char many[3000];
	size_t len;

	(void)state;
	(void)tail_line(&t, &len);
	assert_int_equal(len, 0);
	tail_feed(&t, "first\nsecond\r\n\n", 15);
	assert_memory_equal(tail_line(&t, &len), "second", 6);
	assert_int_equal(len, 6);
	memset(many, 'y', sizeof many);
	tail_feed(&t, many, sizeof many);
	assert_int_equal(t.len, 1024);
	tail_feed(&t, "\nend", 4);
	assert_memory_equal(tail_line(&t, &len), "end", 4);
	assert_int_equal(len, 3);
	assert_int_equal(strlen(t.text), 1024);
}

/* Reading a pipe: available data, its end, a timeout, and a stop. */
static void a_read_has_a_timeout(void **state)
{
	char buf[8];
	int data[2];
	int stop[2];

	(void)state;
	assert_int_equal(pipe(data), 0);
	assert_int_equal(pipe(stop), 0);
	assert_true(write_all(data[1], "abc", 3));
	assert_int_equal(read_until(data[0], stop[0], 1, buf, sizeof buf), 3);
	assert_int_equal(read_until(data[0], stop[0], clock_now() + 2000000, buf, sizeof buf), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(write_all(stop[1], "x", 1));
	assert_int_equal(read_until(data[0], stop[0], 0, buf, sizeof buf), -1);
	assert_int_equal(errno, EINTR);
	(void)close(data[1]);
	assert_int_equal(read_until(data[0], -1, 0, buf, sizeof buf), 0);
	(void)close(data[0]);
	(void)close(stop[0]);
	(void)close(stop[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_has_the_data_and_the_holes),
		cmocka_unit_test(a_file_appears_complete_or_not_at_all),
		cmocka_unit_test(names),
		cmocka_unit_test(a_read_has_a_timeout),
		cmocka_unit_test(lines_are_complete_however_they_are_split),
		cmocka_unit_test(the_last_unfinished_line_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
