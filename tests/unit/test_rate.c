/* test_rate.c - token buckets per client, and descriptors passed with messages. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fds.h"
#include "base/rate.h"

#define SECOND UINT64_C(1000000000)

static const uint8_t one[RATE_KEY] = {1}, two[RATE_KEY] = {2};

static void test_burst_then_rate(void **state)
{
	struct rate r = {.each_ns = SECOND / 10, .burst = 5};
	uint64_t now = 77 * SECOND;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_take(&r, one, now), 0);
	assert_int_equal(rate_take(&r, one, now), 1);
	/* Another client is not affected. */
	assert_int_equal(rate_take(&r, two, now), 0);
	/* Refused requests use no token: one token per tenth of a second. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(rate_take(&r, one, now), 1);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(rate_take(&r, one, now + (uint64_t)i * SECOND / 10), 0);
		assert_int_equal(rate_take(&r, one, now + (uint64_t)i * SECOND / 10), 1);
	}
	/* After a pause the full burst is available again, but not more. */
	now += 1000 * SECOND;
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_take(&r, one, now), 0);
	assert_int_equal(rate_take(&r, one, now), 1);
}

static void test_long_wait(void **state)
{
	struct rate r = {.each_ns = SECOND, .burst = 1};

	(void)state;
	assert_int_equal(rate_take(&r, one, SECOND), 0);
	assert_int_equal(rate_take(&r, one, SECOND), 1);
	assert_int_equal(rate_take(&r, one, 2 * SECOND - 1), 1);
	assert_int_equal(rate_take(&r, one, 2 * SECOND), 0);
}

/* A query takes no token, and a client that has only queried is not remembered. */
static void test_asking(void **state)
{
	struct rate r = {.each_ns = 10 * SECOND, .burst = 2};

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_wait(&r, one, SECOND), 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(rate_take(&r, one, SECOND), 0);
	assert_int_equal(rate_wait(&r, one, SECOND), 0);
	assert_int_equal(rate_take(&r, one, SECOND), 0);
	assert_int_equal(rate_wait(&r, one, SECOND), 10);
	assert_int_equal(rate_wait(&r, one, 5 * SECOND), 6);
	assert_int_equal(rate_wait(&r, one, 11 * SECOND), 0);
	assert_int_equal(rate_wait(&r, two, SECOND), 0);
}

/* More clients than slots: the most active ones are remembered. */
static void test_many_clients(void **state)
{
	static struct rate r = {.each_ns = SECOND / 100, .burst = 400};
	uint8_t other[RATE_KEY] = {3};

	(void)state;
	for (int i = 0; i < 400; i++)
		assert_int_equal(rate_take(&r, one, SECOND), 0);
	for (int i = 0; i < 100 * RATE_CLIENTS; i++) {
		other[1] = (uint8_t)i;
		other[2] = (uint8_t)(i >> 8);
		assert_int_equal(rate_take(&r, other, SECOND), 0);
	}
	assert_int_equal(r.count, RATE_CLIENTS);
	assert_int_equal(rate_take(&r, one, SECOND), 1);
}

static void test_keys(void **state)
{
	const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1};
	const uint8_t beside[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9, 9};
	const uint8_t net[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 1};
	uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
	uint8_t a[RATE_KEY], b[RATE_KEY];

	(void)state;
	rate_key(v6, 0, a);
	rate_key(beside, 0, b);
	assert_memory_equal(a, b, RATE_KEY);
	rate_key(net, 0, b);
	assert_memory_not_equal(a, b, RATE_KEY);
	rate_key(v6, 1, b);
	assert_memory_not_equal(a, b, RATE_KEY);
	rate_key(v4, 0, a);
	v4[15] = 2;
	rate_key(v4, 0, b);
	assert_memory_not_equal(a, b, RATE_KEY);
}

static int open_count(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Descriptors arrive in order; those without space and those of a truncated message are closed. */
static void test_fds(void **state)
{
	int pair[2], pipes[2], fds[4];
	char text[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	int before = open_count();

	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 4, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(fds_send(pair[0], "none", 4, NULL, 0, 0));
	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 4, 0), 4);
	assert_int_equal(fds[0], -1);
	assert_true(fds_send(pair[0], "two", 3, pipes, 2, 0));
	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 4, 0), 3);
	assert_memory_equal(text, "two", 3);
	assert_true(fds[0] >= 0 && fds[1] >= 0 && fds[2] == -1 && fds[3] == -1);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], text, 1), 1);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_true(fds_send(pair[0], "two", 3, pipes, 2, 0));
	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 1, 0), 3);
	(void)close(fds[0]);
	assert_int_equal(open_count(), before);
	assert_true(fds_send(pair[0], "too long for it", 15, pipes, 2, 0));
	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 4, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(open_count(), before);
	(void)close(pair[0]);
	assert_int_equal(fds_receive(pair[1], text, sizeof text, fds, 4, 0), 0);
	(void)close(pair[1]);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_long_wait),
		cmocka_unit_test(test_asking),
		cmocka_unit_test(test_many_clients),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
