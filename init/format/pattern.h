/* pattern.h - matches a set of regular expressions simultaneously against a stream of bytes.
 *
 * The stream arrives in pieces of any size; each byte is examined once, and the time is linear in
 * the stream's length for any input: a DFA for the whole set is built on demand. Its states are
 * kept in a cache of fixed size, which is emptied when it is full.
 *
 * The syntax is that of POSIX extended regular expressions (XBD 9.4) without collating symbols:
 *    c . [a-z] [^a-z] [[:digit:]] (…) x|y x* x+ x? x{m} x{m,} x{m,n} (n up to 255) ^ $
 * and \ before a punctuation character means that character; \t is a tab, \xHH the byte HH.
 * Constructs that POSIX leaves undefined (nothing between two |, a repetition of nothing or of an
 * anchor) are errors, and so is an expression that matches an empty line.
 *
 * '\n' and '\r' end a line; neither . nor any bracket expression matches them. All other bytes are
 * ordinary. An expression matches anywhere in a line unless ^ or $ restricts it.
 */
#ifndef VM_FORMAT_PATTERN_H
#define VM_FORMAT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Limits of a set: patterns, and positions (about one for each character of each pattern, times its
 * repetition; an alternative or an optional part needs one or two more). */
#define PATTERNS_MAX	      128
#define PATTERN_POSITIONS_MAX 4096
/* Distinct sets of bytes: 256 for single bytes, and as many others. */
#define PATTERN_BYTE_SETS_MAX 512

/* The expressions as nodes of an NFA: passed from a program with the parser to one without it. All
 * zero: no expressions. */
struct pattern_program {
	struct pattern_node {
		uint8_t op;
		uint16_t arg; /* the byte set, the target, or the pattern that matched */
	} nodes[PATTERN_POSITIONS_MAX];
	struct pattern_bytes {
		uint64_t bits[4];
	} byte_sets[PATTERN_BYTE_SETS_MAX];
	uint16_t start[PATTERNS_MAX];
	size_t node_count, byte_set_count, patterns;
};

struct pattern_set;

/* One bit for each pattern: i is bits[i / 64] >> i % 64 & 1. */
struct pattern_bits {
	uint64_t bits[PATTERNS_MAX / 64];
};

/* Create an empty set: one calloc(3) of 720 KiB and none later. Unused parts are never touched: 136
 * KiB were resident after a Linux guest had booted, 268 after a Hurd. NULL: no memory. */
struct pattern_set *pattern_set_new(void);
/* Create a set with PROGRAM's expressions, which are copied. */
struct pattern_set *pattern_set_of(const struct pattern_program *program);
/* The expressions of S. */
const struct pattern_program *pattern_set_program(const struct pattern_set *s);
void pattern_set_free(struct pattern_set *s);

/* Add the expression of N bytes at REGEX (a NUL is an ordinary byte). Returns its index, counted
 * from 0, or -1 with one line in WHY that names the column; the set is then unchanged. Patterns may
 * be added to a set in use, which is then at the start of a line. */
int pattern_set_add(struct pattern_set *s, const char *regex, size_t n, char *why, size_t why_size);

/* Reset to the start of a line. */
void pattern_set_reset(struct pattern_set *s);

/* Consume bytes of BUF up to and including the first at which patterns match, and set those
 * patterns' bits in FIRED. Returns the number of bytes consumed: N, with FIRED all 0, if none
 * matched.
 *
 * A pattern is reported at the byte that completes its first match in a line, at the line's end if
 * the match requires $, and at most once per line.
 */
size_t pattern_feed(struct pattern_set *s, const uint8_t *buf, size_t n,
		    struct pattern_bits *fired);

#endif
