/* room_relay.h - a relay with real sockets, for its tests: QEMU's end, the clients' ends, and an
 * epoll loop in between that runs until nothing is left to do.
 */
#ifndef TEST_ROOM_RELAY_H
#define TEST_ROOM_RELAY_H

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

struct relay_fixture {
	struct relay *relay;
	int epoll;
	int guest;		/* QEMU's end of the serial line */
	int telnet, raw, local; /* listeners: TCP with telnet's protocol and without, unix */
	unsigned breaks, deliveries;
	size_t output_len;
	uint8_t *output; /* what the observer got; OUTPUT_MAX bytes */
};

#define OUTPUT_MAX   (4 * 1024 * 1024)
#define RECEIVED_MAX (8 * 1024 * 1024)

static inline void on_output(const uint8_t *buf, size_t n, void *arg)
{
	struct relay_fixture *f = arg;

	assert_true(f->output_len + n <= OUTPUT_MAX);
	memcpy(f->output + f->output_len, buf, n);
	f->output_len += n;
	f->deliveries++;
}

static inline void on_break(void *arg)
{
	((struct relay_fixture *)arg)->breaks++;
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

/* Connect a QEMU by a socketpair. Returns its end. */
static inline int attach_qemu(struct relay_fixture *f)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_true(relay_attach(f->relay, fds[0], fds[0]));
	return f->guest = fds[1];
}

/* The same at two pipes: OUTPUT is written, INPUT is read by the guest. */
static inline void attach_pipes(struct relay_fixture *f, int *output, int *input)
{
	int out[2], in[2];

	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(relay_attach(f->relay, out[0], in[1]));
	*output = out[1];
	*input = in[0];
}

/* With PASSWORD (NULL: none) on the TCP listeners. */
static inline void set_up_all(struct relay_fixture *f, size_t clients_max, const char *password,
			      bool read_only, bool clear_line)
{
	*f = (struct relay_fixture){.epoll = epoll_create1(EPOLL_CLOEXEC),
				    .telnet = listen_on(AF_INET),
				    .raw = listen_on(AF_INET),
				    .local = listen_on(AF_UNIX),
				    .output = malloc(OUTPUT_MAX)};
	struct relay_config config = {.name = "console",
				      .rfc2217_listener = -1,
				      .ref_type = 3,
				      .ref_index = 1,
				      .epoll = f->epoll,
				      .ring_size = RING,
				      .replay_size = RING,
				      .clients_max = clients_max,
				      .greeting = GREETING,
				      .telnet_listener = f->telnet,
				      .raw_listener = f->raw,
				      .unix_listener = f->local,
				      .password = password,
				      .read_only = read_only,
				      .clear_line = clear_line,
				      .observe = on_output,
				      .on_break = on_break,
				      .arg = f};

	f->relay = relay_new(&config, NULL);
	assert_non_null(f->relay);
	(void)attach_qemu(f);
}

static inline void set_up_with(struct relay_fixture *f, size_t clients_max, const char *password,
			       bool read_only)
{
	set_up_all(f, clients_max, password, read_only, false);
}

static inline void set_up(struct relay_fixture *f, size_t clients_max)
{
	set_up_all(f, clients_max, NULL, false, false);
}

static inline void set_up_monitor(struct relay_fixture *f, size_t clients_max)
{
	set_up_all(f, clients_max, NULL, false, true);
}

static inline void tear_down(struct relay_fixture *f)
{
	relay_free(f->relay);
	close(f->epoll);
	close(f->guest);
	free(f->output);
}

/* One iteration of the loop, which waits up to MS for an event. Returns the number of events. */
static inline int run_once(struct relay_fixture *f, int ms)
{
	struct epoll_event events[16];
	int n = epoll_wait(f->epoll, events, 16, ms);

	for (int i = 0; i < n; i++) {
		struct loop_ref ref = loop_ref_of(events[i].data.u64);

		assert_int_equal(ref.type, 3);
		assert_int_equal(ref.index, 1);
		relay_event(f->relay, ref, events[i].events);
	}
	return n;
}

/* Run the loop until it has been idle for a while, which must happen. */
static inline void run_until_idle(struct relay_fixture *f)
{
	for (int rounds = 0; run_once(f, 12) > 0; rounds++)
		assert_true(rounds < 100000);
}

/* Connect to LISTENER, over TCP from address FROM unless it is NULL. */
static inline int connect_client_from(struct relay_fixture *f, int listener, const char *from)
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
	run_until_idle(f);
	return fd;
}

static inline int connect_client(struct relay_fixture *f, int listener)
{
	return connect_client_from(f, listener, NULL);
}

/* Read everything that is available on FD; *END is set at its end. Returns the length. */
static inline size_t read_available(int fd, uint8_t *buf, size_t size, bool *end)
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

/* What is available on FD is exactly TEXT. */
static inline void expect(int fd, const void *text, size_t n)
{
	uint8_t *buf = malloc(n + 100);

	assert_int_equal(read_available(fd, buf, n + 100, NULL), n);
	assert_memory_equal(buf, text, n);
	free(buf);
}

#define EXPECT(fd, text) expect(fd, text, sizeof(text) - 1)

/* Send N bytes on FD, and run the loop until they have been dealt with. */
static inline void send_bytes(struct relay_fixture *f, int fd, const void *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	run_until_idle(f);
}

#define SEND(f, fd, text) send_bytes(f, fd, text, sizeof(text) - 1)

/* Append everything that READER receives, until nothing more comes, to RECEIVED[LEN]. Returns the
 * new length. */
static inline size_t read_until_idle(struct relay_fixture *f, int reader, uint8_t *received,
				     size_t len)
{
	for (size_t before = SIZE_MAX; before != len;) {
		before = len;
		run_until_idle(f);
		len += read_available(reader, received + len, RECEIVED_MAX - len, NULL);
	}
	return len;
}

/* Let the guest print N bytes in pieces, no faster than READER reads (-1: without one); a TELNET
 * reader gets each 0xFF twice. Returns how many bytes the reader got. */
static inline size_t guest_prints_paced(struct relay_fixture *f, const uint8_t *text, size_t n,
					int reader, bool telnet, uint8_t *received)
{
	size_t len = 0, wire = 0;

	for (size_t at = 0; at < n;) {
		ssize_t done =
			send(f->guest, text + at, n - at < 5000 ? n - at : 5000, MSG_NOSIGNAL);

		for (ssize_t i = 0; i < done; i++, at++)
			wire += telnet && text[at] == 0xff ? 2 : 1;
		do {
			(void)run_once(f, reader >= 0 && wire - len > RING / 2);
			if (reader >= 0)
				len += read_available(reader, received + len, RECEIVED_MAX - len,
						      NULL);
		} while (reader >= 0 && wire - len > RING / 2);
	}
	run_until_idle(f);
	return reader >= 0 ? read_until_idle(f, reader, received, len) : 0;
}

/* N random bytes, of which OF_TEN_ARE_0XFF in ten are 0xFF. */
static inline uint8_t *random_bytes(size_t n, unsigned seed, int of_ten_are_0xff)
{
	uint8_t *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = rand_r(&seed) % 10 < of_ten_are_0xff ? 0xff : (uint8_t)rand_r(&seed);
	return p;
}

static inline struct relay_stats stats(const struct relay_fixture *f)
{
	struct relay_stats s;

	relay_stats(f->relay, &s);
	return s;
}

/* Sent to a telnet client first: IAC WILL ECHO, WILL SGA, WILL BINARY, DO BINARY. */
#define TELNET_OPTIONS "\xff\xfb\1\xff\xfb\3\xff\xfb\0\xff\xfd\0"

#endif
