/* test_mux_password.c - password-protected relays, and read-only clients. */
#include "relay_bench.h"

/* AUTH_CLIENTS_MAX of console/mux_internal.h */
#define PLACES 64

#define ASKED START "Password: "
#define WRONG "\r\nWrong.\r\nPassword: "

/* Run the loop until FD is readable, including the pause after a wrong password. */
static void wait_for(struct bench *b, int fd, const void *text, size_t n)
{
	uint8_t got[512];
	size_t len = 0;

	for (int rounds = 0; len < n; rounds++) {
		assert_true(rounds < 1000);
		(void)turn(b, 20);
		len += take(fd, got + len, sizeof got - len, NULL);
	}
	assert_int_equal(len, n);
	assert_memory_equal(got, text, n);
}

#define WAIT_FOR(b, fd, text) wait_for(b, fd, text, sizeof(text) - 1)

static void the_right_password_is_accepted(void **state)
{
	struct bench b;

	(void)state;
	set_up_with(&b, 4, "open sesame", false);
	SAY(&b, b.guest, "boot\r\n");
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.raw), local = dial(&b, b.local);

	EXPECT(telnet, ASKED);
	EXPECT(raw, "Password: ");
	EXPECT(local, "boot\r\n");
	assert_int_equal(stats(&b).clients, 1);
	SAY(&b, telnet, "\xff\xfd\1\xff\xfd\3\xff\xfd\30op");
	EXPECT(telnet, "\xff\xfc\30"); /* what is typed is not echoed */
	SAY(&b, telnet, "em\bn sesame\r");
	EXPECT(telnet, "\r\n" GREETING "\r\nboot\r\n");
	SAY(&b, telnet, "\nroot\r\n"); /* the other half of the password's line end */
	EXPECT(b.guest, "root\r");
	/* Bytes after the password, in the same packet, are input for the guest. */
	SAY(&b, raw, "open sesame\r\n\nhalt\n");
	EXPECT(raw, "boot\r\n");
	EXPECT(b.guest, "\nhalt\n");
	SAY(&b, raw, "one\r\ntwo\r");
	SAY(&b, raw, "\nthree\n\r\r\n\n");
	EXPECT(b.guest, "one\rtwo\rthree\n\r\r\n");
	SAY(&b, local, "one\r\n");
	EXPECT(b.guest, "one\r\n");
	assert_int_equal(stats(&b).clients, 3);
	assert_int_equal(stats(&b).wrong, 0);
	close(telnet);
	close(raw);
	close(local);
	tear_down(&b);
}

/* Three tries, and a pause after each that holds for all connections. */
static void a_client_that_guesses_is_disconnected(void **state)
{
	struct bench b;
	uint8_t got[64];
	bool end = false;

	(void)state;
	set_up_with(&b, 4, "right", false);
	int guesser = dial(&b, b.telnet), other = dial(&b, b.raw);

	EXPECT(guesser, ASKED);
	EXPECT(other, "Password: ");
	SAY(&b, guesser, "wrong\r\n");
	EXPECT(guesser, WRONG);
	SAY(&b, other, "right\n");
	assert_int_equal(stats(&b).clients, 0); /* not before the pause is over */
	SAY(&b, b.guest, "$ ");
	WAIT_FOR(&b, other, "$ ");
	assert_int_equal(stats(&b).clients, 1);
	SAY(&b, guesser, "righ\r\n");
	EXPECT(guesser, WRONG);
	SAY(&b, guesser, "right!\r\n");
	WAIT_FOR(&b, guesser, "\r\nWrong.\r\n");
	(void)take(guesser, got, sizeof got, &end);
	assert_true(end);
	assert_int_equal(stats(&b).wrong, 3);
	assert_int_equal(stats(&b).accepted, 1);
	close(guesser);
	close(other);
	tear_down(&b);
}

static void lines_of_any_length_are_checked(void **state)
{
	char longest[RELAY_PASSWORD + 1], line[RELAY_PASSWORD + 3];
	struct bench b;

	(void)state;
	memset(longest, 'x', RELAY_PASSWORD);
	longest[RELAY_PASSWORD] = '\0';
	set_up_with(&b, 4, longest, false);
	int fd = dial(&b, b.raw);

	EXPECT(fd, "Password: ");
	SAY(&b, fd, "\n");
	EXPECT(fd, WRONG);
	memset(line, 'x', sizeof line);
	line[RELAY_PASSWORD + 1] = '\n';
	say(&b, fd, line, RELAY_PASSWORD + 2); /* one too many */
	WAIT_FOR(&b, fd, WRONG);
	line[RELAY_PASSWORD + 1] = '\b';
	line[RELAY_PASSWORD + 2] = '\n';
	say(&b, fd, line, sizeof line);
	SAY(&b, b.guest, "in");
	WAIT_FOR(&b, fd, "in");
	close(fd);
	tear_down(&b);
}

