/* test_relay_clients.c - the console relay's clients: their input, connections and disconnections,
 * and a QEMU that is replaced while they are connected.
 */
#include <signal.h>

#include "relay_bench.h"

/* A guest that does not read: input is buffered up to a limit, then clients are not read any more;
 * when the guest reads, all of the input arrives, in order. */
static void typing_waits_for_the_guest(void **state)
{
	const size_t n = 4 * 1024 * 1024;
	uint8_t *text = noise(n, 2, 0), *got = malloc(GOT_MAX);
	size_t at = 0, len = 0;
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int raw = dial(&b, b.local), other = dial(&b, b.local);

	for (size_t before = 1; before != at;) {
		before = at;
		ssize_t done = send(raw, text + at, n - at, MSG_NOSIGNAL);

		at += done > 0 ? (size_t)done : 0;
		settle(&b);
	}
	assert_true(at < n);
	SAY(&b, b.guest, "still prints");
	EXPECT(other, "still prints");
	while (len < n) {
		ssize_t done = send(raw, text + at, n - at, MSG_NOSIGNAL);

		at += done > 0 ? (size_t)done : 0;
		(void)turn(&b, 1);
		len += take(b.guest, got + len, GOT_MAX - len, NULL);
	}
	assert_memory_equal(got, text, n);
	assert_int_equal(take(b.guest, got + len, 1, NULL), 0);
	close(raw);
	close(other);
	free(text);
	free(got);
	tear_down(&b);
}

/* `printf 'x' | nc`: sends, shuts down its sending side, and continues to read. */
static void half_closed(bool telnet)
{
	struct bench b;

	set_up(&b, 4);
	int fd = dial(&b, telnet ? b.telnet : b.raw);

	if (telnet)
		EXPECT(fd, START GREETING "\r\n");
	SAY(&b, fd, "uname\r");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle(&b);
	EXPECT(b.guest, "uname\r");
	if (telnet)
		EXPECT(fd, "\xff\xf1"); /* IAC NOP: tests whether the client still exists */
	SAY(&b, b.guest, "uname\r\nGNU\r\n");
	EXPECT(fd, "uname\r\nGNU\r\n");
	assert_int_equal(stats(&b).clients, 0);
	assert_int_equal(stats(&b).half_closed, 1);
	close(fd);
	SAY(&b, b.guest, "$ "); /* TCP: the reset is the answer to this */
	assert_int_equal(stats(&b).half_closed, 0);
	tear_down(&b);
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
	struct bench b;

	(void)state;
	set_up(&b, 2);
	int fd = dial(&b, b.telnet);

	close(fd);
	settle(&b);
	assert_int_equal(stats(&b).clients, 0);
	int ghost = dial(&b, b.local), typist = dial(&b, b.local);

	assert_int_equal(shutdown(ghost, SHUT_WR), 0);
	settle(&b);
	assert_int_equal(stats(&b).clients, 1);
	assert_int_equal(stats(&b).half_closed, 1);
	int late = dial(&b, b.local);
	char end;

	assert_int_equal(read(ghost, &end, 1), 0);
	assert_int_equal(stats(&b).half_closed, 0);
	assert_int_equal(stats(&b).clients, 2);
	assert_int_equal(stats(&b).refused, 0);
	SAY(&b, b.guest, "hello");
	EXPECT(typist, "hello");
	EXPECT(late, "hello");
	close(ghost);
	close(typist);
	close(late);
	tear_down(&b);
}

/* Input from a client that disconnects at once: with the queue full, and with output that cannot be
 * sent. */
static void the_last_input_reaches_the_guest(void **state)
{
	uint8_t *got = malloc(GOT_MAX);
	struct bench b;
	size_t typed = 0, n;

	(void)state;
	set_up(&b, 4);
	memset(got, 'a', 4096);
	while ((n = relay_input(b.r, got, 4096)) > 0)
		typed += n;
	int raw = dial(&b, b.local);

	assert_int_equal(send(raw, "halt\r", 5, MSG_NOSIGNAL), 5);
	close(raw);
	settle(&b); /* must become idle, although the hang-up is signalled all the time */
	SAY(&b, b.guest, "output for nobody");
	n = collect(&b, b.guest, got, 0);
	assert_int_equal(n, typed + 5);
	assert_memory_equal(got + typed, "halt\r", 5);
	assert_int_equal(stats(&b).clients, 0);
	int fd = dial(&b, b.telnet);
	struct linger reset = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(fd);
	settle(&b);
	assert_int_equal(stats(&b).clients, 0);
	SAY(&b, b.guest, "goes on");
	assert_int_equal(b.observed, 24);
	free(got);
	tear_down(&b);
}

