/* test_lazy_file.c - a program uses a part of a disk that is fetched on demand: it reads the disk's
 * data, and exactly its changes are found afterwards. The disk is an NBD server in a thread of this
 * test; the program is this test program (use_disk()).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "format/bytes.h"
#include "host/child.h"
#include "host/child_watch.h"
#include "host/lazy_file.h"
#include "in_child.h"

#define SIZE  (8u << 20)
#define START 5000u /* of the part */
#define PART  ((4u << 20) + 1000u)

static uint8_t disk[SIZE];
static unsigned reads;
static uint64_t broken_at; /* a read there is answered by an error */

/* ---- the disk ------------------------------------------------------------------------------ */

static void *serve(void *arg)
{
	int fd = *(int *)arg;
	uint8_t ask[28];
	uint8_t reply[16] = {0};

	while (read_full(fd, ask, sizeof ask) == sizeof ask && ask[7] != 2) {
		uint64_t at = be64(ask + 16);
		size_t n = (size_t)be64(ask + 20) & 0xffffffff;
		bool bad = at > SIZE || n > SIZE - at ||
			   (broken_at && at <= broken_at && broken_at < at + n);

		put_be64(reply, UINT64_C(0x67446698) << 32 | (bad ? 5 : 0));
		memcpy(reply + 8, ask + 8, 8);
		reads++;
		if (!write_all(fd, reply, sizeof reply) || (!bad && !write_all(fd, disk + at, n)))
			break;
	}
	close(fd);
	return NULL;
}

static struct nbd nbd;
static pthread_t server;
static int server_fd;
static struct lazy_file file;

static int set_up(void **state)
{
	int fds[2];
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		disk[i] = i / 65536 % 3 == 1 ? 0 : (uint8_t)(i * 2654435761u >> 13 | 1);
	reads = 0;
	broken_at = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	server_fd = fds[1];
	nbd = (struct nbd){.name = "disk",
			   .fd = fds[0],
			   .errors = open("/dev/null", O_RDONLY | O_CLOEXEC),
			   .end_ns = clock_now() + UINT64_C(60000000000)};
	assert_int_equal(pthread_create(&server, NULL, serve, &server_fd), 0);
	assert_true(lazy_begin(&file, &nbd, START, PART, "/tmp", &err));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lazy_end(&file);
	close(nbd.fd);
	close(nbd.errors);
	assert_int_equal(pthread_join(server, NULL), 0);
	return 0;
}

/* ---- the program --------------------------------------------------------------------------- */

static uint8_t byte_at(uint64_t at)
{
	at += START;
	return at / 65536 % 3 == 1 ? 0 : (uint8_t)(at * 2654435761u >> 13 | 1);
}

static void compare(const uint8_t *buf, uint64_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != byte_at(at + i)) {
			printf("byte %llu is %u\n", (unsigned long long)(at + i), buf[i]);
			_exit(1);
		}
}

static void use_disk(const char *path)
{
	static uint8_t buf[200000];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 3);
	CHECK(pread(fd, buf, 100000, 60000) == 100000);
	compare(buf, 60000, 100000);
	/* By its offset, in pieces. */
	CHECK(lseek(fd, 700000, SEEK_SET) == 700000);
	CHECK(read(fd, buf, 1000) == 1000 && read(fd, buf + 1000, 130000) == 130000);
	compare(buf, 700000, 131000);
	CHECK(lseek(fd, 300000, SEEK_CUR) == 1131000 && read(fd, buf, 9) == 9);
	compare(buf, 1131000, 9);
	CHECK(lseek(fd, -5, SEEK_END) == PART - 5 && read(fd, buf, 100) == 5);
	compare(buf, PART - 5, 5);
	/* Two bytes in the middle of what was never read, one at an offset. */
	CHECK(pwrite(fd, "AB", 2, 2000001) == 2);
	CHECK(lseek(fd, 2500000, SEEK_SET) == 2500000 && write(fd, "C", 1) == 1);
	CHECK(pread(fd, buf, 10, 1999996) == 10 && memcmp(buf + 5, "AB", 2) == 0);
	compare(buf, 1999996, 5);
	compare(buf + 7, 2000003, 3);
	/* The part's first bytes, and something written as it was. */
	CHECK(pwrite(fd, "D", 1, 1024) == 1);
	buf[0] = byte_at(3000000);
	CHECK(pwrite(fd, buf, 1, 3000000) == 1);
	/* A descriptor that is opened again begins at 0. */
	close(fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 3 && read(fd, buf, 1000) == 1000);
	compare(buf, 0, 1000);
	/* System calls that could bypass the tracing do not exist. */
	CHECK(fallocate(fd, 3, 0, 4096) < 0 && errno == ENOSYS);
	CHECK(ftruncate(fd, 0) < 0 && errno == ENOSYS);
	CHECK(syscall(SYS_preadv, fd, NULL, 0, 0) < 0 && errno == ENOSYS);
	printf("done\n");
	exit(0);
}

