/* test_pattern.c - matching sets of patterns in a stream: examples, comparison with regcomp(3),
 * input split at any position, and streams that fill the DFA's cache.
 *
 * The reference finds where a pattern fires in a line by asking regexec(3) about ever longer parts
 * of it, and knows nothing of sets, streams or automata.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <regex.h>

#include "format/pattern_internal.h"

/* Where pattern I fired: after how many bytes of the stream. */
struct firing {
	size_t at;
	size_t pattern;
};

struct firings {
	size_t count;
	struct firing list[65536];
};

static uint64_t seed = 88172645463325252;

static unsigned random_below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 11) % n;
}

static struct pattern_set *set_of(size_t n, const char *const *regexes)
{
	struct pattern_set *s = pattern_set_new();
	char why[128] = "";

	assert_non_null(s);
	for (size_t i = 0; i < n; i++)
		if (pattern_set_add(s, regexes[i], strlen(regexes[i]), why, sizeof why) != (int)i)
			fail_msg("%s: %s", regexes[i], why);
	return s;
}

static void record(struct firings *f, const struct pattern_bits *fired, size_t at)
{
	for (size_t i = 0; i < PATTERNS_MAX; i++)
		if (fired->bits[i / 64] >> i % 64 & 1) {
			assert_true(f->count < sizeof f->list / sizeof *f->list);
			f->list[f->count++] = (struct firing){at, i};
		}
}

/* Feed TEXT in pieces of up to PIECE bytes, each in a separate allocation for ASan. */
static void feed(struct pattern_set *s, const uint8_t *text, size_t n, unsigned piece,
		 struct firings *f)
{
	f->count = 0;
	for (size_t from = 0; from < n;) {
		size_t part = 1 + random_below(piece);
		uint8_t *copy;

		part = part < n - from ? part : n - from;
		copy = malloc(part);
		memcpy(copy, text + from, part);
		for (size_t at = 0; at < part;) {
			struct pattern_bits fired;
			size_t taken = pattern_feed(s, copy + at, part - at, &fired);

			assert_true(taken > 0 && taken <= part - at);
			at += taken;
			record(f, &fired, from + at);
		}
		free(copy);
		from += part;
	}
}

static void assert_same(const struct firings *got, const struct firings *want, const char *what)
{
	size_t n = got->count < want->count ? got->count : want->count, i = 0;

	while (i < n && memcmp(&got->list[i], &want->list[i], sizeof got->list[i]) == 0)
		i++;
	if (i < n)
		fail_msg("%s: firing %zu: pattern %zu at %zu, not %zu at %zu", what, i,
			 got->list[i].pattern, got->list[i].at, want->list[i].pattern,
			 want->list[i].at);
	if (got->count != want->count)
		fail_msg("%s: %zu firings, not %zu", what, got->count, want->count);
}

/* ---- examples -------------------------------------------------------------------------------- */

/* After how many bytes REGEX fires first in TEXT (of N bytes); 0: never. */
static size_t first_match(const char *regex, const char *text, size_t n)
{
	struct pattern_set *s = set_of(1, &regex);
	struct pattern_bits fired;
	size_t at = pattern_feed(s, (const uint8_t *)text, n, &fired);

	pattern_set_free(s);
	return fired.bits[0] ? at : 0;
}

#define FIRST(regex, text) first_match(regex, text, sizeof(text) - 1)

static void test_syntax(void **state)
{
	(void)state;
	assert_int_equal(FIRST("login: ", "debian login: root"), 14);
	assert_int_equal(FIRST("a+", "baaa"), 2);
	assert_int_equal(FIRST("ab|b", "ab"), 2);
	assert_int_equal(FIRST("a{3}", "aa aaa"), 6);
	assert_int_equal(FIRST("a{2,}b", "ab aaaab"), 8);
	assert_int_equal(FIRST("xa{0,2}b", "xaaab xab"), 9);
	assert_int_equal(FIRST("(ab?){2}c", "abac"), 4);
	assert_int_equal(FIRST("a.c", "a\nc abc"), 7);
	assert_int_equal(FIRST("[^a]b", "ab\nb cb"), 7);
	assert_int_equal(FIRST("[]a-]x", "-x"), 2);
	assert_int_equal(FIRST("[^]]x", "]x"), 0);
	assert_int_equal(FIRST("[[:digit:]_]+\\.", "v1_0."), 5);
	assert_int_equal(FIRST("[\\.]x", "\\x"), 2);
	assert_int_equal(FIRST("a\\|b\\{2\\}", "a|b{2}"), 6);
	assert_int_equal(FIRST("\\x1b\\[\\t", "\x1b[\t"), 3);
	assert_int_equal(FIRST("[\x80-\xff]x", "\xfex"), 2);
	assert_int_equal(FIRST("}]", "}]"), 2);
	assert_int_equal(FIRST("a.b", "a\0b"), 3);
	assert_int_equal(FIRST("((((a))))", "a"), 1);
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(FIRST("^b", "ab\nb"), 4);
	assert_int_equal(FIRST("^b", "ab\rb"), 4);
	assert_int_equal(FIRST("a$", "ab\na\n"), 5);
	assert_int_equal(FIRST("a$", "a\r\n"), 2);
	assert_int_equal(FIRST("a$", "a"), 0);
	assert_int_equal(FIRST("a(b|$)", "a\n"), 2);
	assert_int_equal(FIRST("(^|x)a", "ba xa"), 5);
	assert_int_equal(FIRST("x*^a", "xa\na"), 4);
	assert_int_equal(FIRST("a$b", "a\nb"), 0);
}

