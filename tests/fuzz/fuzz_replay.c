/* fuzz_replay.c - libFuzzer target for the filter of the replayed scrollback.
 *
 * The first byte says how to split the rest. However it is split, the output is the same; it is not
 * longer than promised; filtering it again does not change it; and a different scan (which searches
 * for queries instead of permitted sequences) finds none in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/replay.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static size_t filter(const uint8_t *in, size_t n, size_t piece, uint8_t *out)
{
	struct replay f = {.printed = true};
	size_t len = 0;

	for (size_t at = 0; at < n;) {
		size_t part = piece < n - at ? piece : n - at;
		uint8_t *to = malloc(part + REPLAY_HELD);
		size_t got = replay_filter(&f, in + at, part, to);

		check(got <= part + REPLAY_HELD);
		memcpy(out + len, to, got);
		free(to);
		len += got;
		at += part;
	}
	check(len <= n);
	return len;
}

/* After CSI: is the sequence at P a query, as far as this scan knows them? */
static bool asks(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *begin = p;

	while (p < end && *p >= ' ' && *p < '@')
		p++;
	if (p == end || *p > '~')
		return false;
	bool dec = *begin == '?';
	bool more = p > begin && p[-1] < '0';

	switch (*p) {
	case 'c':
	case 'n': return *p == 'c' || *begin != '>';
	case 'x': return !(more && (p[-1] == '$' || p[-1] == '*'));
	case 't': return *begin != '>' && !(more && p[-1] == '$');
	case 'q': return *begin == '>';
	case 'u': return dec || more;
	case 'p': return more && p[-1] == '$';
	case 'w':
	case 'y': return true;
	case 'S':
	case 'm': return dec;
	default: return false;
	}
}

/* Bytes of the UTF-8 character at P; 0: none. */
static size_t character(const uint8_t *p, const uint8_t *end)
{
	size_t n = *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xc2 ? 2 : 0;

	if (n == 0 || *p >= 0xf5)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (p + i == end || (p[i] & 0xc0) != 0x80)
			return i; /* a truncated one has the length that has come */
	return n;
}

static void no_question(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		size_t n = character(p, end);
		bool utf8_c1 = n == 2 && *p == 0xc2 && p[1] < 0xa0;
		uint8_t c = utf8_c1 ? p[1] : *p;

		if (n > 0 && !utf8_c1) {
			p += n;
			continue;
		}
		p += utf8_c1 ? 2 : 1;
		if (c == 033 && p < end && *p >= '@' && *p <= '_')
			c = (uint8_t)(*p++ + 0x40);
		check(c != 5 && c != 0x90 && c != 0x98 && c != 0x9a && c != 0x9d && c != 0x9e &&
		      c != 0x9f);
		check(c != 0x9b || p == end || !asks(p, end));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t n = size - 1;
	uint8_t *whole = malloc(n + REPLAY_HELD);
	uint8_t *parts = malloc(n + REPLAY_HELD);
	size_t len = filter(data + 1, n, n, whole);

	check(filter(data + 1, n, 1 + data[0] % 16, parts) == len);
	check(memcmp(whole, parts, len) == 0);
	no_question(whole, whole + len);
	whole[len++] = '\n'; /* else an 0xC2 at the end would be held back */
	check(filter(whole, len, len, parts) == len && memcmp(whole, parts, len) == 0);
	check(replay_start(data + 1, n) <= n);
	free(whole);
	free(parts);
	return 0;
}
