/* test_console_log.c - the console's logs: complete across rotations, timed, and printed. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "console/console_log.h"

struct bench {
	struct settings s;
	struct console_log log;
	char dir[32];
};

static void set_up(struct bench *b)
{
	*b = (struct bench){.s = {.console_log_keep = 2}};
	(void)strcpy(b->dir, "/tmp/console_log.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->s.log_dir = b->dir;
}

static void tear_down(struct bench *b)
{
	char command[64];

	console_log_close(&b->log);
	(void)snprintf(command, sizeof command, "rm -r %s", b->dir);
	assert_int_equal(system(command), 0);
}

/* Read file NAME into BUF, with a NUL at the end. -1: there is no such file. */
static ssize_t contents(const struct bench *b, const char *name, char *buf, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = read(fd, buf, size - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	close(fd);
	return n;
}

static void put(struct bench *b, const char *text)
{
	console_log_write(&b->log, (const uint8_t *)text, strlen(text),
			  clock_now() - UINT64_C(12345678000));
}

/* Three files of 1 MiB: together they contain the latest output in order. */
static void rotated_files_are_complete(void **state)
{
	static const char *const names[] = {"console.log.2", "console.log.1", "console.log"};
	const size_t chunk = 300001, size = 8 * chunk;
	uint8_t *text = malloc(size), *kept = malloc(4 << 20);
	unsigned seed = 7;
	size_t len = 0;
	struct bench b;

	(void)state;
	set_up(&b);
	b.s.console_log_size = 1;
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)rand_r(&seed);
	for (size_t i = 0; i < 8; i++) {
		if (i % 3 == 0) { /* and across restarts */
			console_log_close(&b.log);
			console_log_open(&b.log, &b.s, false);
		}
		console_log_write(&b.log, text + i * chunk, chunk, 0);
	}
	for (size_t i = 0; i < 3; i++) {
		ssize_t n = contents(&b, names[i], (char *)kept + len, (4 << 20) - len);

		assert_in_range(n, 1, 1 << 20);
		len += (size_t)n;
	}
	assert_int_equal(len, size);
	assert_memory_equal(kept, text, size);
	for (size_t i = 0; i < 4; i++)
		console_log_write(&b.log, text, chunk, 0);
	assert_int_equal(contents(&b, "console.log.3", (char *)kept, 100), -1);
	assert_int_equal(b.log.whole.lost + b.log.timed.lost, 0);
	free(text);
	free(kept);
	tear_down(&b);
}

static void every_line_has_its_time(void **state)
{
	char buf[1024];
	int at = 0;
	struct bench b;

	(void)state;
	set_up(&b);
	b.s.console_timed = true;
	console_log_open(&b.log, &b.s, false);
	put(&b, "one\r\ntw");
	put(&b, "o\r\n\r\nlogin: ");
	console_log_close(&b.log);
	console_log_open(&b.log, &b.s, false);
	put(&b, "again");
	assert_true(contents(&b, "console.timed.log", buf, sizeof buf) > 0);
	const char *lines[] = {"one\r\n", "two\r\n", "\r\n", "login: \n", "again"};

	for (size_t i = 0; i < 5; i++) {
		char *p = buf + at;
		int used = 0;

		assert_memory_equal(p, "   12.3", 7);
		(void)sscanf(p, " 12.%*6d 20%*2d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ%n", &used);
		assert_int_equal(used, 37);
		assert_memory_equal(p + used, " ", 1);
		assert_memory_equal(p + used + 1, lines[i], strlen(lines[i]));
		at += used + 1 + (int)strlen(lines[i]);
	}
	assert_int_equal(buf[at], '\0');
	assert_int_equal(contents(&b, "console.log", buf, sizeof buf), 24);
	tear_down(&b);
}

