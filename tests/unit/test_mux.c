/* test_mux.c - the console relay's output: what each client gets, and clients that do not read. */
#include "base/clock.h"
#include "format/replay.h"
#include "room_relay.h"

static void a_new_client_gets_the_scrollback(void **state)
{
	struct relay_fixture f;
	uint8_t tail[8];

	(void)state;
	set_up(&f, 4);
	SEND(&f, f.guest, "boot\r\nlogin: ");
	int telnet = connect_client(&f, f.telnet), local = connect_client(&f, f.local);

	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\nboot\r\nlogin: ");
	EXPECT(local, "boot\r\nlogin: ");
	SEND(&f, telnet, "root\r\n");
	EXPECT(f.guest, "root\r");
	SEND(&f, local, "\n");
	EXPECT(f.guest, "\n");
	assert_int_equal(relay_input(f.relay, "vm", 2), 2);
	EXPECT(f.guest, "vm");
	SEND(&f, f.guest, "$ ");
	EXPECT(telnet, "$ ");
	EXPECT(local, "$ ");
	assert_int_equal(f.output_len, 15);
	assert_memory_equal(f.output, "boot\r\nlogin: $ ", 15);
	assert_int_equal(relay_tail(f.relay, tail, 8), 8);
	assert_memory_equal(tail, "ogin: $ ", 8);
	assert_int_equal(stats(&f).clients, 2);
	close(telnet);
	close(local);
	tear_down(&f);
}

static void all_byte_values_pass_both_ways(void **state)
{
	struct relay_fixture f;
	uint8_t all[256], escaped[257];
	size_t n = 0;

	(void)state;
	set_up(&f, 4);
	int telnet = connect_client(&f, f.telnet), local = connect_client(&f, f.local);

	for (int i = 0; i < 256; i++) {
		all[i] = escaped[n++] = (uint8_t)i;
		if (i == 255)
			escaped[n++] = 255;
	}
	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\n");
	send_bytes(&f, f.guest, all, sizeof all);
	expect(local, all, sizeof all);
	expect(telnet, escaped, n);
	send_bytes(&f, local, all, sizeof all);
	expect(f.guest, all, sizeof all);
	SEND(&f, telnet, "\xff\xfb\0");
	send_bytes(&f, telnet, escaped, n);
	expect(f.guest, all, sizeof all);
	close(telnet);
	close(local);
	tear_down(&f);
}

static void input_counts_as_unread_until_it_is_read(void **state)
{
	struct relay_fixture f;
	int out, in;
	char c[2];

	(void)state;
	set_up(&f, 1);
	assert_false(relay_unread(f.relay));
	assert_int_equal(relay_input(f.relay, "vm", 2), 2);
	assert_true(relay_unread(f.relay));
	assert_int_equal(read(f.guest, c, 2), 2);
	assert_false(relay_unread(f.relay));

	attach_pipes(&f, &out, &in);
	assert_false(relay_unread(f.relay));
	assert_int_equal(relay_input(f.relay, "vm", 2), 2);
	assert_int_equal(read(in, c, 1), 1);
	assert_true(relay_unread(f.relay));
	assert_int_equal(read(in, c, 1), 1);
	assert_false(relay_unread(f.relay));
	close(out);
	close(in);
	tear_down(&f);
}

static void telnet_commands(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int fd = connect_client(&f, f.telnet);

	EXPECT(fd, TELNET_OPTIONS GREETING "\r\n");
	SEND(&f, fd, "\xff\xf3");
	assert_int_equal(f.breaks, 1);
	SEND(&f, fd, "\xff\xf6");
	EXPECT(fd, "\r\n[Yes]\r\n");
	SEND(&f, fd, "sleep\r\xff\xf4");
	EXPECT(f.guest, "sleep\r\3");
	assert_int_equal(send(fd, "\xff\xf2", 2, MSG_OOB), 2); /* as "synch" is sent */
	run_until_idle(&f);
	SEND(&f, fd, "x");
	EXPECT(f.guest, "x");
	SEND(&f, fd, "\xff\xfd\x18\xff\xfb\x1f\xff\xfd"); /* and half of one more */
	EXPECT(fd, "\xff\xfc\x18\xff\xfe\x1f");
	SEND(&f, f.guest, "goes on");
	EXPECT(fd, "goes on");
	SEND(&f, fd, "\x20y");
	EXPECT(fd, "\xff\xfc\x20");
	EXPECT(f.guest, "y");
	close(fd);
	tear_down(&f);
}

