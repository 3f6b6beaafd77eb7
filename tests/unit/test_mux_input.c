/* test_mux_input.c - the console relay's input: what of it reaches the guest, a guest that does not
 * read, and a QEMU that is replaced while clients are connected.
 */
#include <signal.h>

#include "room_relay.h"

/* A guest that does not read: input is buffered up to a limit, then clients are not read any more;
 * when the guest reads, all of the input arrives, in order. */
static void typing_waits_for_the_guest(void **state)
{
	const size_t n = 4 * 1024 * 1024;
	uint8_t *text = random_bytes(n, 2, 0), *received = malloc(RECEIVED_MAX);
	size_t at = 0, len = 0;
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int local = connect_client(&f, f.local), other = connect_client(&f, f.local);

	for (size_t before = 1; before != at;) {
		before = at;
		ssize_t done = send(local, text + at, n - at, MSG_NOSIGNAL);

		at += done > 0 ? (size_t)done : 0;
		run_until_idle(&f);
	}
	assert_true(at < n);
	SEND(&f, f.guest, "still prints");
	EXPECT(other, "still prints");
	while (len < n) {
		ssize_t done = send(local, text + at, n - at, MSG_NOSIGNAL);

		at += done > 0 ? (size_t)done : 0;
		(void)run_once(&f, 1);
		len += read_available(f.guest, received + len, RECEIVED_MAX - len, NULL);
	}
	assert_memory_equal(received, text, n);
	assert_int_equal(read_available(f.guest, received + len, 1, NULL), 0);
	close(local);
	close(other);
	free(text);
	free(received);
	tear_down(&f);
}

/* Input from a client that disconnects at once: with the queue full, and with output that cannot be
 * sent. */
static void the_last_input_reaches_the_guest(void **state)
{
	uint8_t *received = malloc(RECEIVED_MAX);
	struct relay_fixture f;
	size_t typed = 0, n;

	(void)state;
	set_up(&f, 4);
	memset(received, 'a', 4096);
	while ((n = relay_input(f.relay, received, 4096)) > 0)
		typed += n;
	int local = connect_client(&f, f.local);

	assert_int_equal(send(local, "halt\r", 5, MSG_NOSIGNAL), 5);
	close(local);
	run_until_idle(&f); /* must become idle, although the hang-up is signalled all the time */
	SEND(&f, f.guest, "output for nobody");
	n = read_until_idle(&f, f.guest, received, 0);
	assert_int_equal(n, typed + 5);
	assert_memory_equal(received + typed, "halt\r", 5);
	assert_int_equal(stats(&f).clients, 0);
	int fd = connect_client(&f, f.telnet);
	struct linger reset = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(fd);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 0);
	SEND(&f, f.guest, "goes on");
	assert_int_equal(f.output_len, 24);
	free(received);
	tear_down(&f);
}

static void a_new_qemu_takes_over(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int local = connect_client(&f, f.local);

	assert_int_equal(send(f.guest, "last words", 10, 0), 10);
	close(f.guest);
	run_until_idle(&f);
	EXPECT(local, "last words");
	SEND(&f, local, "typed to nobody");
	assert_int_equal(relay_input(f.relay, "x", 1), 0);
	(void)attach_qemu(&f);
	SEND(&f, f.guest, "new");
	EXPECT(local, "new");
	SEND(&f, local, "typed to it");
	EXPECT(f.guest, "typed to it");
	/* replaced while it still has output */
	int former = f.guest;

	assert_int_equal(send(former, "bye", 3, 0), 3);
	(void)attach_qemu(&f);
	EXPECT(local, "bye");
	char end;

	assert_int_equal(read(former, &end, 1), 0);
	close(former);
	SEND(&f, f.guest, "third");
	EXPECT(local, "third");
	assert_true(relay_attach(f.relay, -1, -1));
	run_until_idle(&f);
	assert_int_equal(stats(&f).bytes, 10 + 3 + 3 + 5);
	assert_int_equal(stats(&f).clients, 1);
	close(local);
	tear_down(&f);
}

