/* test_mux_password.c - password-protected relays, and read-only clients. */
#include "room_relay.h"

/* AUTH_CLIENTS_MAX of console/mux_internal.h */
#define AUTH_SLOTS 64

#define PROMPTED TELNET_OPTIONS "Password: "
#define WRONG	 "\r\nWrong.\r\nPassword: "

/* Run the loop until FD is readable, including the pause after a wrong password. */
static void wait_for(struct relay_fixture *f, int fd, const void *text, size_t n)
{
	uint8_t received[512];
	size_t len = 0;

	for (int rounds = 0; len < n; rounds++) {
		assert_true(rounds < 1000);
		(void)run_once(f, 20);
		len += read_available(fd, received + len, sizeof received - len, NULL);
	}
	assert_int_equal(len, n);
	assert_memory_equal(received, text, n);
}

#define WAIT_FOR(f, fd, text) wait_for(f, fd, text, sizeof(text) - 1)

static void the_right_password_is_accepted(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up_with(&f, 4, "open sesame", false);
	SEND(&f, f.guest, "boot\r\n");
	int telnet = connect_client(&f, f.telnet), raw = connect_client(&f, f.raw),
	    local = connect_client(&f, f.local);

	EXPECT(telnet, PROMPTED);
	EXPECT(raw, "Password: ");
	EXPECT(local, "boot\r\n");
	assert_int_equal(stats(&f).clients, 1);
	SEND(&f, telnet, "\xff\xfd\1\xff\xfd\3\xff\xfd\30op");
	EXPECT(telnet, "\xff\xfc\30"); /* what is typed is not echoed */
	SEND(&f, telnet, "em\bn sesame\r");
	EXPECT(telnet, "\r\n" GREETING "\r\nboot\r\n");
	SEND(&f, telnet, "\nroot\r\n"); /* the other half of the password's line end */
	EXPECT(f.guest, "root\r");
	/* Bytes after the password, in the same packet, are input for the guest. */
	SEND(&f, raw, "open sesame\r\n\nhalt\n");
	EXPECT(raw, "boot\r\n");
	EXPECT(f.guest, "\nhalt\n");
	SEND(&f, raw, "one\r\ntwo\r");
	SEND(&f, raw, "\nthree\n\r\r\n\n");
	EXPECT(f.guest, "one\rtwo\rthree\n\r\r\n");
	SEND(&f, local, "one\r\n");
	EXPECT(f.guest, "one\r\n");
	assert_int_equal(stats(&f).clients, 3);
	assert_int_equal(stats(&f).wrong, 0);
	close(telnet);
	close(raw);
	close(local);
	tear_down(&f);
}

/* Three tries, and a pause after each that holds for all connections. */
static void a_client_that_guesses_is_disconnected(void **state)
{
	struct relay_fixture f;
	uint8_t received[64];
	bool end = false;

	(void)state;
	set_up_with(&f, 4, "right", false);
	int guesser = connect_client(&f, f.telnet), other = connect_client(&f, f.raw);

	EXPECT(guesser, PROMPTED);
	EXPECT(other, "Password: ");
	SEND(&f, guesser, "wrong\r\n");
	EXPECT(guesser, WRONG);
	SEND(&f, other, "right\n");
	assert_int_equal(stats(&f).clients, 0); /* not before the pause is over */
	SEND(&f, f.guest, "$ ");
	WAIT_FOR(&f, other, "$ ");
	assert_int_equal(stats(&f).clients, 1);
	SEND(&f, guesser, "righ\r\n");
	EXPECT(guesser, WRONG);
	SEND(&f, guesser, "right!\r\n");
	WAIT_FOR(&f, guesser, "\r\nWrong.\r\n");
	(void)read_available(guesser, received, sizeof received, &end);
	assert_true(end);
	assert_int_equal(stats(&f).wrong, 3);
	assert_int_equal(stats(&f).accepted, 1);
	close(guesser);
	close(other);
	tear_down(&f);
}

static void lines_of_any_length_are_checked(void **state)
{
	char longest[RELAY_PASSWORD + 1], line[RELAY_PASSWORD + 3];
	struct relay_fixture f;

	(void)state;
	memset(longest, 'x', RELAY_PASSWORD);
	longest[RELAY_PASSWORD] = '\0';
	set_up_with(&f, 4, longest, false);
	int fd = connect_client(&f, f.raw);

	EXPECT(fd, "Password: ");
	SEND(&f, fd, "\n");
	EXPECT(fd, WRONG);
	memset(line, 'x', sizeof line);
	line[RELAY_PASSWORD + 1] = '\n';
	send_bytes(&f, fd, line, RELAY_PASSWORD + 2); /* one too many */
	WAIT_FOR(&f, fd, WRONG);
	line[RELAY_PASSWORD + 1] = '\b';
	line[RELAY_PASSWORD + 2] = '\n';
	send_bytes(&f, fd, line, sizeof line);
	SEND(&f, f.guest, "in");
	WAIT_FOR(&f, fd, "in");
	close(fd);
	tear_down(&f);
}

