/* inflate.c - see inflate.h. Codes of up to FAST_BITS bits are looked up in a table; longer ones,
 * which are rare, are decoded bit by bit. */
#include "format/inflate.h"

#include <string.h>

#include "format/bytes.h"

#define FAST_BITS     10
#define LITERALS      288
#define DISTANCES     32
#define CODE_BITS_MAX 15
#define END_OF_BLOCK  256

/* A canonical Huffman code. A fast entry has the symbol and, in its upper bits, the code's length;
 * 0: longer, or invalid. */
struct code {
	uint16_t fast[1 << FAST_BITS];
	uint16_t count[CODE_BITS_MAX + 1]; /* of the codes of each length */
	uint16_t symbol[LITERALS];	   /* sorted by code */
};

#define FAST(symbol, length) ((uint16_t)((symbol) | (length) << 9))

struct stream {
	const uint8_t *in, *end;
	uint64_t bits; /* unused bits, the next one lowest */
	unsigned held;
	unsigned missing; /* bytes after the end that were read as zeros */
	uint8_t *out;
	size_t at, room;
	size_t want; /* bytes of output that are enough */
};

static void refill(struct stream *s)
{
	while (s->held <= 56) {
		if (s->in < s->end)
			s->bits |= (uint64_t)*s->in++ << s->held;
		else
			s->missing++;
		s->held += 8;
	}
}

/* Were bits used that the input does not have? */
static bool overrun(const struct stream *s)
{
	return s->missing * 8 > s->held;
}

static unsigned take(struct stream *s, unsigned n)
{
	if (s->held < n)
		refill(s);
	unsigned value = (unsigned)(s->bits & ((UINT64_C(1) << n) - 1));

	s->bits >>= n;
	s->held -= n;
	return value;
}

static unsigned reversed(unsigned code, unsigned length)
{
	unsigned out = 0;

	for (unsigned i = 0; i < length; i++, code >>= 1)
		out = out << 1 | (code & 1);
	return out;
}

/* Build the code from the LENGTHS of N symbols. False: over-subscribed or incomplete (a single
 * distance code may have any length, RFC 1951, 3.2.7). */
static bool make_code(struct code *c, const uint8_t *lengths, unsigned n)
{
	unsigned first[CODE_BITS_MAX + 2] = {0};
	unsigned next[CODE_BITS_MAX + 2] = {0};
	unsigned total = 0;
	int left = 1;

	memset(c, 0, sizeof *c);
	for (unsigned i = 0; i < n; i++)
		c->count[lengths[i]]++;
	total = n - c->count[0];
	c->count[0] = 0;
	for (unsigned length = 1; length <= CODE_BITS_MAX; length++) {
		left = left * 2 - c->count[length];
		if (left < 0)
			return false;
		first[length + 1] = first[length] + c->count[length];
		next[length + 1] = (next[length] + c->count[length]) << 1;
	}
	if (left > 0 && total > 1)
		return false;
	for (unsigned i = 0; i < n; i++) {
		unsigned length = lengths[i];

		if (length == 0)
			continue;
		c->symbol[first[length]++] = (uint16_t)i;
		unsigned code = reversed(next[length]++, length);

		for (; length <= FAST_BITS && code < 1u << FAST_BITS; code += 1u << length)
			c->fast[code] = FAST(i, length);
	}
	return true;
}

