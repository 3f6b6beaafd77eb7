/* test_telnet.c - the telnet codec: examples, input split at every position, and comparison with a
 * reference.
 *
 * The reference is implemented differently: it has the whole stream, looks ahead for whole tokens
 * and keeps options in sets, whereas the codec is a byte-wise state machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/telnet.h"

#define LEN(a) (sizeof(a) - 1)

/* The result of decoding a stream. */
struct result {
	uint8_t data[4096], reply[4096];
	size_t data_len, reply_len;
	unsigned events;
};

static void decode(struct telnet *t, const uint8_t *in, size_t n, struct result *r)
{
	uint8_t *exact = malloc(n ? n : 1); /* so that ASan detects an overrun */
	size_t room = n + 2;
	uint8_t *answers = malloc(room);

	memcpy(exact, in, n);
	size_t len = telnet_decode(t, exact, n, exact, answers, &room, &r->events);

	assert_true(len <= n && room <= n + 2);
	memcpy(r->data + r->data_len, exact, len);
	memcpy(r->reply + r->reply_len, answers, room);
	r->data_len += len;
	r->reply_len += room;
	free(exact);
	free(answers);
}

static void start(struct telnet *t)
{
	uint8_t out[TELNET_START];

	assert_int_equal(telnet_start(t, out), TELNET_START);
	assert_memory_equal(out, "\xff\xfb\1\xff\xfb\3\xff\xfb\0\xff\xfd\0", TELNET_START);
}

static void expect(const struct result *r, const char *data, size_t data_len, const char *reply,
		   size_t reply_len)
{
	assert_int_equal(r->data_len, data_len);
	assert_memory_equal(r->data, data, data_len);
	assert_int_equal(r->reply_len, reply_len);
	assert_memory_equal(r->reply, reply, reply_len);
}

static void example(const char *in, size_t n, const char *data, size_t data_len, const char *reply,
		    size_t reply_len)
{
	struct telnet t;
	struct result r = {0};

	start(&t);
	decode(&t, (const uint8_t *)in, n, &r);
	expect(&r, data, data_len, reply, reply_len);
}

#define EXPECT(in, data, answers) example(in, LEN(in), data, LEN(data), answers, LEN(answers))

static void line_ends_become_one_cr(void **state)
{
	(void)state;
	EXPECT("ls\r\0", "ls\r", "");
	EXPECT("ls\r\n", "ls\r", "");
	EXPECT("ls\r", "ls\r", "");
	EXPECT("ls\n", "ls\n", "");
	EXPECT("\r\r\n\r\0\n\0x", "\r\r\r\n\0x", "");
	EXPECT("\r\xff\xf1\n", "\r", "");
	/* the peer accepted BINARY: nothing is changed, not even after an earlier CR */
	EXPECT("\xff\xfb\0\r\n\r\0", "\r\n\r\0", "");
	EXPECT("\r\xff\xfb\0\n", "\r\n", "");
	/* and back */
	EXPECT("\xff\xfb\0\xff\xfc\0\r\n", "\r", "\xff\xfe\0");
}

static void commands(void **state)
{
	struct telnet t;
	struct result r = {0};

	(void)state;
	EXPECT("a\xff\xf4"
	       "b",
	       "a\3b", ""); /* IP, in its place */
	EXPECT("\xff\xff", "\xff", "");
	EXPECT("\xff\xf1\xff\xf2\xff\xf5\xff\xf7\xff\xf8\xff\xf9\xff\xf0\xff\x01z", "z", "");
	start(&t);
	decode(&t, (const uint8_t *)"\xff\xf3", 2, &r);
	assert_int_equal(r.events, TELNET_BREAK);
	decode(&t, (const uint8_t *)"\xff\xf6", 2, &r);
	assert_int_equal(r.events, TELNET_BREAK | TELNET_AYT);
	expect(&r, "", 0, "", 0);
}

