/* test_mux_clients.c - the console relay's clients: connections, disconnections, and which client
 * is evicted.
 */
#include <signal.h>

#include "room_relay.h"

/* `printf 'x' | nc`: sends, shuts down its sending side, and continues to read. */
static void half_closed(bool telnet)
{
	struct relay_fixture f;

	set_up(&f, 4);
	int fd = connect_client(&f, telnet ? f.telnet : f.raw);

	if (telnet)
		EXPECT(fd, TELNET_OPTIONS GREETING "\r\n");
	SEND(&f, fd, "uname\r");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run_until_idle(&f);
	EXPECT(f.guest, "uname\r");
	if (telnet)
		EXPECT(fd, "\xff\xf1"); /* IAC NOP: tests whether the client still exists */
	SEND(&f, f.guest, "uname\r\nGNU\r\n");
	EXPECT(fd, "uname\r\nGNU\r\n");
	assert_int_equal(stats(&f).clients, 0);
	assert_int_equal(stats(&f).half_closed, 1);
	close(fd);
	SEND(&f, f.guest, "$ "); /* TCP: the reset is the answer to this */
	assert_int_equal(stats(&f).half_closed, 0);
	tear_down(&f);
}

static void half_closed_clients_still_read(void **state)
{
	(void)state;
	half_closed(false);
	half_closed(true);
}

/* Disconnecting looks the same as shutting down the sending side; a telnet client that has gone is
 * detected at once, and a half-closed one is the first to be evicted when places are short. */
static void half_closed_clients_are_evicted(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 2);
	int fd = connect_client(&f, f.telnet);

	close(fd);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 0);
	int closing = connect_client(&f, f.local), reader = connect_client(&f, f.local);

	assert_int_equal(shutdown(closing, SHUT_WR), 0);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 1);
	assert_int_equal(stats(&f).half_closed, 1);
	int late = connect_client(&f, f.local);
	char end;

	assert_int_equal(read(closing, &end, 1), 0);
	assert_int_equal(stats(&f).half_closed, 0);
	assert_int_equal(stats(&f).clients, 2);
	assert_int_equal(stats(&f).refused, 0);
	SEND(&f, f.guest, "hello");
	EXPECT(reader, "hello");
	EXPECT(late, "hello");
	close(closing);
	close(reader);
	close(late);
	tear_down(&f);
}

/* Without descriptors a new client is refused, instead of waking the loop endlessly. */
static void without_descriptors(void **state)
{
	struct rlimit was, none = {0};
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	struct relay_fixture f;
	char text[64];

	(void)state;
	set_up(&f, 4);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int lowest = dup(fd);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none.rlim_max = was.rlim_max;
	none.rlim_cur = (rlim_t)lowest;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(getsockname(f.local, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	run_until_idle(&f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(read(fd, text, sizeof text) > 0);
	assert_int_equal(read(fd, text, 1), 0);
	assert_int_equal(stats(&f).refused, 1);
	close(fd);
	fd = connect_client(&f, f.local);
	SEND(&f, f.guest, "welcome");
	EXPECT(fd, "welcome");
	close(fd);
	tear_down(&f);
}

/* An event for a client that was disconnected in the same iteration, whose place and descriptor are
 * in use again. */
static void late_events_are_ignored(void **state)
{
	struct epoll_event events[4];
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int fd = connect_client(&f, f.local);

	close(fd);
	assert_int_equal(epoll_wait(f.epoll, events, 4, 1000), 1);
	struct loop_ref ref = loop_ref_of(events[0].data.u64);

	relay_event(f.relay, ref, events[0].events);
	assert_int_equal(stats(&f).clients, 0);
	fd = connect_client(&f, f.local);
	relay_event(f.relay, ref, EPOLLIN | EPOLLHUP);
	ref.slot = 200; /* no client has used this place yet */
	relay_event(f.relay, ref, EPOLLIN | EPOLLHUP);
	assert_int_equal(stats(&f).clients, 1);
	SEND(&f, fd, "x");
	EXPECT(f.guest, "x");
	close(fd);
	tear_down(&f);
}

/* The control socket and programs pass on their connections; PID 1 reserves places for them. */
static void adopted_connections(void **state)
{
	struct relay_fixture f;
	int live[2], all[2], more[2];

	(void)state;
	set_up(&f, 1);
	SEND(&f, f.guest, "boot\r\n");
	int client = connect_client(&f, f.local);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, live), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, all), 0);
	assert_true(relay_adopt(f.relay, live[1], RELAY_LIVE, 1));
	assert_true(relay_adopt(f.relay, all[1], RELAY_SCROLLBACK | RELAY_READ_ONLY, 2));
	SEND(&f, f.guest, "login: ");
	EXPECT(live[0], "login: ");
	EXPECT(all[0], "boot\r\nlogin: ");
	SEND(&f, all[0], "unheard");
	EXPECT(f.guest, "");
	SEND(&f, live[0], "\xff\xff");
	EXPECT(f.guest, "\xff\xff");
	for (int i = 2; i < RELAY_PROGRAMS; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, more), 0);
		assert_true(relay_adopt(f.relay, more[1], RELAY_LIVE, 3));
		if (i + 1 < RELAY_PROGRAMS)
			close(more[0]);
	}
	assert_false(relay_has_slot(f.relay, RELAY_LIVE));
	run_until_idle(&f);
	assert_true(relay_has_slot(f.relay, RELAY_LIVE));
	assert_int_equal(stats(&f).clients, 4);
	close(client);
	close(live[0]);
	close(all[0]);
	close(more[0]);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 0);
	tear_down(&f);
}