/* Run it on FILE and answer its calls; its exit status, -1 if it was ended. */
static int run_program(void)
{
	char path[64];
	char *argv[] = {(char *)"lazy", path, NULL};
	char *envp[] = {(char *)"ASAN_OPTIONS=detect_leaks=0", NULL};
	struct error err = {0};
	int watch = -1;
	int status;
	struct child c = {.path = "/proc/self/exe",
			  .argv = argv,
			  .envp = envp,
			  .watch = &watch,
			  .watcher = &child_watch,
			  .fds = {{file.fd, 30}, {2, 2}},
			  .fd_count = 2};

	(void)snprintf(path, sizeof path, "/proc/self/fd/30");
	pid_t pid = child_start(&c, NULL, &err);

	assert_true(pid > 0);
	assert_true(watch >= 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd p = {watch, POLLIN, 0};

		if (poll(&p, 1, 20) > 0 && p.revents & POLLIN && !lazy_handle_call(watch, &file)) {
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			break;
		}
	}
	close(watch);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- what is seen -------------------------------------------------------------------------- */

static char changes[400];

static bool note(void *arg, uint64_t offset, const uint8_t *was, const uint8_t *is, size_t n,
		 struct error *err)
{
	(void)arg, (void)err;
	assert_memory_equal(was, disk + offset, n);
	for (size_t i = 0; i < n; i++)
		if (was[i] != is[i])
			(void)snprintf(changes + strlen(changes), sizeof changes - strlen(changes),
				       "%llu=%c ", (unsigned long long)(offset - START + i), is[i]);
	return true;
}

static void a_program_reads_the_disk_and_its_changes_are_found(void **state)
{
	struct error err = {0};

	(void)state;
	changes[0] = '\0';
	assert_int_equal(run_program(), 0);
	/* What was not read was not fetched. */
	assert_true(reads < 20);
	assert_true(lazy_changes(&file, note, NULL, &err));
	assert_string_equal(changes, "2000001=A 2000002=B 2500000=C 1024=D ");
}

static void everything_can_be_copied_before(void **state)
{
	static uint8_t is[PART];
	struct error err = {0};

	(void)state;
	changes[0] = '\0';
	assert_int_equal(pwrite(file.fd, "x", 1, 70000), 1); /* of a program that was ended */
	assert_true(lazy_fill(&file, &err));
	assert_int_equal(pread(file.fd, is, PART, 0), PART);
	assert_memory_equal(is, disk + START, PART);
	assert_true(lazy_changes(&file, note, NULL, &err));
	assert_string_equal(changes, "");
}

static void a_disk_that_cannot_be_read_ends_the_program(void **state)
{
	(void)state;
	broken_at = START + 70000;
	assert_int_equal(run_program(), -1);
	assert_non_null(strstr(file.failed.message, "disk: the disk cannot be read at byte"));
}

static void a_directory_without_space_is_an_error(void **state)
{
	struct lazy_file other;
	struct error err = {0};

	(void)state;
	assert_false(lazy_begin(&other, &nbd, 0, PART, "/nowhere", &err));
	assert_non_null(strstr(err.message, "VM_TMP_DIR=/nowhere"));
	lazy_end(&other);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_program_reads_the_disk_and_its_changes_are_found,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(everything_can_be_copied_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_that_cannot_be_read_ends_the_program, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_directory_without_space_is_an_error, set_up,
						tear_down),
	};

	if (argc == 2)
		use_disk(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
