/* pattern.h - a set of regular expressions, looked for all together in a stream of bytes.
 *
 * The stream comes in pieces of any size; no byte is looked at twice, and the time is linear in the
 * stream whatever comes: a DFA over the whole set is built as far as the stream asks for it. Its
 * states are kept in a cache of fixed size, which is emptied when it is full.
 *
 * The syntax is that of POSIX extended regular expressions (XBD 9.4) without collating symbols:
 *   c . [a-z] [^a-z] [[:digit:]] (…) x|y x* x+ x? x{m} x{m,} x{m,n} (n up to 255) ^ $
 * and \ before a punctuation character means that character; \t is a tab, \xHH the byte HH. What
 * POSIX leaves undefined (nothing between two |, a repetition of nothing or of an anchor) is an
 * error, and so is an expression that an empty line matches.
 *
 * '\n' and '\r' end a line, and neither . nor any bracket expression matches one of them. Every
 * other byte is a byte. An expression matches anywhere in a line unless ^ or $ says otherwise.
 */
#ifndef VM_FORMAT_PATTERN_H
#define VM_FORMAT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Bounds of a set: patterns, and positions (about one for each character of each pattern, times
 * its repetition; an alternative or an optional part needs one or two more). */
#define PATTERNS_MAX	      128
#define PATTERN_POSITIONS_MAX 4096
/* Distinct sets of bytes: 256 for single bytes, and as many. */
#define PATTERN_BYTE_SETS_MAX 512

/* The expressions as nodes of an NFA: what a parser of expressions hands to a program that has
 * none. Zeroed, it has no expressions. */
struct pattern_program {
	struct pattern_node {
		uint8_t op;
		uint16_t arg; /* the byte set, the target, or the pattern that has matched */
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

/* An empty set: one calloc(3) of 720 KiB and none later. What a set does not use of it is never
 * touched: 136 KiB were resident after a Linux guest had booted, 268 after a Hurd. NULL: no
 * memory. */
struct pattern_set *pattern_set_new(void);
/* The set of PROGRAM's expressions, which is copied. */
struct pattern_set *pattern_set_of(const struct pattern_program *program);
/* What S has of expressions. */
const struct pattern_program *pattern_set_program(const struct pattern_set *s);
void pattern_set_free(struct pattern_set *s);

/* Add the expression of N bytes at REGEX (a NUL is a byte). Returns its index, counted from 0, or
 * -1 with one line in WHY that names the column; the set is then as before. Patterns may be added
 * to a set in use, which is then at the start of a line. */
int pattern_set_add(struct pattern_set *s, const char *regex, size_t n, char *why, size_t why_size);

/* Back to the start of a line. */
void pattern_set_reset(struct pattern_set *s);

/* Take bytes from BUF up to and with the first at which patterns fire, and set those patterns' bits
 * in FIRED. Returns how many bytes were taken: N, with FIRED all 0, when none fired.
 *
 * A pattern fires at the byte that completes its first match in a line, at the line's end where
 * the match needs $, and once in a line at most. */
size_t pattern_feed(struct pattern_set *s, const uint8_t *buf, size_t n,
		    struct pattern_bits *fired);

#endif