/* Much more than the ring holds, with runs of 0xFF, to clients whose sockets are tiny, so that
 * sends are cut everywhere; then a new client, which gets the scrollback and nothing else. */
static void everything_arrives_in_order(void **state)
{
	const size_t n = 2 * 1024 * 1024 + 333;
	uint8_t *text = random_bytes(n, 5, 4), *received = malloc(RECEIVED_MAX);
	int small = 4096;
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	(void)setsockopt(f.telnet, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	int telnet = connect_client(&f, f.telnet);

	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\n");
	size_t len = guest_prints_paced(&f, text, n, telnet, true, received), plain = 0;

	for (size_t i = 0; i < len; i++, plain++) {
		received[plain] = received[i];
		if (received[i] == 0xff)
			assert_int_equal(received[++i], 0xff);
	}
	assert_int_equal(plain, n);
	assert_memory_equal(received, text, n);
	assert_int_equal(f.output_len, n);
	assert_memory_equal(f.output, text, n);
	int local = connect_client(&f, f.local);

	uint8_t *replayed = malloc(RING + REPLAY_HELD);
	size_t begin = n - RING + replay_start(text + n - RING, RING);
	size_t replayed_len = replay_filter(&(struct replay){0}, text + begin, n - begin, replayed);

	len = read_until_idle(&f, local, received, 0);
	assert_int_equal(len, replayed_len);
	assert_memory_equal(received, replayed, replayed_len);
	free(replayed);
	assert_int_equal(relay_tail(f.relay, received, RING), RING);
	assert_memory_equal(received, text + n - RING, RING);
	assert_int_equal(stats(&f).dropped, 0);
	assert_int_equal(stats(&f).bytes, n);
	close(local);
	close(telnet);
	free(text);
	free(received);
	tear_down(&f);
}

/* Sequences that a terminal answers are sent only to clients that were connected at that time. */
static void terminal_queries_are_not_replayed(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 5);
	int first = connect_client(&f, f.local);

	SEND(&f, f.guest, "login: \033[6n\005\033]11;?\007");
	EXPECT(first, "login: \033[6n\005\033]11;?\007");
	int telnet = connect_client(&f, f.telnet), raw = connect_client(&f, f.raw),
	    local = connect_client(&f, f.local);

	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\nlogin: ");
	EXPECT(raw, "login: ");
	EXPECT(local, "login: ");
	SEND(&f, f.guest, "\033[6n");
	EXPECT(telnet, "\033[6n");
	EXPECT(raw, "\033[6n");
	EXPECT(local, "\033[6n");
	EXPECT(first, "\033[6n");
	SEND(&f, f.guest, "a\033[6");
	int late = connect_client(&f, f.local);

	EXPECT(late, "login: a");
	SEND(&f, f.guest, "nb");
	EXPECT(late, "b");
	SEND(&f, f.guest, "\033[6n");
	EXPECT(late, "\033[6n");
	EXPECT(first, "a\033[6nb\033[6n");
	close(first);
	close(telnet);
	close(raw);
	close(local);
	close(late);
	tear_down(&f);
}

/* Around the ring's end, and again and again in pieces of every size. */
static void queries_across_the_end_of_the_ring(void **state)
{
	static const char question[] = "text \033[6n\033[>c\r\n";
	uint8_t *received = malloc(RECEIVED_MAX);
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	for (size_t i = 0; i < 64; i++)
		memcpy(received + i * (sizeof question - 1), question, sizeof question - 1);
	for (size_t i = 0; i < 2 * RING; i += 64 * (sizeof question - 1))
		send_bytes(&f, f.guest, received, 64 * (sizeof question - 1));
	int local = connect_client(&f, f.local);
	size_t n = read_until_idle(&f, local, received, 0);

	assert_true(n > RING / 3);
	assert_int_equal(n % 7, 0); /* it begins at the start of a line and has complete lines */
	for (size_t i = 0; i < n; i += 7)
		assert_memory_equal(received + i, "text \r\n", 7);
	free(received);
	close(local);
	tear_down(&f);
}