static void a_new_qemu_takes_over(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int raw = dial(&b, b.local);

	assert_int_equal(send(b.guest, "last words", 10, 0), 10);
	close(b.guest);
	settle(&b);
	EXPECT(raw, "last words");
	SAY(&b, raw, "typed to nobody");
	assert_int_equal(relay_input(b.r, "x", 1), 0);
	(void)attach(&b);
	SAY(&b, b.guest, "new");
	EXPECT(raw, "new");
	SAY(&b, raw, "typed to it");
	EXPECT(b.guest, "typed to it");
	/* replaced while it still has output */
	int former = b.guest;

	assert_int_equal(send(former, "bye", 3, 0), 3);
	(void)attach(&b);
	EXPECT(raw, "bye");
	char end;

	assert_int_equal(read(former, &end, 1), 0);
	close(former);
	SAY(&b, b.guest, "third");
	EXPECT(raw, "third");
	assert_true(relay_attach(b.r, -1, -1));
	settle(&b);
	assert_int_equal(stats(&b).bytes, 10 + 3 + 3 + 5);
	assert_int_equal(stats(&b).clients, 1);
	close(raw);
	tear_down(&b);
}

/* QEMU at two pipes: the same, and neither a full nor a closed one keeps the loop awake. */
static void two_pipes(void **state)
{
	const size_t n = 300000;
	uint8_t *text = noise(n, 4, 0), *got = malloc(GOT_MAX);
	struct bench b;
	int out, in;
	size_t typed = 0, len = 0;

	(void)state;
	set_up(&b, 4);
	attach_pipes(&b, &out, &in);
	int raw = dial(&b, b.local);

	for (size_t at = 0; at < n;) {
		at += write(out, text + at, 1) == 1;
		(void)turn(&b, 0);
		len += take(raw, got + len, GOT_MAX - len, NULL);
	}
	assert_int_equal(collect(&b, raw, got, len), n);
	assert_memory_equal(got, text, n);
	for (size_t k = 1; k > 0; typed += k)
		k = relay_input(b.r, text + typed, 4096);
	assert_int_equal(collect(&b, in, got, 0), typed);
	assert_memory_equal(got, text, typed);
	while (relay_input(b.r, text, 4096) > 0)
		continue;
	close(in);
	settle(&b);
	SAY(&b, raw, "nobody reads this");
	assert_int_equal(write(out, "last", 4), 4);
	close(out);
	settle(&b);
	EXPECT(raw, "last");
	assert_int_equal(relay_input(b.r, "x", 1), 0);
	(void)attach(&b);
	SAY(&b, b.guest, "next");
	EXPECT(raw, "next");
	close(raw);
	free(text);
	free(got);
	tear_down(&b);
}

/* Without descriptors a new client is refused, instead of waking the loop endlessly. */
static void without_descriptors(void **state)
{
	struct rlimit was, none = {0};
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	struct bench b;
	char text[64];

	(void)state;
	set_up(&b, 4);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int lowest = dup(fd);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none.rlim_max = was.rlim_max;
	none.rlim_cur = (rlim_t)lowest;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(getsockname(b.local, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	settle(&b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(read(fd, text, sizeof text) > 0);
	assert_int_equal(read(fd, text, 1), 0);
	assert_int_equal(stats(&b).refused, 1);
	close(fd);
	fd = dial(&b, b.local);
	SAY(&b, b.guest, "welcome");
	EXPECT(fd, "welcome");
	close(fd);
	tear_down(&b);
}

/* An event for a client that was disconnected in the same iteration, whose place and descriptor are
 * in use again. */
static void late_events_are_ignored(void **state)
{
	struct epoll_event events[4];
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int fd = dial(&b, b.local);

	close(fd);
	assert_int_equal(epoll_wait(b.epoll, events, 4, 1000), 1);
	struct loop_ref ref = loop_ref_of(events[0].data.u64);

	relay_event(b.r, ref, events[0].events);
	assert_int_equal(stats(&b).clients, 0);
	fd = dial(&b, b.local);
	relay_event(b.r, ref, EPOLLIN | EPOLLHUP);
	ref.slot = 200; /* no client has used this place yet */
	relay_event(b.r, ref, EPOLLIN | EPOLLHUP);
	assert_int_equal(stats(&b).clients, 1);
	SAY(&b, fd, "x");
	EXPECT(b.guest, "x");
	close(fd);
	tear_down(&b);
}

/* The control socket and programs pass on their connections; PID 1 reserves places for them. */
static void adopted_connections(void **state)
{
	struct bench b;
	int live[2], all[2], more[2];

	(void)state;
	set_up(&b, 1);
	SAY(&b, b.guest, "boot\r\n");
	int person = dial(&b, b.local);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, live), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, all), 0);
	assert_true(relay_adopt(b.r, live[1], RELAY_LIVE, 1));
	assert_true(relay_adopt(b.r, all[1], RELAY_SCROLLBACK | RELAY_READ_ONLY, 2));
	SAY(&b, b.guest, "login: ");
	EXPECT(live[0], "login: ");
	EXPECT(all[0], "boot\r\nlogin: ");
	SAY(&b, all[0], "unheard");
	EXPECT(b.guest, "");
	SAY(&b, live[0], "\xff\xff");
	EXPECT(b.guest, "\xff\xff");
	for (int i = 2; i < RELAY_PROGRAMS; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, more), 0);
		assert_true(relay_adopt(b.r, more[1], RELAY_LIVE, 3));
		if (i + 1 < RELAY_PROGRAMS)
			close(more[0]);
	}
	assert_false(relay_has_slot(b.r, RELAY_LIVE));
	settle(&b);
	assert_true(relay_has_slot(b.r, RELAY_LIVE));
	assert_int_equal(stats(&b).clients, 4);
	close(person);
	close(live[0]);
	close(all[0]);
	close(more[0]);
	settle(&b);
	assert_int_equal(stats(&b).clients, 0);
	tear_down(&b);
}

