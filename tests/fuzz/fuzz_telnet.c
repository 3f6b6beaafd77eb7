/* fuzz_telnet.c - libFuzzer target for the telnet codec.
 *
 * The first byte says how to split the rest. However it is split, data, answers and events must be
 * the same as in one piece, nothing may be longer than promised, and encoded data must be decoded
 * to the same bytes by a peer in BINARY.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/telnet.h"

struct result {
	uint8_t *data, *reply;
	size_t data_len, reply_len;
	unsigned events;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static struct result decode(struct telnet *t, const uint8_t *in, size_t n, size_t piece)
{
	struct result r = {.data = malloc(n + 1), .reply = malloc(n + 2)};
	uint8_t start[TELNET_START];

	check(telnet_start(t, start) == TELNET_START);
	for (size_t at = 0; at < n;) {
		size_t part = piece < n - at ? piece : n - at;
		uint8_t *copy = malloc(part);
		size_t len = n + 2 - r.reply_len;

		memcpy(copy, in + at, part);
		size_t got =
			telnet_decode(t, copy, part, copy, r.reply + r.reply_len, &len, &r.events);

		check(got <= part && len <= part + 2);
		memcpy(r.data + r.data_len, copy, got);
		r.data_len += got;
		r.reply_len += len;
		at += part;
		free(copy);
	}
	return r;
}

static void done(struct result *r)
{
	free(r->data);
	free(r->reply);
}

static void same_in_pieces(const uint8_t *in, size_t n, size_t piece)
{
	struct telnet one, two;
	struct result whole = decode(&one, in, n, n + 1);
	struct result parts = decode(&two, in, n, piece);

	check(whole.data_len == parts.data_len && whole.reply_len == parts.reply_len);
	check(memcmp(whole.data, parts.data, whole.data_len) == 0);
	check(memcmp(whole.reply, parts.reply, whole.reply_len) == 0);
	check(whole.events == parts.events && one.state == two.state && one.cr == two.cr);
	check(memcmp(one.we, two.we, sizeof one.we) == 0);
	check(memcmp(one.they, two.they, sizeof one.they) == 0);
	done(&whole);
	done(&parts);
}

static void there_and_back(const uint8_t *in, size_t n, size_t room)
{
	static const uint8_t binary[] = {0xff, 0xfb, 0};
	size_t taken, wire_len;
	bool half;
	uint8_t *wire = malloc(room + sizeof binary);

	memcpy(wire, binary, sizeof binary);
	wire_len = telnet_encode(in, n, wire + sizeof binary, room, &taken);
	check(taken <= n && wire_len <= room && wire_len <= 2 * n);
	check(taken == n || room - wire_len < 2);
	check(telnet_encoded(in, wire_len, &half) == taken && !half);

	struct telnet t;
	struct result r = decode(&t, wire, wire_len + sizeof binary, room + 3);

	check(r.data_len == taken && memcmp(r.data, in, taken) == 0);
	done(&r);
	free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	same_in_pieces(data + 1, size - 1, 1 + data[0] % 16);
	there_and_back(data + 1, size - 1, 1 + data[0]);
	return 0;
}