/* If the screen was cleared, the greeting is repeated after the scrollback, with the prompt. */
static void a_cleared_greeting_is_repeated(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	SEND(&f, f.guest, "\033c\033[2JSeaBIOS\n\033[2J\033[H\033[0mlogin: ");
	int telnet = connect_client(&f, f.telnet), raw = connect_client(&f, f.raw);

	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\nSeaBIOS\n\033[2J\033[H\033[0mlogin: "
					       "\r\n" GREETING "\r\n\033[0mlogin: ");
	EXPECT(raw, "SeaBIOS\n\033[2J\033[H\033[0mlogin: ");
	SEND(&f, f.guest, "$ ");
	EXPECT(telnet, "$ ");
	close(telnet);
	close(raw);
	tear_down(&f);
}

/* All slots are in use, the guest floods, one client stalls: only that client is disconnected. */
static void a_client_that_does_not_read_is_disconnected(void **state)
{
	const size_t n = 1024 * 1024;
	uint8_t *text = random_bytes(n, 9, 0), *received = malloc(RECEIVED_MAX);
	int fds[64];
	size_t len[64] = {0};
	struct relay_fixture f;

	(void)state;
	set_up(&f, 64);
	for (int i = 0; i < 64; i++)
		fds[i] = connect_client(&f, f.local);
	int late = connect_client(&f, f.local);

	EXPECT(late, "[console: all 64 slots are taken]\r\n");
	assert_int_equal(read(late, received, 1), 0);
	close(late);
	for (size_t at = 0; at < n; at += 8192) {
		(void)guest_prints_paced(&f, text + at, 8192, -1, false, NULL);
		for (int i = 1; i < 64; i++) {
			size_t more = read_available(fds[i], received, 16384, NULL);

			assert_memory_equal(received, text + len[i], more);
			len[i] += more;
		}
	}
	for (int i = 1; i < 64; i++) {
		assert_int_equal(len[i], n);
		close(fds[i]);
	}
	assert_int_equal(stats(&f).dropped, 1);
	assert_int_equal(stats(&f).refused, 1);
	assert_int_equal(stats(&f).accepted, 64);
	bool end = false;

	len[0] = read_available(fds[0], received, RECEIVED_MAX,
				&end); /* what was in its socket, then the end of the connection */
	assert_memory_equal(received, text, len[0]);
	assert_true(end);
	close(fds[0]);
	run_until_idle(&f);
	assert_int_equal(stats(&f).clients, 0);
	free(text);
	free(received);
	tear_down(&f);
}

/* Byte by byte, as QEMU writes: the relay pauses between reads and loses nothing. */
static void a_flood_of_single_bytes(void **state)
{
	const size_t n = 100000;
	uint8_t *text = random_bytes(n, 3, 1), *received = malloc(RECEIVED_MAX);
	struct relay_fixture f;

	(void)state;
	set_up(&f, 4);
	int local = connect_client(&f, f.local);

	for (size_t i = 0; i < n; i++) {
		while (send(f.guest, text + i, 1, MSG_NOSIGNAL) < 0)
			run_once(&f, 1);
		run_once(&f, 0);
	}
	relay_flush(f.relay); /* as before an exit, during a pause */
	assert_int_equal(f.output_len, n);
	assert_int_equal(read_until_idle(&f, local, received,
					 read_available(local, received, RECEIVED_MAX, NULL)),
			 n);
	assert_memory_equal(received, text, n);
	run_until_idle(&f);
	SEND(&f, f.guest, "ok");
	EXPECT(local, "ok");
	free(text);
	free(received);
	close(local);
	tear_down(&f);
}

/* With a client, a flood is delivered every few milliseconds, and a pause of a few reads does not
 * make the relay wake up for single bytes again. */
static void a_flood_is_delivered_in_few_pieces(void **state)
{
	const uint64_t ms = 1000000;
	uint8_t received[4096];
	struct relay_fixture f;
	int out, in, reads = 0;

	(void)state;
	set_up(&f, 4);
	attach_pipes(&f, &out, &in);
	int local = connect_client(&f, f.local);

	do /* until output does not wake it up at once */
		assert_int_equal(write(out, "x", 1), 1);
	while (run_once(&f, 0) > 0);
	uint64_t start = clock_now();
	unsigned before = f.deliveries;

	while (clock_now() - start < 200 * ms) {
		assert_int_equal(write(out, "x", 1), 1);
		(void)run_once(&f, 0);
		(void)read_available(local, received, sizeof received, NULL);
	}
	assert_in_range(f.deliveries - before, 1, 2 + (clock_now() - start) / (4 * ms));
	while (run_once(&f, 12) > 0)
		reads++;
	assert_in_range(reads, 8, 10);
	close(out);
	close(in);
	close(local);
	tear_down(&f);
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