/* QEMU at two pipes: the same, and neither a full nor a closed one keeps the loop awake. */
static void two_pipes(void **state)
{
	const size_t n = 300000;
	uint8_t *text = random_bytes(n, 4, 0), *received = malloc(RECEIVED_MAX);
	struct relay_fixture f;
	int out, in;
	size_t typed = 0, len = 0;

	(void)state;
	set_up(&f, 4);
	attach_pipes(&f, &out, &in);
	int local = connect_client(&f, f.local);

	for (size_t at = 0; at < n;) {
		at += write(out, text + at, 1) == 1;
		(void)run_once(&f, 0);
		len += read_available(local, received + len, RECEIVED_MAX - len, NULL);
	}
	assert_int_equal(read_until_idle(&f, local, received, len), n);
	assert_memory_equal(received, text, n);
	for (size_t k = 1; k > 0; typed += k)
		k = relay_input(f.relay, text + typed, 4096);
	assert_int_equal(read_until_idle(&f, in, received, 0), typed);
	assert_memory_equal(received, text, typed);
	while (relay_input(f.relay, text, 4096) > 0)
		continue;
	close(in);
	run_until_idle(&f);
	SEND(&f, local, "nobody reads this");
	assert_int_equal(write(out, "last", 4), 4);
	close(out);
	run_until_idle(&f);
	EXPECT(local, "last");
	assert_int_equal(relay_input(f.relay, "x", 1), 0);
	(void)attach_qemu(&f);
	SEND(&f, f.guest, "next");
	EXPECT(local, "next");
	close(local);
	free(text);
	free(received);
	tear_down(&f);
}

/* A program that answers a query does so in place of the terminals, as long as it is connected. */
static void a_program_answers_queries(void **state)
{
	struct relay_fixture f;
	int program[2];

	(void)state;
	set_up(&f, 4);
	int terminal = connect_client(&f, f.local);

	SEND(&f, terminal, "\033[1;10R");
	EXPECT(f.guest, "\033[1;10R");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, program), 0);
	assert_true(relay_adopt(f.relay, program[1], RELAY_LIVE, 1));
	SEND(&f, program[0], "ls\r");
	SEND(&f, terminal, "\033[1;3R");
	EXPECT(f.guest, "ls\r\033[1;3R");
	SEND(&f, program[0], "\033[1;3Rls\r");
	SEND(&f, terminal, "\033[1;3R");
	EXPECT(f.guest, "\033[1;3Rls\r");
	close(program[0]);
	run_until_idle(&f);
	SEND(&f, terminal, "\033[1;3R");
	EXPECT(f.guest, "\033[1;3R");
	close(terminal);
	tear_down(&f);
}

/* Three terminals show a query; one answer reaches the guest. */
static void one_terminal_answers_queries(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int one = connect_client(&f, f.local), two = connect_client(&f, f.local),
	    other = connect_client(&f, f.local);

	SEND(&f, one, "\033[1;10R");
	SEND(&f, two, "\033[1;10R");
	EXPECT(f.guest, "\033[1;10R");
	/* A program that types is not a terminal. */
	SEND(&f, other, "ls\r");
	SEND(&f, two, "\033[?62;c\033P>|x\033\\");
	SEND(&f, one, "\033[?62;c\033P>|x\033\\");
	EXPECT(f.guest, "ls\r\033[?62;c\033P>|x\033\\");
	/* The terminal of the client that types answers. */
	SEND(&f, two, "a\033[A");
	SEND(&f, one, "\033[0n\033]11;rgb:0/0/0\007");
	SEND(&f, two, "\033[0n");
	EXPECT(f.guest, "a\033[A\033[0n");
	close(two);
	run_until_idle(&f);
	SEND(&f, one, "\033[8;24;80t\033");
	EXPECT(f.guest, "\033[8;24;80t\033");
	close(one);
	close(other);
	tear_down(&f);
}

static void half_a_line_is_erased(void **state)
{
	struct relay_fixture f;
	uint8_t *received = malloc(RECEIVED_MAX);

	(void)state;
	set_up_monitor(&f, 4);
	int one = connect_client(&f, f.local), two = connect_client(&f, f.local);

	SEND(&f, one, "info\rquit");
	EXPECT(f.guest, "info\rquit");
	close(one);
	run_until_idle(&f);
	EXPECT(f.guest, "\005\005\177\177\177\177");
	SEND(&f, two, "q\t"); /* completed to an unknown length */
	EXPECT(f.guest, "q\t");
	shutdown(two, SHUT_WR);
	run_until_idle(&f);
	size_t n = read_until_idle(&f, f.guest, received, 0);

	assert_true(n > 4000);
	assert_memory_equal(received, "\005\005\177", 3);
	close(two);
	int three = connect_client(&f, f.local);

	SEND(&f, three, "info\r");
	close(three);
	run_until_idle(&f);
	EXPECT(f.guest, "info\r");
	free(received);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_waits_for_the_guest),
		cmocka_unit_test(the_last_input_reaches_the_guest),
		cmocka_unit_test(a_new_qemu_takes_over),
		cmocka_unit_test(two_pipes),
		cmocka_unit_test(one_terminal_answers_queries),
		cmocka_unit_test(a_program_answers_queries),
		cmocka_unit_test(half_a_line_is_erased),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