/* A client that disconnects, or sends without end, frees its slot for one with the password. */
static void places_for_password_prompts(void **state)
{
	static const uint8_t endless[4096] = {'a'};
	uint8_t got[256];
	int fds[PLACES];
	struct bench b;
	bool end = false;

	(void)state;
	set_up_with(&b, 1, "right", false);
	for (int i = 0; i < PLACES; i++)
		fds[i] = dial(&b, b.raw);
	EXPECT(fds[15], "Password: ");
	close(fds[3]);
	say(&b, fds[4], endless, sizeof endless);
	say(&b, fds[4], endless, 1);
	(void)take(fds[4], got, sizeof got, &end);
	assert_true(end);
	close(fds[4]);
	for (int i = 3; i < 5; i++)
		fds[i] = dial(&b, b.raw);
	EXPECT(fds[0], "Password: "); /* no other connection was evicted for them */
	EXPECT(fds[3], "Password: ");
	EXPECT(fds[4], "Password: ");
	SAY(&b, fds[3], "right\n");
	SAY(&b, fds[4], "right\n"); /* the only slot is in use */
	EXPECT(fds[4], "[console: all 1 slots are taken]\r\n");
	assert_int_equal(stats(&b).clients, 1);
	for (int i = 0; i < PLACES; i++)
		close(fds[i]);
	tear_down(&b);
}

#define EVICTED "Password: \r\n[disconnected: another connection takes this slot]\r\n"

/* Idle connections do not keep others out, and do not evict one that has typed something. */
static void silent_connections_are_evicted(void **state)
{
	int fds[PLACES], more[PLACES];
	struct bench b;

	(void)state;
	set_up_with(&b, 4, "right", false);
	int typing = dial(&b, b.raw);

	SAY(&b, typing, "rig");
	for (int i = 0; i < PLACES - 1; i++)
		fds[i] = dial(&b, b.raw);
	for (int i = 0; i < PLACES - 1; i++)
		more[i] = dial(&b, b.raw);
	EXPECT(fds[0], EVICTED);
	EXPECT(fds[PLACES - 2], EVICTED);
	EXPECT(more[0], "Password: ");
	SAY(&b, typing, "ht\n");
	SAY(&b, more[PLACES - 2], "right\n");
	assert_int_equal(stats(&b).clients, 2);
	for (int i = 0; i < PLACES - 1; i++) {
		close(fds[i]);
		close(more[i]);
	}
	close(typing);
	tear_down(&b);
}

/* If one address holds all slots, its own clients are evicted, not the only one of another address.
 */
static void one_address_does_not_evict_another(void **state)
{
	int fds[2 * PLACES];
	struct bench b;

	(void)state;
	set_up_with(&b, 4, "right", false);
	int other = dial_from(&b, b.raw, "127.0.0.2");

	for (int i = 0; i < 2 * PLACES; i++) {
		fds[i] = dial(&b, b.raw);
		SAY(&b, fds[i], "x");
	}
	SAY(&b, other, "right\n");
	assert_int_equal(stats(&b).clients, 1);
	for (int i = 0; i < 2 * PLACES; i++)
		close(fds[i]);
	close(other);
	tear_down(&b);
}

static void read_only_clients(void **state)
{
	struct bench b;

	(void)state;
	set_up_with(&b, 4, "", true);
	int telnet = dial(&b, b.telnet), raw = dial(&b, b.raw), local = dial(&b, b.local);

	EXPECT(telnet, START GREETING "\r\n");
	SAY(&b, telnet, "typed\r\n\xff\xf3\xff\xf6");
	SAY(&b, raw, "typed\n");
	EXPECT(b.guest, "");
	assert_int_equal(b.breaks, 0);
	EXPECT(telnet, "\r\n[Yes]\r\n");
	SAY(&b, local, "typed\n");
	EXPECT(b.guest, "typed\n");
	SAY(&b, b.guest, "seen");
	EXPECT(telnet, "seen");
	EXPECT(raw, "seen");
	close(telnet);
	close(raw);
	close(local);
	tear_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_accepted),
		cmocka_unit_test(a_client_that_guesses_is_disconnected),
		cmocka_unit_test(lines_of_any_length_are_checked),
		cmocka_unit_test(places_for_password_prompts),
		cmocka_unit_test(silent_connections_are_evicted),
		cmocka_unit_test(one_address_does_not_evict_another),
		cmocka_unit_test(read_only_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