/* Lines longer than any buffer keep all bytes and get one time stamp. */
static void long_lines(void **state)
{
	const size_t n = 20000;
	char *line = malloc(n + 2), *buf = malloc(2 * n);
	struct bench b;

	(void)state;
	memset(line, 'x', n);
	(void)strcpy(line + n, "\n");
	set_up(&b);
	b.s.console_timed = true;
	console_log_open(&b.log, &b.s, false);
	put(&b, line);
	assert_int_equal(contents(&b, "console.timed.log", buf, 2 * n), 38 + (ssize_t)n + 1);
	assert_memory_equal(buf + 38, line, n + 1);
	free(line);
	free(buf);
	tear_down(&b);
}

/* A full disk loses only bytes of the log; logging continues when there is space. */
static void a_full_disk(void **state)
{
	char path[64], buf[16];
	struct bench b;

	(void)state;
	set_up(&b);
	console_log_open(&b.log, &b.s, false);
	int disk = b.log.whole.fd;

	b.log.whole.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	put(&b, "hello");
	assert_int_equal(b.log.whole.lost + b.log.timed.lost, 5);
	close(b.log.whole.fd);
	b.log.whole.fd = disk;
	put(&b, "again");
	assert_int_equal(contents(&b, "console.log", buf, sizeof buf), 5);
	(void)snprintf(path, sizeof path, "%s/console.log", b.dir);
	assert_int_equal(unlink(path), 0); /* as logrotate does, followed by SIGHUP */
	console_log_reopen(&b.log);
	put(&b, "anew");
	assert_int_equal(contents(&b, "console.log", buf, sizeof buf), 4);
	assert_int_equal(b.log.whole.lost + b.log.timed.lost, 5);
	tear_down(&b);
}

/* Standard output: text only; a stalled reader is not waited for. */
static void on_standard_output(void **state)
{
	static const char text[] = "\033[1;31mboot\033[0m\r\n\n\n\n\016log\x07in: \n"
				   "vm: ready\n\xc2\x9b\x9b\xe2\x80\xae\xc3\xa9 end";
	static const char shown[] = "guest: boot\nguest: \nguest: login: \nguest: vm: ready\n";
	static const char rest[] = "guest: \\u009b\\x9b\\u202e\xc3\xa9 end\n";
	char *buf = malloc(1 << 20);
	int out[2], saved = dup(STDOUT_FILENO);
	uint64_t written = 0, got = 0;
	struct bench b;

	(void)state;
	set_up(&b);
	b.s.console_stdout = CONSOLE_STDOUT_ON;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	(void)fflush(stdout);
	assert_int_equal(dup2(out[1], STDOUT_FILENO), STDOUT_FILENO);
	console_log_open(&b.log, &b.s, true);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	assert_int_equal(fcntl(out[1], F_GETFL) & O_NONBLOCK,
			 0); /* it may be shared with other processes */
	put(&b, text);
	ssize_t n = read(out[0], buf, 1 << 20);

	assert_int_equal(n, sizeof shown - 1);
	assert_memory_equal(buf, shown, sizeof shown - 1);
	put(&b, "\n");
	n = read(out[0], buf, 1 << 20);
	assert_int_equal(n, sizeof rest - 1);
	assert_memory_equal(buf, rest, sizeof rest - 1);
	for (int i = 0; i < 100; i++, written += 5000) {
		memset(buf, 'q', 5000);
		(void)strcpy(buf + 5000, "\n");
		put(&b, buf);
	}
	assert_in_range(b.log.out_lost, 1, written - 1);
	n = read(out[0], buf, 1 << 20);
	for (ssize_t i = 0; i < n; i++)
		got += buf[i] == 'q';
	assert_int_equal(got + b.log.out_lost, written);
	put(&b, "on\n");
	n = read(out[0], buf, 1 << 20);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "bytes of the console are missing here]\nguest: on\n"));
	close(out[0]);
	put(&b, "nobody reads\n");
	assert_int_equal(b.log.out, -1);
	close(out[1]);
	free(buf);
	tear_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotated_files_are_complete),
		cmocka_unit_test(every_line_has_its_time),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(on_standard_output),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
