/* fuzz_markers.c - libFuzzer target for marker files, their expressions, and the matcher.
 *
 * The first byte says how to split the stream; the text up to the first NUL is a marker file, the
 * rest is the stream. A valid file must make a matcher, which accepts every byte, reports only
 * existing markers, and reports the same markers at the same positions however the stream is split.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/markers.h"

struct result {
	size_t count;
	uint64_t sum; /* of which fired where */
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static struct result feed(struct marker_matcher *m, size_t markers, const uint8_t *in, size_t n,
			  size_t piece)
{
	struct result r = {0};

	matcher_reset(m);
	for (size_t from = 0; from < n; from += piece) {
		size_t part = piece < n - from ? piece : n - from;
		uint8_t *copy = malloc(part);

		memcpy(copy, in + from, part);
		for (size_t at = 0; at < part;) {
			struct pattern_bits fired;
			size_t taken = matcher_feed(m, copy + at, part - at, &fired);
			bool any = fired.bits[0] | fired.bits[1];

			check(taken > 0 && taken <= part - at && (any || taken == part - at));
			at += taken;
			for (size_t i = 0; i < PATTERNS_MAX; i++) {
				if (!(fired.bits[i / 64] >> i % 64 & 1))
					continue;
				check(i < markers);
				r.sum = r.sum * 1000003 + (from + at) * PATTERNS_MAX + i;
				r.count++;
			}
		}
		free(copy);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct markers markers;
	struct error err = {0};

	if (size < 1)
		return 0;
	size_t piece = 1 + *data++ % 32;
	const uint8_t *nul = memchr(data, 0, --size);
	size_t n = nul ? (size_t)(nul - data) : size;
	char *text = malloc(n + 1);

	memcpy(text, data, n);
	if (markers_parse(text, n, &markers, &err)) {
		struct marker_matcher *m = matcher_new(&markers, &err);
		const uint8_t *stream = data + n + !!nul;
		size_t left = size - n - !!nul;

		check(m != NULL);
		struct result whole = feed(m, markers.count, stream, left, left + 1);
		struct result parts = feed(m, markers.count, stream, left, piece);

		check(whole.count == parts.count && whole.sum == parts.sum);
		matcher_free(m);
	} else {
		check(err.status == EXIT_BAD_SETTING && err.message[0] && err.fix[0]);
	}
	free(text);
	return 0;
}