/* A client that disconnects, or sends without end, frees its slot for one with the password. */
static void slots_for_password_prompts(void **state)
{
	static const uint8_t endless[4096] = {'a'};
	uint8_t received[256];
	int fds[AUTH_SLOTS];
	struct relay_fixture f;
	bool end = false;

	(void)state;
	set_up_with(&f, 1, "right", false);
	for (int i = 0; i < AUTH_SLOTS; i++)
		fds[i] = connect_client(&f, f.raw);
	EXPECT(fds[15], "Password: ");
	close(fds[3]);
	send_bytes(&f, fds[4], endless, sizeof endless);
	send_bytes(&f, fds[4], endless, 1);
	(void)read_available(fds[4], received, sizeof received, &end);
	assert_true(end);
	close(fds[4]);
	for (int i = 3; i < 5; i++)
		fds[i] = connect_client(&f, f.raw);
	EXPECT(fds[0], "Password: "); /* no other connection was evicted for them */
	EXPECT(fds[3], "Password: ");
	EXPECT(fds[4], "Password: ");
	SEND(&f, fds[3], "right\n");
	SEND(&f, fds[4], "right\n"); /* the only slot is in use */
	EXPECT(fds[4], "[console: all 1 slots are taken]\r\n");
	assert_int_equal(stats(&f).clients, 1);
	for (int i = 0; i < AUTH_SLOTS; i++)
		close(fds[i]);
	tear_down(&f);
}

#define EVICTED "Password: \r\n[disconnected: another connection takes this slot]\r\n"

/* Idle connections do not keep others out, and do not evict one that has typed something. */
static void silent_connections_are_evicted(void **state)
{
	int fds[AUTH_SLOTS], more[AUTH_SLOTS];
	struct relay_fixture f;

	(void)state;
	set_up_with(&f, 4, "right", false);
	int typing = connect_client(&f, f.raw);

	SEND(&f, typing, "rig");
	for (int i = 0; i < AUTH_SLOTS - 1; i++)
		fds[i] = connect_client(&f, f.raw);
	for (int i = 0; i < AUTH_SLOTS - 1; i++)
		more[i] = connect_client(&f, f.raw);
	EXPECT(fds[0], EVICTED);
	EXPECT(fds[AUTH_SLOTS - 2], EVICTED);
	EXPECT(more[0], "Password: ");
	SEND(&f, typing, "ht\n");
	SEND(&f, more[AUTH_SLOTS - 2], "right\n");
	assert_int_equal(stats(&f).clients, 2);
	for (int i = 0; i < AUTH_SLOTS - 1; i++) {
		close(fds[i]);
		close(more[i]);
	}
	close(typing);
	tear_down(&f);
}

/* If one address holds all slots, its own clients are evicted, not the only one of another address.
 */
static void one_address_does_not_evict_another(void **state)
{
	int fds[2 * AUTH_SLOTS];
	struct relay_fixture f;

	(void)state;
	set_up_with(&f, 4, "right", false);
	int other = connect_client_from(&f, f.raw, "127.0.0.2");

	for (int i = 0; i < 2 * AUTH_SLOTS; i++) {
		fds[i] = connect_client(&f, f.raw);
		SEND(&f, fds[i], "x");
	}
	SEND(&f, other, "right\n");
	assert_int_equal(stats(&f).clients, 1);
	for (int i = 0; i < 2 * AUTH_SLOTS; i++)
		close(fds[i]);
	close(other);
	tear_down(&f);
}

static void read_only_clients(void **state)
{
	struct relay_fixture f;

	(void)state;
	set_up_with(&f, 4, "", true);
	int telnet = connect_client(&f, f.telnet), raw = connect_client(&f, f.raw),
	    local = connect_client(&f, f.local);

	EXPECT(telnet, TELNET_OPTIONS GREETING "\r\n");
	SEND(&f, telnet, "typed\r\n\xff\xf3\xff\xf6");
	SEND(&f, raw, "typed\n");
	EXPECT(f.guest, "");
	assert_int_equal(f.breaks, 0);
	EXPECT(telnet, "\r\n[Yes]\r\n");
	SEND(&f, local, "typed\n");
	EXPECT(f.guest, "typed\n");
	SEND(&f, f.guest, "seen");
	EXPECT(telnet, "seen");
	EXPECT(raw, "seen");
	close(telnet);
	close(raw);
	close(local);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_accepted),
		cmocka_unit_test(a_client_that_guesses_is_disconnected),
		cmocka_unit_test(lines_of_any_length_are_checked),
		cmocka_unit_test(slots_for_password_prompts),
		cmocka_unit_test(silent_connections_are_evicted),
		cmocka_unit_test(one_address_does_not_evict_another),
		cmocka_unit_test(read_only_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
