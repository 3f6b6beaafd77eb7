/* test_mux_input.c - the console relay's input: what of it reaches the guest, a guest that does not
 * read, and a QEMU that is replaced while clients are connected.
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