static void only_changes_of_options_are_answered(void **state)
{
	(void)state;
	EXPECT("\xff\xfd\1\xff\xfd\3\xff\xfd\0\xff\xfb\0", "", ""); /* agree to all our options */
	EXPECT("\xff\xfe\1\xff\xfe\3\xff\xfe\0\xff\xfc\0", "", ""); /* no to all */
	EXPECT("\xff\xfd\1\xff\xfd\1\xff\xfd\1", "", "");
	EXPECT("\xff\xfd\1\xff\xfe\1", "", "\xff\xfc\1");
	EXPECT("\xff\xfd\1\xff\xfe\1\xff\xfe\1\xff\xfd\1", "", "\xff\xfc\1\xff\xfb\1");
	EXPECT("\xff\xfc\0\xff\xfb\0", "", "\xff\xfd\0");
	EXPECT("\xff\xfb\3\xff\xfb\3", "", "\xff\xfd\3");
	EXPECT("\xff\xfc\3\xff\xfc\x18\xff\xfe\x1f", "", "");
	/* not ours to accept: the peer's echo, terminal type, window size, LINEMODE, EXOPL */
	EXPECT("\xff\xfb\1\xff\xfb\1", "", "\xff\xfe\1");
	EXPECT("\xff\xfd\x18\xff\xfd\x18\xff\xfb\x18\xff\xfb\x18", "", "\xff\xfc\x18\xff\xfe\x18");
	EXPECT("\xff\xfb\x1f\xff\xfb\x22\xff\xfb\xff", "", "\xff\xfe\x1f\xff\xfe\x22\xff\xfe\xff");
}

/* What these programs send by themselves or in response to our first offers. */
static void well_known_clients(void **state)
{
	(void)state;
	/* BusyBox: accepts ECHO and SGA, refuses BINARY both ways, sends CR LF */
	EXPECT("\xff\xfd\1\xff\xfd\3\xff\xfe\0\xff\xfc\0root\r\n", "root\r", "");
	/* inetutils: the same, but CR NUL; or BINARY, then CR alone */
	EXPECT("\xff\xfd\1\xff\xfd\3\xff\xfd\0\xff\xfb\0root\r", "root\r", "");
	EXPECT("\xff\xfd\1\xff\xfd\3root\r\0", "root\r", "");
	/* PuTTY: NAWS, TSPEED, TTYPE, NEW-ENVIRON, then OLD-ENVIRON after a no, and the rest */
	EXPECT("\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\1\xff\xfb\3\xff\xfd\3"
	       "\xff\xfb\x24root\r\n",
	       "root\r", "\xff\xfe\x1f\xff\xfe\x20\xff\xfe\x18\xff\xfe\x27\xff\xfd\3\xff\xfe\x24");
}

static void subnegotiations_are_removed(void **state)
{
	uint8_t endless[3 + 1024 + 1] = "\xff\xfa\x18";
	uint8_t pairs[3 + 2 * 1024 + 1] = "\xff\xfa\x18";
	struct telnet t;
	struct result r = {0};

	(void)state;
	EXPECT("a\xff\xfa\x18\0vt100\xff\xf0"
	       "b",
	       "ab", "");
	EXPECT("a\xff\xfa\x1f\xff\xff\xff\xff\0\x18\xff\xf0"
	       "b",
	       "ab", "");
	EXPECT("a\xff\xfa\x1f\0\xff\xfb\x1f"
	       "b",
	       "ab", "\xff\xfe\x1f"); /* its end was left out */
	EXPECT("a\xff\xfa", "a", "");
	/* one that does not end is given up after 1024 bytes */
	memset(endless + 3, 'x', sizeof endless - 3);
	start(&t);
	decode(&t, endless, sizeof endless, &r);
	expect(&r, "xx", 2, "", 0);
	memset(&r, 0, sizeof r);
	decode(&t, (const uint8_t *)"y", 1, &r);
	expect(&r, "y", 1, "", 0);
	memset(pairs + 3, 0xff, sizeof pairs - 4);
	pairs[sizeof pairs - 1] = 'z';
	memset(&r, 0, sizeof r);
	start(&t);
	decode(&t, pairs, sizeof pairs, &r);
	assert_int_equal(r.data_len, 2); /* 1023 and the option, then an 0xff and z */
}