static int adopt(struct relay_fixture *f, unsigned how)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(relay_adopt(f->relay, pair[1], how, 1));
	run_until_idle(f);
	return pair[0];
}

/* The mark is where the client was adopted, also within a sequence and while its socket is full. */
static void the_end_of_the_scrollback_is_marked(void **state)
{
	static uint8_t lines[RING / 2];
	uint8_t *received = malloc(RECEIVED_MAX);
	struct relay_fixture f;

	(void)state;
	memset(lines, 'x', sizeof lines);
	lines[sizeof lines - 1] = '\n';
	set_up(&f, 1);
	int empty = adopt(&f, RELAY_SCROLLBACK | RELAY_MARKED);

	EXPECT(empty, "\005");
	SEND(&f, f.guest, "a\005b\033[6");
	EXPECT(empty, "a\005b\033[6");
	int marked = adopt(&f, RELAY_SCROLLBACK | RELAY_MARKED);
	int live = adopt(&f, RELAY_MARKED), all = adopt(&f, RELAY_SCROLLBACK);

	EXPECT(marked, "ab\005");
	EXPECT(live, "");
	EXPECT(all, "ab");
	SEND(&f, f.guest, "nc\005");
	EXPECT(marked, "c\005");
	EXPECT(live, "nc\005");
	EXPECT(all, "c\005");
	close(live);
	close(all);
	close(empty);
	guest_prints_paced(&f, lines, sizeof lines, marked, false, received);
	close(marked);
	int pair[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	assert_true(relay_adopt(f.relay, pair[1], RELAY_SCROLLBACK | RELAY_MARKED, 1));
	SEND(&f, f.guest, "behind");
	size_t n = read_until_idle(&f, pair[0], received, 0);

	assert_int_equal(n, 3 + sizeof lines + 1 + 6);
	assert_memory_equal(received + n - 8, "\n\005behind", 8);
	assert_ptr_equal(memchr(received, '\005', n), received + n - 7);
	free(received);
	close(pair[0]);
	tear_down(&f);
}

/* Closed windows leave their vm console behind: it is evicted with the reason; programs keep their
 * places. */
static void idle_terminals_are_evicted(void **state)
{
	struct relay_fixture f;
	int pairs[RELAY_TERMINALS + 1][2];
	int program[2];
	char byte;

	(void)state;
	set_up(&f, 1);
	for (unsigned i = 0; i <= RELAY_TERMINALS; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
		if (i == RELAY_TERMINALS) { /* the first one is in use, so the second is evicted */
			SEND(&f, pairs[0][0], "x");
			EXPECT(f.guest, "x");
		}
		assert_true(relay_has_slot(f.relay, RELAY_TERMINAL));
		assert_true(relay_adopt(f.relay, pairs[i][1], RELAY_TERMINAL, i + 1));
	}
	assert_int_equal(recv(pairs[1][0], &byte, 1, 0), 0);
	assert_int_equal(relay_ended(f.relay, 2), RELAY_EVICTED);
	assert_int_equal(relay_ended(f.relay, 1), RELAY_UNKNOWN);
	assert_int_equal(stats(&f).evicted, 1);
	assert_int_equal(stats(&f).clients, RELAY_TERMINALS);
	assert_true(relay_has_slot(f.relay, RELAY_LIVE));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, program), 0);
	assert_true(relay_adopt(f.relay, program[1], RELAY_LIVE, 99));
	SEND(&f, program[0], "y");
	EXPECT(f.guest, "y");
	for (unsigned i = 0; i <= RELAY_TERMINALS; i++)
		close(pairs[i][0]);
	close(program[0]);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 0);
	tear_down(&f);
}

static void a_relay_that_cannot_be_set_up(void **state)
{
	struct relay_config config = {.name = "console",
				      .epoll = epoll_create1(EPOLL_CLOEXEC),
				      .ring_size = 4000,
				      .clients_max = 4,
				      .telnet_listener = -1,
				      .raw_listener = -1,
				      .rfc2217_listener = -1,
				      .unix_listener = -1};
	struct error err;

	(void)state;
	assert_null(relay_new(&config, &err));
	assert_int_equal(err.status, EXIT_INTERNAL);
	config.ring_size = RING;
	struct relay *r = relay_new(&config, &err);

	assert_non_null(r);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_false(relay_attach(r, null, null)); /* epoll does not support it */
	relay_free(r);
	close(config.epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_closed_clients_still_read),
		cmocka_unit_test(half_closed_clients_are_evicted),
		cmocka_unit_test(without_descriptors),
		cmocka_unit_test(late_events_are_ignored),
		cmocka_unit_test(adopted_connections),
		cmocka_unit_test(the_end_of_the_scrollback_is_marked),
		cmocka_unit_test(idle_terminals_are_evicted),
		cmocka_unit_test(a_relay_that_cannot_be_set_up),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