/* The next symbol, -1 for an invalid code. */
static int decode(struct stream *s, const struct code *c)
{
	if (s->held < CODE_BITS_MAX)
		refill(s);
	unsigned fast = c->fast[s->bits & ((1u << FAST_BITS) - 1)];

	if (fast) {
		s->bits >>= fast >> 9;
		s->held -= fast >> 9;
		return (int)(fast & 511);
	}
	int code = 0;
	int first = 0;
	int index = 0;

	for (unsigned length = 1; length <= CODE_BITS_MAX; length++) {
		int count = c->count[length];

		code |= (int)take(s, 1);
		if (code - count < first)
			return c->symbol[index + code - first];
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return -1;
}

static bool copy(struct stream *s, size_t distance, size_t length)
{
	uint8_t *to = s->out + s->at;

	if (distance > s->at || length > s->room - s->at)
		return false;
	s->at += length;
	if (distance >= length) {
		memcpy(to, to - distance, length);
		return true;
	}
	for (; length > 0; length--, to++)
		*to = to[-(ptrdiff_t)distance];
	return true;
}

/* RFC 1951, 3.2.5. */
static bool read_block(struct stream *s, const struct code *literals, const struct code *distances)
{
	static const uint16_t length_base[] = {3,  4,  5,  6,	7,   8,	  9,   10,  11, 13,
					       15, 17, 19, 23,	27,  31,  35,  43,  51, 59,
					       67, 83, 99, 115, 131, 163, 195, 227, 258};
	static const uint8_t length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
	static const uint16_t distance_base[] = {1,    2,    3,	   4,	  5,	 7,    9,    13,
						 17,   25,   33,   49,	  65,	 97,   129,  193,
						 257,  385,  513,  769,	  1025,	 1537, 2049, 3073,
						 4097, 6145, 8193, 12289, 16385, 24577};
	static const uint8_t distance_bits[] = {0, 0, 0,  0,  1,  1,  2,  2,  3,  3,
						4, 4, 5,  5,  6,  6,  7,  7,  8,  8,
						9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

	while (s->at < s->want) {
		int symbol = decode(s, literals);

		if (symbol < 0 || overrun(s))
			return false;
		if (symbol == END_OF_BLOCK)
			return true;
		if (symbol < END_OF_BLOCK) {
			if (s->at == s->room)
				return false;
			s->out[s->at++] = (uint8_t)symbol;
			continue;
		}
		unsigned l = (unsigned)symbol - (END_OF_BLOCK + 1);

		if (l >= 29)
			return false;
		size_t length = length_base[l] + take(s, length_bits[l]);
		int d = decode(s, distances);

		if (d < 0 || d >= 30)
			return false;
		if (!copy(s, distance_base[d] + (size_t)take(s, distance_bits[d]), length))
			return false;
	}
	return true;
}

static bool read_stored(struct stream *s)
{
	(void)take(s, s->held % 8);
	size_t length = take(s, 16);

	if ((length ^ take(s, 16)) != 0xffff || length > s->room - s->at)
		return false;
	for (; length > 0 && s->held > 0; length--)
		s->out[s->at++] = (uint8_t)take(s, 8);
	if (overrun(s) || length > (size_t)(s->end - s->in))
		return false;
	memcpy(s->out + s->at, s->in, length);
	s->in += length;
	s->at += length;
	return true;
}

/* The code lengths of a block are themselves coded (RFC 1951, 3.2.7). */
static bool read_lengths(struct stream *s, uint8_t *lengths, unsigned n)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
					  11, 4,  12, 3, 13, 2, 14, 1, 15};
	static struct code code;
	uint8_t own[19] = {0};
	unsigned have = take(s, 4) + 4;

	for (unsigned i = 0; i < have; i++)
		own[order[i]] = (uint8_t)take(s, 3);
	if (!make_code(&code, own, 19))
		return false;
	for (unsigned i = 0; i < n;) {
		int symbol = decode(s, &code);

		if (symbol < 0 || overrun(s) || (symbol == 16 && i == 0))
			return false;
		if (symbol < 16) {
			lengths[i++] = (uint8_t)symbol;
			continue;
		}
		uint8_t value = symbol == 16 ? lengths[i - 1] : 0;
		unsigned times = symbol == 16	? 3 + take(s, 2)
				 : symbol == 17 ? 3 + take(s, 3)
						: 11 + take(s, 7);

		if (times > n - i)
			return false;
		for (; times > 0; times--)
			lengths[i++] = value;
	}
	return true;
}

static bool read_dynamic(struct stream *s)
{
	static struct code literals;
	static struct code distances;
	uint8_t lengths[LITERALS + DISTANCES] = {0};
	unsigned n = take(s, 5) + 257;
	unsigned d = take(s, 5) + 1;

	return n <= 286 && d <= 30 && read_lengths(s, lengths, n + d) && lengths[END_OF_BLOCK] &&
	       make_code(&literals, lengths, n) && make_code(&distances, lengths + n, d) &&
	       read_block(s, &literals, &distances);
}

static bool read_fixed(struct stream *s)
{
	static struct code literals;
	static struct code distances;
	uint8_t lengths[LITERALS];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	(void)make_code(&literals, lengths, LITERALS);
	memset(lengths, 5, DISTANCES);
	(void)make_code(&distances, lengths, DISTANCES);
	return read_block(s, &literals, &distances);
}

/* Blocks up to the last one, or until there is enough. */
static bool read_blocks(struct stream *s)
{
	bool last = false;

	while (!last && s->at < s->want) {
		last = take(s, 1);
		unsigned type = take(s, 2);
		bool ok = type == 0   ? read_stored(s)
			  : type == 1 ? read_fixed(s)
			  : type == 2 ? read_dynamic(s)
				      : false;

		if (!ok || overrun(s))
			return false;
	}
	return true;
}

bool inflate_raw(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	struct stream s = {.in = in, .end = in + n, .out = out, .room = room, .want = SIZE_MAX};

	return read_blocks(&s) && s.at == room;
}

size_t inflate_start(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t want)
{
	struct stream s = {.in = in, .end = in + n, .out = out, .room = room, .want = want};

	return read_blocks(&s) ? s.at : 0;
}

size_t gzip_size(const uint8_t *in, size_t n)
{
	return n < 18 || memcmp(in, "\x1f\x8b\x08", 3) != 0 ? 0 : le32(in + n - 4);
}

bool gzip_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	size_t at = 10;

	if (n < 18 || gzip_size(in, n) != room)
		return false;
	unsigned flags = in[3];

	n -= 8;
	if (flags & 4) { /* extra field */
		if (n - at < 2 || n - at - 2 < le16(in + at))
			return false;
		at += 2 + (size_t)le16(in + at);
	}
	for (unsigned text = 8; text <= 16; text *= 2) { /* name, comment */
		const uint8_t *end = flags & text ? memchr(in + at, 0, n - at) : NULL;

		if ((flags & text) && !end)
			return false;
		at = end ? (size_t)(end - in) + 1 : at;
	}
	if (flags & 2) /* the header's checksum */
		at += 2;
	return at <= n && inflate_raw(in + at, n - at, out, room);
}