static int adopt(struct bench *b, unsigned how)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(relay_adopt(b->r, pair[1], how, 1));
	settle(b);
	return pair[0];
}

/* The mark is where the client was adopted, also within a sequence and while its socket is full. */
static void the_end_of_the_scrollback_is_marked(void **state)
{
	static uint8_t lines[RING / 2];
	uint8_t *got = malloc(GOT_MAX);
	struct bench b;

	(void)state;
	memset(lines, 'x', sizeof lines);
	lines[sizeof lines - 1] = '\n';
	set_up(&b, 1);
	int empty = adopt(&b, RELAY_SCROLLBACK | RELAY_MARKED);

	EXPECT(empty, "\005");
	SAY(&b, b.guest, "a\005b\033[6");
	EXPECT(empty, "a\005b\033[6");
	int marked = adopt(&b, RELAY_SCROLLBACK | RELAY_MARKED);
	int live = adopt(&b, RELAY_MARKED), all = adopt(&b, RELAY_SCROLLBACK);

	EXPECT(marked, "ab\005");
	EXPECT(live, "");
	EXPECT(all, "ab");
	SAY(&b, b.guest, "nc\005");
	EXPECT(marked, "c\005");
	EXPECT(live, "nc\005");
	EXPECT(all, "c\005");
	close(live);
	close(all);
	close(empty);
	print(&b, lines, sizeof lines, marked, false, got);
	close(marked);
	int pair[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	assert_true(relay_adopt(b.r, pair[1], RELAY_SCROLLBACK | RELAY_MARKED, 1));
	SAY(&b, b.guest, "behind");
	size_t n = collect(&b, pair[0], got, 0);

	assert_int_equal(n, 3 + sizeof lines + 1 + 6);
	assert_memory_equal(got + n - 8, "\n\005behind", 8);
	assert_ptr_equal(memchr(got, '\005', n), got + n - 7);
	free(got);
	close(pair[0]);
	tear_down(&b);
}

/* Closed windows leave their vm console behind: it is evicted with the reason; programs keep their
 * places. */
static void idle_terminals_are_evicted(void **state)
{
	struct bench b;
	int pairs[RELAY_TERMINALS + 1][2];
	int program[2];
	char byte;

	(void)state;
	set_up(&b, 1);
	for (unsigned i = 0; i <= RELAY_TERMINALS; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
		if (i == RELAY_TERMINALS) { /* the first one is in use, so the second is evicted */
			SAY(&b, pairs[0][0], "x");
			EXPECT(b.guest, "x");
		}
		assert_true(relay_has_slot(b.r, RELAY_TERMINAL));
		assert_true(relay_adopt(b.r, pairs[i][1], RELAY_TERMINAL, i + 1));
	}
	assert_int_equal(recv(pairs[1][0], &byte, 1, 0), 0);
	assert_int_equal(relay_ended(b.r, 2), RELAY_EVICTED);
	assert_int_equal(relay_ended(b.r, 1), RELAY_UNKNOWN);
	assert_int_equal(stats(&b).evicted, 1);
	assert_int_equal(stats(&b).clients, RELAY_TERMINALS);
	assert_true(relay_has_slot(b.r, RELAY_LIVE));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, program), 0);
	assert_true(relay_adopt(b.r, program[1], RELAY_LIVE, 99));
	SAY(&b, program[0], "y");
	EXPECT(b.guest, "y");
	for (unsigned i = 0; i <= RELAY_TERMINALS; i++)
		close(pairs[i][0]);
	close(program[0]);
	settle(&b);
	assert_int_equal(stats(&b).clients, 0);
	tear_down(&b);
}