static void assert_refused(const char *regex, const char *why_not)
{
	const char *good = "a$";
	struct pattern_set *s = set_of(1, &good);
	struct pattern_bits fired;
	char why[128];

	assert_int_equal(pattern_set_add(s, regex, strlen(regex), why, sizeof why), -1);
	assert_string_equal(why, why_not);
	assert_int_equal(pattern_set_add(s, "b", 1, why, sizeof why), 1);
	assert_int_equal(pattern_feed(s, (const uint8_t *)"a\n", 2, &fired), 2);
	assert_int_equal(fired.bits[0], 1);
	assert_int_equal(pattern_feed(s, (const uint8_t *)"b", 1, &fired), 1);
	assert_int_equal(fired.bits[0], 2);
	pattern_set_free(s);
}

static void test_errors(void **state)
{
	(void)state;
	assert_refused("a(b", "column 2: this ( has no )");
	assert_refused("a)b", "column 2: this ) has no ( (write \\))");
	assert_refused("ab[c", "column 3: this [ has no ]");
	assert_refused("[[:word:]]", "column 2: there is no such character class");
	assert_refused("[[.a.]]", "column 2: collating symbols are not known here");
	assert_refused("[z-a]", "column 2: this range has no such end");
	assert_refused("*a", "column 1: there is nothing to repeat (write \\ before it)");
	assert_refused("a|+", "column 3: there is nothing to repeat (write \\ before it)");
	assert_refused("^*a", "column 2: there is nothing to repeat (write \\ before it)");
	assert_refused("a{2", "column 2: a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	assert_refused("a{,2}", "column 2: a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	assert_refused("a{3,2}", "column 2: a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	assert_refused("a{256}", "column 2: a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	assert_refused("a{0}", "column 2: a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	assert_refused(
		"a||b",
		"column 3: there is nothing to match here (write \\ before | and ) as such)");
	assert_refused(
		"()", "column 2: there is nothing to match here (write \\ before | and ) as such)");
	assert_refused(
		"", "column 1: there is nothing to match here (write \\ before | and ) as such)");
	assert_refused("a\\", "column 2: there is nothing behind this \\");
	assert_refused("\\d", "column 1: \\ goes before punctuation, t (tab) or xHH (a byte) only");
	assert_refused("\\xg0", "column 1: \\x needs two hexadecimal digits");
	assert_refused("a\\x0a", "column 2: no byte of a line matches this");
	assert_refused("a*", "column 1: this matches an empty line, and so every line");
	assert_refused("^$", "column 1: this matches an empty line, and so every line");
	assert_refused("((a{255}){255})b",
		       "column 15: too large: the patterns have more positions than a set may");
}

static void test_bounds(void **state)
{
	struct pattern_set *s = pattern_set_new();
	struct pattern_bits fired;
	char why[128], deep[80];

	(void)state;
	memset(deep, '(', sizeof deep);
	assert_int_equal(pattern_set_add(s, deep, sizeof deep, why, sizeof why), -1);
	assert_string_equal(why, "column 33: groups are nested too deeply");
	for (int i = 0; i < PATTERNS_MAX; i++)
		assert_int_equal(pattern_set_add(s, "b", 1, why, sizeof why), i);
	assert_int_equal(pattern_set_add(s, "b", 1, why, sizeof why), -1);
	assert_string_equal(why, "column 1: too many patterns: a set has at most 128");
	assert_int_equal(pattern_feed(s, (const uint8_t *)"ab", 2, &fired), 2);
	assert_true(fired.bits[0] == UINT64_MAX && fired.bits[1] == UINT64_MAX);
	pattern_set_free(s);

	/* A set filled to the last position works. */
	s = pattern_set_new();
	for (int i = 0; i < 16; i++)
		assert_int_equal(pattern_set_add(s, "a{255}", 6, why, sizeof why), i);
	assert_int_equal(s->nfa.node_count, PATTERN_POSITIONS_MAX);
	for (int i = 1; i < 255; i++)
		assert_int_equal(pattern_feed(s, (const uint8_t *)"a", 1, &fired) + !!fired.bits[0],
				 1);
	assert_int_equal(pattern_feed(s, (const uint8_t *)"a", 1, &fired), 1);
	assert_int_equal(fired.bits[0], 0xffff);
	pattern_set_free(s);
}

static void test_once_a_line(void **state)
{
	static const char *const regexes[] = {"a", "b", "a.*b$"};
	static const char text[] = "aabba\nab\r\nb";
	static const struct firings want = {8, {{1, 0}, {3, 1}, {7, 0}, {8, 1}, {9, 2}, {11, 1}}};
	struct pattern_set *s = set_of(3, regexes);
	struct firings *got = malloc(sizeof *got);
	struct pattern_bits fired;

	(void)state;
	feed(s, (const uint8_t *)text, sizeof text - 1, 99, got);
	assert_int_equal(got->count, 6);
	assert_memory_equal(got->list, want.list, 6 * sizeof *got->list);
	/* In the middle of a line in which b has fired already; after a reset it fires again. */
	assert_int_equal(pattern_feed(s, (const uint8_t *)"b", 1, &fired), 1);
	assert_int_equal(fired.bits[0], 0);
	pattern_set_reset(s);
	assert_int_equal(pattern_feed(s, (const uint8_t *)"b", 1, &fired), 1);
	assert_int_equal(fired.bits[0], 2);
	assert_int_equal(pattern_feed(s, (const uint8_t *)"", 0, &fired), 0);
	assert_int_equal(fired.bits[0], 0);
	free(got);
	pattern_set_free(s);
}

/* ---- against regcomp ------------------------------------------------------------------- */

struct writer {
	char text[512];
	size_t n;
};

static void put(struct writer *w, const char *s)
{
	size_t n = strlen(s);

	assert_true(w->n + n < sizeof w->text);
	memcpy(w->text + w->n, s, n + 1);
	w->n += n;
}

/* Returns whether there is an anchor in it: glibc loses those of a group that is repeated. */
static bool write_random(struct writer *w, unsigned depth)
{
	static const char *const atoms[] = {"a", "b",	 "c",	 "a",	  ".",
					    " ", "[ab]", "[^a]", "[b-c]", "[[:space:]a]"};
	static const char *const repeats[] = {"*",    "+",     "?",	"{2}",
					      "{1,}", "{0,1}", "{2,3}", "{0,2}"};
	unsigned alternatives = random_below(4) ? 1 : 2;
	bool anchored = false;

	for (unsigned a = 0; a < alternatives; a++) {
		unsigned pieces = 1 + random_below(4);
		unsigned anchors = random_below(8);

		put(w, a ? "|" : "");
		put(w, anchors == 1 ? "^" : "");
		for (unsigned i = 0; i < pieces; i++) {
			bool in_group = false;

			if (depth > 0 && random_below(4) == 0 && w->n < 200) {
				put(w, "(");
				in_group = write_random(w, depth - 1);
				put(w, ")");
			} else {
				put(w, atoms[random_below(sizeof atoms / sizeof *atoms)]);
			}
			if (!in_group && random_below(3) == 0)
				put(w, repeats[random_below(sizeof repeats / sizeof *repeats)]);
			anchored |= in_group;
		}
		put(w, anchors == 2 ? "$" : "");
		anchored |= anchors == 1 || anchors == 2;
	}
	return anchored;
}

/* After how many bytes of the line (N bytes; its end is byte N + 1) REGEX fires; 0: not at all. */
static size_t fires_after(const regex_t *regex, const char *line, size_t n)
{
	char part[64];

	for (size_t len = 1; len <= n; len++) {
		memcpy(part, line, len);
		part[len] = '\0';
		if (regexec(regex, part, 0, NULL, REG_NOTEOL) == 0)
			return len;
	}
	memcpy(part, line, n);
	part[n] = '\0';
	return regexec(regex, part, 0, NULL, 0) == 0 ? n + 1 : 0;
}

static int compare_firings(const void *a, const void *b)
{
	const struct firing *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->pattern < y->pattern ? -1 : x->pattern > y->pattern;
}

/* Write random lines to TEXT, and where N patterns fire in them to WANT. */
static size_t random_lines(const regex_t *regexes, size_t n, char *text, struct firings *want)
{
	size_t len = 0;

	want->count = 0;
	for (int i = 0; i < 20; i++) {
		size_t line = len, line_len = random_below(14);

		for (size_t k = 0; k < line_len; k++)
			text[len++] = "aaabbc x"[random_below(8)];
		for (size_t p = 0; p < n; p++) {
			size_t at = fires_after(&regexes[p], text + line, line_len);

			if (at)
				want->list[want->count++] = (struct firing){line + at, p};
		}
		text[len++] = random_below(2) ? '\n' : '\r';
	}
	qsort(want->list, want->count, sizeof *want->list, compare_firings);
	return len;
}

static void test_against_regcomp(void **state)
{
	struct firings *got = malloc(sizeof *got), *want = malloc(sizeof *want);
	size_t empty = 0, all = 0;

	(void)state;
	for (int round = 0; round < 1500; round++) {
		struct pattern_set *s = pattern_set_new();
		regex_t regexes[8];
		size_t n = 0;
		char text[400], why[128], patterns[2048] = "";

		while (n < 8) {
			struct writer w = {.n = 0};

			write_random(&w, 3);
			assert_int_equal(regcomp(&regexes[n], w.text, REG_EXTENDED | REG_NOSUB), 0);
			if (pattern_set_add(s, w.text, w.n, why, sizeof why) < 0) {
				assert_non_null(strstr(why, "empty line"));
				if (regexec(&regexes[n], "", 0, NULL, 0) != 0)
					fail_msg("%s: %s", w.text, why);
				regfree(&regexes[n]);
				empty++;
				continue;
			}
			if (regexec(&regexes[n], "", 0, NULL, 0) == 0)
				fail_msg("%s matches an empty line", w.text);
			strncat(patterns, w.text, 200);
			strcat(patterns, " # ");
			n++;
		}
		for (int i = 0; i < 4; i++) {
			size_t len = random_lines(regexes, n, text, want);

			feed(s, (const uint8_t *)text, len, i == 0 ? 400 : 5, got);
			assert_same(got, want, patterns);
			all += got->count;
		}
		for (size_t i = 0; i < n; i++)
			regfree(&regexes[i]);
		pattern_set_free(s);
	}
	/* The patterns must match often enough to test something. */
	assert_true(all > 200000 && empty > 500);
	free(got);
	free(want);
}

/* ---- the cache ------------------------------------------------------------------------- */

/* "a, then 12 of [ab], then c" needs 2^13 states, which is more than the cache holds. */
static void test_cache(void **state)
{
	static const char *const regexes[] = {"a[ab]{12}c", "b[ab]{12}d", "x"};
	enum { N = 400000 };
	struct pattern_set *s = set_of(3, regexes);
	struct firings *got = malloc(sizeof *got), *want = malloc(sizeof *want);
	uint8_t *text = malloc(N);
	unsigned done = 0;

	(void)state;
	want->count = 0;
	for (size_t i = 0; i < N; i++) {
		text[i] = (uint8_t) "aaaaaaaabbbbbbbbaaaabbbbaabbabababbaabacd\n"[random_below(42)];
		bool letters = i >= 13 && (text[i] == 'c' || text[i] == 'd');
		unsigned which = text[i] == 'd';

		for (size_t k = 1; letters && k <= 13; k++)
			letters = text[i - k] == 'a' || text[i - k] == 'b';
		if (text[i] == '\n')
			done = 0;
		if (letters && text[i - 13] == (which ? 'b' : 'a') && !(done >> which & 1)) {
			done |= 1u << which;
			want->list[want->count++] = (struct firing){i + 1, which};
		}
	}
	assert_true(want->count > 1000);
	feed(s, text, N, 5000, got);
	assert_same(got, want, "a[ab]{12}c");
	assert_true(s->emptied > 10);
	free(text);
	free(got);
	free(want);
	pattern_set_free(s);
}

/* With the largest sets of nodes only few states fit into the cache; all are used. */
static void test_cache_of_large_states(void **state)
{
	struct pattern_set *s = pattern_set_new();
	struct firings *one = malloc(sizeof *one), *other = malloc(sizeof *other);
	enum { N = 20000 };
	uint8_t *text = malloc(N);
	char why[128];

	(void)state;
	for (int i = 0; i < 15; i++)
		assert_int_equal(pattern_set_add(s, "a.{253}b", 8, why, sizeof why), i);
	for (size_t i = 0; i < N; i++)
		text[i] = i % 4000 ? "ab"[random_below(2)] : '\n';
	feed(s, text, N, N, one);
	assert_true(s->emptied > 10);
	pattern_set_reset(s);
	feed(s, text, N, 7, other);
	assert_true(one->count > 0);
	assert_same(other, one, "in pieces");
	free(text);
	free(one);
	free(other);
	pattern_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),	    cmocka_unit_test(test_lines),
		cmocka_unit_test(test_errors),	    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_once_a_line), cmocka_unit_test(test_against_regcomp),
		cmocka_unit_test(test_cache),	    cmocka_unit_test(test_cache_of_large_states),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
