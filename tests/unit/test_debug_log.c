/* test_debug_log.c - QEMU's log, read from a pipe: rotation, complete lines, and the information
 * about triple faults. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "console/debug_log.h"
#include "format/fault_text.h"

struct bench {
	struct settings s;
	struct debug_log log;
	char dir[32];
	int qemu; /* its end of the pipe */
	int epoll;
};

static void set_up(struct bench *b)
{
	int fds[2];

	*b = (struct bench){.s = {.debug_log_size = 1, .debug_log_keep = 1}};
	(void)strcpy(b->dir, "/tmp/debug_log.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->s.log_dir = b->dir;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fd_nonblock(fds[0], true));
	b->qemu = fds[1];
	debug_log_open(&b->log, &b->s, b->epoll, 1);
	debug_log_attach(&b->log, fds[0]);
}

static void tear_down(struct bench *b)
{
	char command[64];

	fd_close(&b->qemu);
	debug_log_close(&b->log);
	fd_close(&b->epoll);
	(void)snprintf(command, sizeof command, "rm -r %s", b->dir);
	assert_int_equal(system(command), 0);
}

static void put(struct bench *b, const char *text)
{
	assert_true(write_all(b->qemu, text, strlen(text)));
	debug_log_read(&b->log);
}

/* The size of file NAME; its first LINE, if wanted. */
static long size_of(const struct bench *b, const char *name, char line[256])
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	assert_int_equal(fstat(fileno(f), &st), 0);
	if (line && !fgets(line, 256, f))
		line[0] = '\0';
	(void)fclose(f);
	return (long)st.st_size;
}

/* A rotation does not cut lines. Each file except the first ones begins with the amount that is
 * missing. */
static void the_size_is_bounded(void **state)
{
	char text[1001];
	char line[256];
	struct bench b;

	(void)state;
	set_up(&b);
	memset(text, 'x', sizeof text - 1);
	text[1000] = '\0';
	text[0] = '<';
	text[999] = '\n';
	for (int i = 0; i < 4000; i++) {
		put(&b, text);
		if (i == 2000)
			assert_int_equal(b.log.file.dropped, 0);
	}
	assert_int_equal(b.log.bytes, 4000000);
	assert_true(b.log.file.dropped >= 2);
	assert_true(size_of(&b, "guest-errors.log", line) <= 1 << 20);
	assert_memory_equal(line, "vm: [full: ", 11);
	assert_true(size_of(&b, "guest-errors.log.1", line) <= 1 << 20);
	assert_true(size_of(&b, "guest-errors.log.1", line) > 1000000);
	assert_int_equal((size_of(&b, "guest-errors.log.1", line) - (long)strlen(line)) % 1000, 0);
	assert_int_equal(size_of(&b, "guest-errors.log.2", NULL), -1);
	tear_down(&b);
}

/* An incomplete line is held back, and written when the pipe is closed. */
static void part_of_a_line(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b);
	put(&b, "one\ntw");
	assert_int_equal(size_of(&b, "guest-errors.log", NULL), 4);
	put(&b, "o\nthree");
	assert_int_equal(size_of(&b, "guest-errors.log", NULL), 8);
	fd_close(&b.qemu);
	debug_log_detach(&b.log);
	assert_int_equal(b.log.pipe, -1);
	assert_int_equal(size_of(&b, "guest-errors.log", NULL), 13);
	tear_down(&b);
}

static void the_address_of_a_triple_fault(void **state)
{
	static const char registers[] = "RAX=0 RBX=1\nRIP=ffffffff8100c180 RFL=00000046\n";
	char where[24];
	struct bench b;

	(void)state;
	set_up(&b);
	put(&b, "CPU Reset (CPU 0)\nEAX=0\nEIP=0000fff0 EFL=2\n");
	assert_false(b.log.fault.triple);
	put(&b, "Triple fa");
	put(&b, "ult\nCPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\n");
	assert_true(b.log.fault.triple);
	assert_string_equal(b.log.fault.where, "");
	put(&b, "EIP=00007c1f EFL=00000046 [---Z-P-]\nEIP=00000001 EFL=0\n");
	assert_string_equal(b.log.fault.where, "EIP=00007c1f");
	assert_false(fault_in_firmware(&b.log.fault));
	assert_true(
		fault_in_firmware(&(struct fault_text){.triple = true, .where = "EIP=000efaad"}));
	assert_true(fault_where(registers, sizeof registers - 1, where));
	assert_string_equal(where, "RIP=ffffffff8100c180");
	assert_false(fault_where("RIP=", 4, where));
	assert_false(fault_where("EIP: 1\n", 7, where));
	tear_down(&b);
}

/* SeaBIOS's own fault after a reset is distinguished from the guest's, whichever comes first. */
static void resets_of_the_firmware(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b);
	put(&b, "Triple fault\n");
	assert_true(b.log.fault.triple);
	put(&b, "EIP=000efaad EFL=0\n");
	assert_false(b.log.fault.triple);
	put(&b, "Triple fault\nEIP=00007c1f EFL=0\nTriple fault\n");
	assert_string_equal(b.log.fault.where, "EIP=00007c1f");
	put(&b, "EIP=000efaad EFL=0\n");
	assert_string_equal(b.log.fault.where, "EIP=00007c1f");
	put(&b, "Triple fault\nEIP=00007c2f EFL=0\n");
	assert_string_equal(b.log.fault.where, "EIP=00007c2f");
	tear_down(&b);
}

/* QEMU 11 shows the registers after the reset: they are not those of the fault, nor is later
 * output.
 */
static void registers_after_the_reset(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b);
	put(&b, "Triple fault\nCPU Reset (CPU 0)\nEIP=0000fff0 EFL=00000002\nCS =f000\n");
	assert_true(b.log.fault.triple);
	assert_string_equal(b.log.fault.where, "");
	put(&b, "EIP=000efaad EFL=0\nEIP=00007c1f EFL=0\n");
	assert_true(b.log.fault.triple);
	assert_string_equal(b.log.fault.where, "");
	put(&b, "Triple fault\nRIP=000000000000fff0 RFL=00000002\n");
	assert_true(b.log.fault.triple);
	assert_string_equal(b.log.fault.where, "");
	tear_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_size_is_bounded),
		cmocka_unit_test(part_of_a_line),
		cmocka_unit_test(the_address_of_a_triple_fault),
		cmocka_unit_test(resets_of_the_firmware),
		cmocka_unit_test(registers_after_the_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