/* A program that answers a query does so in place of the terminals, as long as it is connected. */
static void a_program_answers_queries(void **state)
{
	struct bench b;
	int program[2];

	(void)state;
	set_up(&b, 4);
	int terminal = dial(&b, b.local);

	SAY(&b, terminal, "\033[1;10R");
	EXPECT(b.guest, "\033[1;10R");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, program), 0);
	assert_true(relay_adopt(b.r, program[1], RELAY_LIVE, 1));
	SAY(&b, program[0], "ls\r");
	SAY(&b, terminal, "\033[1;3R");
	EXPECT(b.guest, "ls\r\033[1;3R");
	SAY(&b, program[0], "\033[1;3Rls\r");
	SAY(&b, terminal, "\033[1;3R");
	EXPECT(b.guest, "\033[1;3Rls\r");
	close(program[0]);
	settle(&b);
	SAY(&b, terminal, "\033[1;3R");
	EXPECT(b.guest, "\033[1;3R");
	close(terminal);
	tear_down(&b);
}

/* Three terminals show a query; one answer reaches the guest. */
static void one_terminal_answers_queries(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int one = dial(&b, b.local), two = dial(&b, b.local), other = dial(&b, b.local);

	SAY(&b, one, "\033[1;10R");
	SAY(&b, two, "\033[1;10R");
	EXPECT(b.guest, "\033[1;10R");
	/* A program that types is not a terminal. */
	SAY(&b, other, "ls\r");
	SAY(&b, two, "\033[?62;c\033P>|x\033\\");
	SAY(&b, one, "\033[?62;c\033P>|x\033\\");
	EXPECT(b.guest, "ls\r\033[?62;c\033P>|x\033\\");
	/* The terminal of the client that types answers. */
	SAY(&b, two, "a\033[A");
	SAY(&b, one, "\033[0n\033]11;rgb:0/0/0\007");
	SAY(&b, two, "\033[0n");
	EXPECT(b.guest, "a\033[A\033[0n");
	close(two);
	settle(&b);
	SAY(&b, one, "\033[8;24;80t\033");
	EXPECT(b.guest, "\033[8;24;80t\033");
	close(one);
	close(other);
	tear_down(&b);
}

static void half_a_line_is_erased(void **state)
{
	struct bench b;
	uint8_t *got = malloc(GOT_MAX);

	(void)state;
	set_up_monitor(&b, 4);
	int one = dial(&b, b.local), two = dial(&b, b.local);

	SAY(&b, one, "info\rquit");
	EXPECT(b.guest, "info\rquit");
	close(one);
	settle(&b);
	EXPECT(b.guest, "\005\005\177\177\177\177");
	SAY(&b, two, "q\t"); /* completed to an unknown length */
	EXPECT(b.guest, "q\t");
	shutdown(two, SHUT_WR);
	settle(&b);
	size_t n = collect(&b, b.guest, got, 0);

	assert_true(n > 4000);
	assert_memory_equal(got, "\005\005\177", 3);
	close(two);
	int three = dial(&b, b.local);

	SAY(&b, three, "info\r");
	close(three);
	settle(&b);
	EXPECT(b.guest, "info\r");
	free(got);
	tear_down(&b);
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
		cmocka_unit_test(typing_waits_for_the_guest),
		cmocka_unit_test(half_closed_clients_still_read),
		cmocka_unit_test(half_closed_clients_are_evicted),
		cmocka_unit_test(the_last_input_reaches_the_guest),
		cmocka_unit_test(a_new_qemu_takes_over),
		cmocka_unit_test(two_pipes),
		cmocka_unit_test(without_descriptors),
		cmocka_unit_test(late_events_are_ignored),
		cmocka_unit_test(adopted_connections),
		cmocka_unit_test(the_end_of_the_scrollback_is_marked),
		cmocka_unit_test(idle_terminals_are_evicted),
		cmocka_unit_test(one_terminal_answers_queries),
		cmocka_unit_test(a_program_answers_queries),
		cmocka_unit_test(half_a_line_is_erased),
		cmocka_unit_test(a_relay_that_cannot_be_set_up),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