static void an_answer_without_space_is_sent_later(void **state)
{
	static const uint8_t ask[] = {0xff, 0xfd, 24, 0xff, 0xfe, 1};
	struct telnet t;
	uint8_t out[6], reply[6];
	unsigned events = 0;

	(void)state;
	start(&t);
	for (size_t room = 0; room < 3; room++) {
		size_t len = room;

		assert_int_equal(telnet_decode(&t, ask, 3, out, reply, &len, &events), 0);
		assert_int_equal(len, 0);
	}
	size_t len = 3;

	(void)telnet_decode(&t, ask, 3, out, reply, &len, &events);
	assert_int_equal(len, 3);
	assert_memory_equal(reply, "\xff\xfc\x18", 3);
}

/* ---- the reference ----------------------------------------------------------------------- */

struct reference {
	bool we[256], they[256], we_asked[256], they_asked[256], no_do[256], no_will[256];
	bool cr;
};

static void ref_start(struct reference *f)
{
	*f = (struct reference){0};
	f->we_asked[0] = f->we_asked[1] = f->we_asked[3] = f->they_asked[0] = true;
}

static void ref_put(struct reference *f, uint8_t c, struct result *r)
{
	if (f->cr && (c == 0 || c == 10)) {
		f->cr = false;
		return;
	}
	f->cr = c == 13 && !f->they[0];
	r->data[r->data_len++] = c;
}

static void ref_negotiate(struct result *r, uint8_t verb, uint8_t option)
{
	const uint8_t answer[] = {0xff, verb, option};

	memcpy(r->reply + r->reply_len, answer, 3);
	r->reply_len += 3;
}

static void ref_option(struct reference *f, uint8_t verb, uint8_t o, struct result *r)
{
	bool about_us = verb >= 253, on = verb == 251 || verb == 253;
	bool can = o == 0 || o == 3 || (o == 1 && about_us);
	bool *is = about_us ? &f->we[o] : &f->they[o];
	bool *asked = about_us ? &f->we_asked[o] : &f->they_asked[o];
	bool *said_no = about_us ? &f->no_do[o] : &f->no_will[o];

	if (on && !can) {
		if (!*said_no)
			ref_negotiate(r, about_us ? 252 : 254, o);
		*said_no = true;
	} else if (can) {
		if (!*asked && *is != on)
			ref_negotiate(r, on ? (about_us ? 251 : 253) : (about_us ? 252 : 254), o);
		*asked = false;
		*is = on;
	}
	if (f->they[0])
		f->cr = false;
}

/* The length of the token at S (N bytes are available), 0 if it is incomplete. */
static size_t ref_token(const uint8_t *s, size_t n)
{
	if (s[0] != 255)
		return 1;
	if (n < 2)
		return 0;
	if (s[1] >= 251 && s[1] <= 254)
		return n < 3 ? 0 : 3;
	if (s[1] != 250)
		return 2;
	size_t at = 2;

	for (size_t skipped = 0; skipped < 1024; skipped++) {
		if (at >= n || (s[at] == 255 && at + 1 >= n))
			return 0;
		if (s[at] != 255)
			at++;
		else if (s[at + 1] == 240)
			return at + 2;
		else if (s[at + 1] == 255)
			at += 2;
		else
			return at; /* the next IAC begins a token of its own */
	}
	return at;
}

static void ref_decode(const uint8_t *s, size_t n, struct result *r)
{
	struct reference f;

	ref_start(&f);
	for (size_t at = 0, len; at < n && (len = ref_token(s + at, n - at)) > 0; at += len) {
		const uint8_t *token = s + at;

		if (token[0] != 255)
			ref_put(&f, token[0], r);
		else if (token[1] == 255)
			ref_put(&f, 255, r);
		else if (token[1] == 244)
			ref_put(&f, 3, r);
		else if (token[1] == 243)
			r->events |= TELNET_BREAK;
		else if (token[1] == 246)
			r->events |= TELNET_AYT;
		else if (token[1] >= 251)
			ref_option(&f, token[1], token[2], r);
	}
}

