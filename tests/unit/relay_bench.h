/* relay_bench.h - a relay with real sockets, for its tests: QEMU's end, the clients' ends, and an
 * epoll loop in between that runs until nothing is left to do.
 */
#ifndef VM_TESTS_RELAY_BENCH_H
#define VM_TESTS_RELAY_BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "console/mux.h"

#define RING	 (64 * 1024)
#define GREETING "[the test's console]"

struct bench {
	struct relay *r;
	int epoll, guest, telnet, raw, local; /* raw: TCP; local: a unix socket */
	unsigned breaks, deliveries;
	size_t observed;
	uint8_t *heard; /* by the observer; HEARD_MAX bytes */
};

#define HEARD_MAX (4 * 1024 * 1024)
#define GOT_MAX	  (8 * 1024 * 1024)

static inline void observe(const uint8_t *buf, size_t n, void *arg)
{
	struct bench *b = arg;

	assert_true(b->observed + n <= HEARD_MAX);
	memcpy(b->heard + b->observed, buf, n);
	b->observed += n;
	b->deliveries++;
}

static inline void on_break(void *arg)
{
	((struct bench *)arg)->breaks++;
}

static inline int listen_on(int domain)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	struct sockaddr_un un = {.sun_family = AF_UNIX}; /* the kernel finds an abstract name */
	int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (domain == AF_INET)
		assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	else
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un.sun_family), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static inline int attach(struct bench *b)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_true(relay_attach(b->r, fds[0], fds[0]));
	return b->guest = fds[1];
}

/* The same at two pipes: OUTPUT is written, INPUT is read by the guest. */
static inline void attach_pipes(struct bench *b, int *output, int *input)
{
	int out[2], in[2];

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(relay_attach(b->r, out[0], in[1]));
	*output = out[1];
	*input = in[0];
}

/* With PASSWORD (NULL: none) on the TCP listeners. */
static inline void set_up_all(struct bench *b, size_t clients_max, const char *password,
			      bool read_only, bool clear_line)
{
	*b = (struct bench){.epoll = epoll_create1(EPOLL_CLOEXEC),
			    .telnet = listen_on(AF_INET),
			    .raw = listen_on(AF_INET),
			    .local = listen_on(AF_UNIX),
			    .heard = malloc(HEARD_MAX)};
	struct relay_config config = {.name = "console",
				      .rfc2217_listener = -1,
				      .ref_type = 3,
				      .ref_index = 1,
				      .epoll = b->epoll,
				      .ring_size = RING,
				      .replay_size = RING,
				      .clients_max = clients_max,
				      .greeting = GREETING,
				      .telnet_listener = b->telnet,
				      .raw_listener = b->raw,
				      .unix_listener = b->local,
				      .password = password,
				      .read_only = read_only,
				      .clear_line = clear_line,
				      .observe = observe,
				      .on_break = on_break,
				      .arg = b};

	b->r = relay_new(&config, NULL);
	assert_non_null(b->r);
	(void)attach(b);
}

static inline void set_up_with(struct bench *b, size_t clients_max, const char *password,
			       bool read_only)
{
	set_up_all(b, clients_max, password, read_only, false);
}

static inline void set_up(struct bench *b, size_t clients_max)
{
	set_up_all(b, clients_max, NULL, false, false);
}

static inline void set_up_monitor(struct bench *b, size_t clients_max)
{
	set_up_all(b, clients_max, NULL, false, true);
}

static inline void tear_down(struct bench *b)
{
	relay_free(b->r);
	close(b->epoll);
	close(b->guest);
	free(b->heard);
}

/* One iteration of the loop, which waits up to MS for an event. Returns the number of events. */
static inline int turn(struct bench *b, int ms)
{
	struct epoll_event events[16];
	int n = epoll_wait(b->epoll, events, 16, ms);

	for (int i = 0; i < n; i++) {
		struct loop_ref ref = loop_ref_of(events[i].data.u64);

		assert_int_equal(ref.type, 3);
		assert_int_equal(ref.index, 1);
		relay_event(b->r, ref, events[i].events);
	}
	return n;
}

/* Run the loop until it has been idle for a while, which must happen. */
static inline void settle(struct bench *b)
{
	for (int rounds = 0; turn(b, 12) > 0; rounds++)
		assert_true(rounds < 100000);
}

/* Connect to LISTENER, over TCP from address FROM unless it is NULL. */
static inline int dial_from(struct bench *b, int listener, const char *from)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	int small = 8192, one = 1;

	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (from) {
		struct sockaddr_in source = {.sin_family = AF_INET};

		assert_int_equal(inet_pton(AF_INET, from, &source.sin_addr), 1);
		assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof source), 0);
	}
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	settle(b);
	return fd;
}

static inline int dial(struct bench *b, int listener)
{
	return dial_from(b, listener, NULL);
}

/* Read everything that is available on FD; *END is set at its end. Returns the length. */
static inline size_t take(int fd, uint8_t *buf, size_t size, bool *end)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (end)
			*end = n == 0 || (n < 0 && errno != EAGAIN);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

static inline void expect(int fd, const void *text, size_t n)
{
	uint8_t *buf = malloc(n + 100);

	assert_int_equal(take(fd, buf, n + 100, NULL), n);
	assert_memory_equal(buf, text, n);
	free(buf);
}

#define EXPECT(fd, text) expect(fd, text, sizeof(text) - 1)

static inline void say(struct bench *b, int fd, const void *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	settle(b);
}

#define SAY(b, fd, text) say(b, fd, text, sizeof(text) - 1)

/* Append everything that READER receives, until nothing more comes, to GOT[LEN]. Returns the new
 * length. */
static inline size_t collect(struct bench *b, int reader, uint8_t *got, size_t len)
{
	for (size_t before = SIZE_MAX; before != len;) {
		before = len;
		settle(b);
		len += take(reader, got + len, GOT_MAX - len, NULL);
	}
	return len;
}

/* Let the guest print N bytes in pieces, no faster than READER reads (-1: without one); a TELNET
 * reader gets each 0xFF twice. Returns how many bytes the reader got. */
static inline size_t print(struct bench *b, const uint8_t *text, size_t n, int reader, bool telnet,
			   uint8_t *got)
{
	size_t len = 0, wire = 0;

	for (size_t at = 0; at < n;) {
		ssize_t done =
			send(b->guest, text + at, n - at < 5000 ? n - at : 5000, MSG_NOSIGNAL);

		for (ssize_t i = 0; i < done; i++, at++)
			wire += telnet && text[at] == 0xff ? 2 : 1;
		do {
			(void)turn(b, reader >= 0 && wire - len > RING / 2);
			if (reader >= 0)
				len += take(reader, got + len, GOT_MAX - len, NULL);
		} while (reader >= 0 && wire - len > RING / 2);
	}
	settle(b);
	return reader >= 0 ? collect(b, reader, got, len) : 0;
}

static inline uint8_t *noise(size_t n, unsigned seed, int of_ten_are_0xff)
{
	uint8_t *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = rand_r(&seed) % 10 < of_ten_are_0xff ? 0xff : (uint8_t)rand_r(&seed);
	return p;
}

static inline struct relay_stats stats(const struct bench *b)
{
	struct relay_stats s;

	relay_stats(b->r, &s);
	return s;
}

#define START "\xff\xfb\1\xff\xfb\3\xff\xfb\0\xff\xfd\0"

#endif
