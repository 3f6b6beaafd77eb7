/* test_mux.c - the console relay's output: what each client gets, and clients that do not read. */
#include "base/clock.h"
#include "format/replay.h"
#include "relay_bench.h"

static void a_new_client_gets_the_scrollback(void **state)
{
	struct bench b;
	uint8_t tail[8];

	(void)state;
	set_up(&b, 4);
	SAY(&b, b.guest, "boot\r\nlogin: ");
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.local);

	EXPECT(telnet, START GREETING "\r\nboot\r\nlogin: ");
	EXPECT(raw, "boot\r\nlogin: ");
	SAY(&b, telnet, "root\r\n");
	EXPECT(b.guest, "root\r");
	SAY(&b, raw, "\n");
	EXPECT(b.guest, "\n");
	assert_int_equal(relay_input(b.r, "vm", 2), 2);
	EXPECT(b.guest, "vm");
	SAY(&b, b.guest, "$ ");
	EXPECT(telnet, "$ ");
	EXPECT(raw, "$ ");
	assert_int_equal(b.observed, 15);
	assert_memory_equal(b.heard, "boot\r\nlogin: $ ", 15);
	assert_int_equal(relay_tail(b.r, tail, 8), 8);
	assert_memory_equal(tail, "ogin: $ ", 8);
	assert_int_equal(stats(&b).clients, 2);
	close(telnet);
	close(raw);
	tear_down(&b);
}

static void all_byte_values_pass_both_ways(void **state)
{
	struct bench b;
	uint8_t all[256], escaped[257];
	size_t n = 0;

	(void)state;
	set_up(&b, 4);
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.local);

	for (int i = 0; i < 256; i++) {
		all[i] = escaped[n++] = (uint8_t)i;
		if (i == 255)
			escaped[n++] = 255;
	}
	EXPECT(telnet, START GREETING "\r\n");
	say(&b, b.guest, all, sizeof all);
	expect(raw, all, sizeof all);
	expect(telnet, escaped, n);
	say(&b, raw, all, sizeof all);
	expect(b.guest, all, sizeof all);
	SAY(&b, telnet, "\xff\xfb\0");
	say(&b, telnet, escaped, n);
	expect(b.guest, all, sizeof all);
	close(telnet);
	close(raw);
	tear_down(&b);
}

static void input_counts_as_unread_until_it_is_read(void **state)
{
	struct bench b;
	int out, in;
	char c[2];

	(void)state;
	set_up(&b, 1);
	assert_false(relay_unread(b.r));
	assert_int_equal(relay_input(b.r, "vm", 2), 2);
	assert_true(relay_unread(b.r));
	assert_int_equal(read(b.guest, c, 2), 2);
	assert_false(relay_unread(b.r));

	attach_pipes(&b, &out, &in);
	assert_false(relay_unread(b.r));
	assert_int_equal(relay_input(b.r, "vm", 2), 2);
	assert_int_equal(read(in, c, 1), 1);
	assert_true(relay_unread(b.r));
	assert_int_equal(read(in, c, 1), 1);
	assert_false(relay_unread(b.r));
	close(out);
	close(in);
	tear_down(&b);
}

static void telnet_commands(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int fd = dial(&b, b.telnet);

	EXPECT(fd, START GREETING "\r\n");
	SAY(&b, fd, "\xff\xf3");
	assert_int_equal(b.breaks, 1);
	SAY(&b, fd, "\xff\xf6");
	EXPECT(fd, "\r\n[Yes]\r\n");
	SAY(&b, fd, "sleep\r\xff\xf4");
	EXPECT(b.guest, "sleep\r\3");
	assert_int_equal(send(fd, "\xff\xf2", 2, MSG_OOB), 2); /* as "synch" is sent */
	settle(&b);
	SAY(&b, fd, "x");
	EXPECT(b.guest, "x");
	SAY(&b, fd, "\xff\xfd\x18\xff\xfb\x1f\xff\xfd"); /* and half of one more */
	EXPECT(fd, "\xff\xfc\x18\xff\xfe\x1f");
	SAY(&b, b.guest, "goes on");
	EXPECT(fd, "goes on");
	SAY(&b, fd, "\x20y");
	EXPECT(fd, "\xff\xfc\x20");
	EXPECT(b.guest, "y");
	close(fd);
	tear_down(&b);
}

/* Much more than the ring holds, with runs of 0xFF, to clients whose sockets are tiny, so that
 * sends are cut everywhere; then a new client, which gets the scrollback and nothing else. */