/* Random streams with many telnet sequences. */
static size_t random_stream(uint8_t *s, size_t max, unsigned *seed)
{
	static const uint8_t liked[] = {255, 255, 255, 13,  10,	 0,   1,   3,	24,  240,
					241, 243, 244, 246, 250, 251, 252, 253, 254, 'a'};
	size_t n = (size_t)rand_r(seed) % max;

	for (size_t i = 0; i < n; i++)
		s[i] = rand_r(seed) % 8 ? liked[(size_t)rand_r(seed) % sizeof liked]
					: (uint8_t)rand_r(seed);
	return n;
}

static void results_agree_with_the_reference(void **state)
{
	static uint8_t s[2048];
	static struct result got, wanted;
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = random_stream(s, round % 10 ? 64 : sizeof s, &seed);
		struct telnet t;

		got = wanted = (struct result){0};
		start(&t);
		for (size_t at = 0; at < n;) {
			size_t part = 1 + (size_t)rand_r(&seed) % (n - at);

			decode(&t, s + at, part, &got);
			at += part;
		}
		ref_decode(s, n, &wanted);
		assert_memory_equal(&got, &wanted, sizeof got);
	}
}

static void input_split_at_every_position(void **state)
{
	static const char stream[] =
		"\xff\xfd\1ab\r\nc\r\0\xff\xfa\x18\0x\xff\xff\xff\xf0"
		"d\xff\xff\xff\xfb\x1f\xff\xf4\xff\xf3\xff\xf6\xff\xfb\0\r\n\xff"
		"\xfe\1\xff\xfa\1\xff\xfd\x55z";
	static struct result whole, parts;
	struct telnet t;

	(void)state;
	start(&t);
	decode(&t, (const uint8_t *)stream, LEN(stream), &whole);
	expect(&whole, "ab\rc\rd\xff\3\r\nz", 11, "\xff\xfe\x1f\xff\xfc\1\xff\xfc\x55", 9);
	for (size_t cut = 0; cut <= LEN(stream); cut++) {
		struct telnet u;

		parts = (struct result){0};
		start(&u);
		decode(&u, (const uint8_t *)stream, cut, &parts);
		decode(&u, (const uint8_t *)stream + cut, LEN(stream) - cut, &parts);
		assert_memory_equal(&parts, &whole, sizeof whole);
		assert_int_equal(u.state, t.state);
		assert_int_equal(u.cr, t.cr);
	}
}

static void encoding_doubles_0xff(void **state)
{
	uint8_t in[300], out[600], wanted[600];
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand_r(&seed) % sizeof in;
		size_t room = (size_t)rand_r(&seed) % sizeof out;
		size_t len = 0, whole = 0, taken, starts[301];

		for (size_t i = 0; i < n; i++) {
			in[i] = rand_r(&seed) % 3 ? (uint8_t)rand_r(&seed) : 255;
			starts[i] = len;
			wanted[len++] = in[i];
			if (in[i] == 255)
				wanted[len++] = 255;
			if (len <= room)
				whole = i + 1;
		}
		starts[n] = len;
		assert_int_equal(telnet_encode(in, n, out, room, &taken), starts[whole]);
		assert_int_equal(taken, whole);
		assert_memory_equal(out, wanted, starts[whole]);
		for (size_t i = 0; i <= whole; i++) {
			bool half = true;

			assert_int_equal(telnet_encoded(in, starts[i], &half), i);
			assert_false(half);
			if (i < whole && in[i] == 255) {
				assert_int_equal(telnet_encoded(in, starts[i] + 1, &half), i);
				assert_true(half);
			}
		}
	}
}

/* All 256 values pass in both directions with BINARY. */
static void all_byte_values_pass(void **state)
{
	uint8_t all[256], wire[512];
	size_t taken;
	struct telnet t;
	struct result r = {0};

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	size_t n = telnet_encode(all, sizeof all, wire, sizeof wire, &taken);

	assert_int_equal(n, 257);
	start(&t);
	decode(&t, (const uint8_t *)"\xff\xfb\0", 3, &r);
	decode(&t, wire, n, &r);
	expect(&r, (const char *)all, sizeof all, "", 0);
}

/* On an RFC 2217 port, the client's data CLIENT is answered with WANT. */
static void exchange(struct telnet *t, const char *client, size_t n, const char *want, size_t wn,
		     unsigned want_events)
{
	uint8_t out[256], reply[512];
	size_t len = sizeof reply;
	unsigned events = 0;

	assert_int_equal(telnet_decode(t, (const uint8_t *)client, n, out, reply, &len, &events),
			 0);
	assert_int_equal(len, wn);
	assert_memory_equal(reply, want, wn);
	assert_int_equal(events, want_events);
}

#define EXCHANGE(client, want, events)                                                             \
	exchange(&t, client, sizeof(client) - 1, want, sizeof(want) - 1, events)
#define SB_(text) "\xff\xfa\x2c" text "\xff\xf0"

static void a_serial_port(void **state)
{
	struct telnet t;
	uint8_t start[TELNET_START];

	(void)state;
	(void)telnet_start(&t, start);
	EXCHANGE("\xff\xfb\x2c", "\xff\xfe\x2c", 0); /* elsewhere it is an option like any other */
	(void)telnet_start(&t, start);
	t.serial_port = true;
	EXCHANGE("\xff\xfb\x2c", "\xff\xfd\x2c" SB_("\x6b\xb0"), 0);
	EXCHANGE("\xff\xfd\x2c", "\xff\xfb\x2c", 0);
	EXCHANGE("\xff\xfb\x2c", "", 0);
	EXCHANGE(SB_("\1\0\0\0\0"), SB_("\x65\0\1\xc2\0"), 0); /* 115200 */
	EXCHANGE(SB_("\1\0\0\xff\xff\0"), SB_("\x65\0\0\xff\xff\0"), 0);
	EXCHANGE(SB_("\1\0\0\0\0"), SB_("\x65\0\0\xff\xff\0"), 0);
	EXCHANGE(SB_("\2\0") SB_("\2\7") SB_("\3\0") SB_("\4\2"),
		 SB_("\x66\10") SB_("\x66\7") SB_("\x67\1") SB_("\x68\2"), 0);
	EXCHANGE(SB_("\5\4") SB_("\5\5"), SB_("\x69\6") SB_("\x69\5"), TELNET_BREAK);
	EXCHANGE(SB_("\5\5"), SB_("\x69\5"), 0); /* it is on already */
	EXCHANGE(SB_("\5\6") SB_("\5\7") SB_("\5\11") SB_("\5\7") SB_("\5\13"),
		 SB_("\x69\6") SB_("\x69\10") SB_("\x69\11") SB_("\x69\11") SB_("\x69\13"), 0);
	EXCHANGE(SB_("\5\0") SB_("\5\2") SB_("\5\0") SB_("\5\15") SB_("\5\20"),
		 SB_("\x69\1") SB_("\x69\2") SB_("\x69\2") SB_("\x69\16") SB_("\x69\20"), 0);
	EXCHANGE(SB_("\13\xff\xff") SB_("\12\0"), SB_("\x6f\xff\xff") SB_("\x6e\0"), 0);
	EXCHANGE(SB_("\14\1"), SB_("\x70\1"), TELNET_PURGE);
	EXCHANGE(SB_("\7"), SB_("\x6b\xb0"), 0);
	EXCHANGE(SB_("\0"), SB_("\x64vm serial console"), 0);
	EXCHANGE(SB_("\10"), "", 0);
	assert_true(t.com_port.suspended);
	EXCHANGE(SB_("\11"), "", 0);
	assert_false(t.com_port.suspended);
	EXCHANGE(SB_("") SB_("\1\0") SB_("\2") SB_("\144\1") SB_("\15\1"), "", 0);
	EXCHANGE("\xff\xfa\x18\1\xff\xf0", "", 0); /* another option's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_become_one_cr),
		cmocka_unit_test(commands),
		cmocka_unit_test(only_changes_of_options_are_answered),
		cmocka_unit_test(well_known_clients),
		cmocka_unit_test(subnegotiations_are_removed),
		cmocka_unit_test(an_answer_without_space_is_sent_later),
		cmocka_unit_test(results_agree_with_the_reference),
		cmocka_unit_test(input_split_at_every_position),
		cmocka_unit_test(encoding_doubles_0xff),
		cmocka_unit_test(all_byte_values_pass),
		cmocka_unit_test(a_serial_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