static void everything_arrives_in_order(void **state)
{
	const size_t n = 2 * 1024 * 1024 + 333;
	uint8_t *text = noise(n, 5, 4), *got = malloc(GOT_MAX);
	int small = 4096;
	struct bench b;

	(void)state;
	set_up(&b, 4);
	(void)setsockopt(b.telnet, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	int telnet = dial(&b, b.telnet);

	EXPECT(telnet, START GREETING "\r\n");
	size_t len = print(&b, text, n, telnet, true, got), plain = 0;

	for (size_t i = 0; i < len; i++, plain++) {
		got[plain] = got[i];
		if (got[i] == 0xff)
			assert_int_equal(got[++i], 0xff);
	}
	assert_int_equal(plain, n);
	assert_memory_equal(got, text, n);
	assert_int_equal(b.observed, n);
	assert_memory_equal(b.heard, text, n);
	int raw = dial(&b, b.local);

	uint8_t *past = malloc(RING + REPLAY_HELD);
	size_t begin = n - RING + replay_start(text + n - RING, RING);
	size_t past_len = replay_filter(&(struct replay){0}, text + begin, n - begin, past);

	len = collect(&b, raw, got, 0);
	assert_int_equal(len, past_len);
	assert_memory_equal(got, past, past_len);
	free(past);
	assert_int_equal(relay_tail(b.r, got, RING), RING);
	assert_memory_equal(got, text + n - RING, RING);
	assert_int_equal(stats(&b).dropped, 0);
	assert_int_equal(stats(&b).bytes, n);
	close(raw);
	close(telnet);
	free(text);
	free(got);
	tear_down(&b);
}

/* Sequences that a terminal answers are sent only to clients that were connected at that time. */
static void terminal_queries_are_not_replayed(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 5);
	int first = dial(&b, b.local);

	SAY(&b, b.guest, "login: \033[6n\005\033]11;?\007");
	EXPECT(first, "login: \033[6n\005\033]11;?\007");
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.raw), local = dial(&b, b.local);

	EXPECT(telnet, START GREETING "\r\nlogin: ");
	EXPECT(raw, "login: ");
	EXPECT(local, "login: ");
	SAY(&b, b.guest, "\033[6n");
	EXPECT(telnet, "\033[6n");
	EXPECT(raw, "\033[6n");
	EXPECT(local, "\033[6n");
	EXPECT(first, "\033[6n");
	SAY(&b, b.guest, "a\033[6");
	int late = dial(&b, b.local);

	EXPECT(late, "login: a");
	SAY(&b, b.guest, "nb");
	EXPECT(late, "b");
	SAY(&b, b.guest, "\033[6n");
	EXPECT(late, "\033[6n");
	EXPECT(first, "a\033[6nb\033[6n");
	close(first);
	close(telnet);
	close(raw);
	close(local);
	close(late);
	tear_down(&b);
}

/* Around the ring's end, and again and again in pieces of every size. */
static void queries_across_the_end_of_the_ring(void **state)
{
	static const char question[] = "text \033[6n\033[>c\r\n";
	uint8_t *got = malloc(GOT_MAX);
	struct bench b;

	(void)state;
	set_up(&b, 4);
	for (size_t i = 0; i < 64; i++)
		memcpy(got + i * (sizeof question - 1), question, sizeof question - 1);
	for (size_t i = 0; i < 2 * RING; i += 64 * (sizeof question - 1))
		say(&b, b.guest, got, 64 * (sizeof question - 1));
	int raw = dial(&b, b.local);
	size_t n = collect(&b, raw, got, 0);

	assert_true(n > RING / 3);
	assert_int_equal(n % 7, 0); /* it begins at the start of a line and has complete lines */
	for (size_t i = 0; i < n; i += 7)
		assert_memory_equal(got + i, "text \r\n", 7);
	free(got);
	close(raw);
	tear_down(&b);
}

/* If the screen was cleared, the greeting is repeated after the scrollback, with the prompt. */
static void a_cleared_greeting_is_repeated(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b, 4);
	SAY(&b, b.guest, "\033c\033[2JSeaBIOS\n\033[2J\033[H\033[0mlogin: ");
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.raw);

	EXPECT(telnet, START GREETING "\r\nSeaBIOS\n\033[2J\033[H\033[0mlogin: "
				      "\r\n" GREETING "\r\n\033[0mlogin: ");
	EXPECT(raw, "SeaBIOS\n\033[2J\033[H\033[0mlogin: ");
	SAY(&b, b.guest, "$ ");
	EXPECT(telnet, "$ ");
	close(telnet);
	close(raw);
	tear_down(&b);
}

/* All slots are in use, the guest floods, one client stalls: only that client is disconnected. */
static void a_client_that_does_not_read_is_disconnected(void **state)
{
	const size_t n = 1024 * 1024;
	uint8_t *text = noise(n, 9, 0), *got = malloc(GOT_MAX);
	int fds[64];
	size_t len[64] = {0};
	struct bench b;

	(void)state;
	set_up(&b, 64);
	for (int i = 0; i < 64; i++)
		fds[i] = dial(&b, b.local);
	int late = dial(&b, b.local);

	EXPECT(late, "[console: all 64 slots are taken]\r\n");
	assert_int_equal(read(late, got, 1), 0);
	close(late);
	for (size_t at = 0; at < n; at += 8192) {
		(void)print(&b, text + at, 8192, -1, false, NULL);
		for (int i = 1; i < 64; i++) {
			size_t more = take(fds[i], got, 16384, NULL);

			assert_memory_equal(got, text + len[i], more);
			len[i] += more;
		}
	}
	for (int i = 1; i < 64; i++) {
		assert_int_equal(len[i], n);
		close(fds[i]);
	}
	assert_int_equal(stats(&b).dropped, 1);
	assert_int_equal(stats(&b).refused, 1);
	assert_int_equal(stats(&b).accepted, 64);
	bool end = false;

	len[0] = take(fds[0], got, GOT_MAX,
		      &end); /* what was in its socket, then the end of the connection */
	assert_memory_equal(got, text, len[0]);
	assert_true(end);
	close(fds[0]);
	settle(&b);
	assert_int_equal(stats(&b).clients, 0);
	free(text);
	free(got);
	tear_down(&b);
}

/* Byte by byte, as QEMU writes: the relay pauses between reads and loses nothing. */
static void a_flood_of_single_bytes(void **state)
{
	const size_t n = 100000;
	uint8_t *text = noise(n, 3, 1), *got = malloc(GOT_MAX);
	struct bench b;

	(void)state;
	set_up(&b, 4);
	int raw = dial(&b, b.local);

	for (size_t i = 0; i < n; i++) {
		while (send(b.guest, text + i, 1, MSG_NOSIGNAL) < 0)
			turn(&b, 1);
		turn(&b, 0);
	}
	relay_flush(b.r); /* as before an exit, during a pause */
	assert_int_equal(b.observed, n);
	assert_int_equal(collect(&b, raw, got, take(raw, got, GOT_MAX, NULL)), n);
	assert_memory_equal(got, text, n);
	settle(&b);
	SAY(&b, b.guest, "ok");
	EXPECT(raw, "ok");
	free(text);
	free(got);
	close(raw);
	tear_down(&b);
}

/* With a client, a flood is delivered every few milliseconds, and a pause of a few reads does not
 * make the relay wake up for single bytes again. */
static void a_flood_is_delivered_in_few_pieces(void **state)
{
	const uint64_t ms = 1000000;
	uint8_t got[4096];
	struct bench b;
	int out, in, reads = 0;

	(void)state;
	set_up(&b, 4);
	attach_pipes(&b, &out, &in);
	int raw = dial(&b, b.local);

	do /* until output does not wake it up at once */
		assert_int_equal(write(out, "x", 1), 1);
	while (turn(&b, 0) > 0);
	uint64_t start = clock_now();
	unsigned before = b.deliveries;

	while (clock_now() - start < 200 * ms) {
		assert_int_equal(write(out, "x", 1), 1);
		(void)turn(&b, 0);
		(void)take(raw, got, sizeof got, NULL);
	}
	assert_in_range(b.deliveries - before, 1, 2 + (clock_now() - start) / (4 * ms));
	while (turn(&b, 12) > 0)
		reads++;
	assert_in_range(reads, 8, 10);
	close(out);
	close(in);
	close(raw);
	tear_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_client_gets_the_scrollback),
		cmocka_unit_test(all_byte_values_pass_both_ways),
		cmocka_unit_test(input_counts_as_unread_until_it_is_read),
		cmocka_unit_test(telnet_commands),
		cmocka_unit_test(everything_arrives_in_order),
		cmocka_unit_test(terminal_queries_are_not_replayed),
		cmocka_unit_test(queries_across_the_end_of_the_ring),
		cmocka_unit_test(a_cleared_greeting_is_repeated),
		cmocka_unit_test(a_client_that_does_not_read_is_disconnected),
		cmocka_unit_test(a_flood_of_single_bytes),
		cmocka_unit_test(a_flood_is_delivered_in_few_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
