/* pattern_parse.c - converts extended regular expressions to nodes of the NFA (pattern.h describes
 * the syntax).
 *
 * A recursive descent parser that writes nodes as it reads. An operator after a part that is
 * already written (a repetition, a |) shifts that part by one node to insert a split before it, or
 * copies it.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "format/pattern_internal.h"

enum { DEPTH_MAX = 32, REPEAT_MAX = 255, UNBOUNDED = -1, NO_NODE = 0xffff };

struct parser {
	struct pattern_set *s;
	const char *begin, *end, *at;
	unsigned depth;
	const char *why, *where; /* the error and its position */
};

static bool parse_alternatives(struct parser *p);

static bool fail(struct parser *p, const char *where, const char *why)
{
	p->where = where;
	p->why = why;
	return false;
}

static bool looking_at(const struct parser *p, char c)
{
	return p->at < p->end && *p->at == c;
}

/* ---- writing nodes --------------------------------------------------------------------- */

static bool emit(struct parser *p, enum op op, size_t arg)
{
	if (p->s->nfa.node_count == NODES)
		return fail(p, p->at, "too large: the patterns have more positions than a set may");
	p->s->nfa.nodes[p->s->nfa.node_count++] =
		(struct pattern_node){.op = (uint8_t)op, .arg = (uint16_t)arg};
	return true;
}

static bool has_target(const struct pattern_node *n)
{
	return n->op == OP_SPLIT || n->op == OP_JUMP;
}

/* Insert a split before the nodes from AT on, the last part of the program. Its target is set
 * later. */
static bool split_before(struct parser *p, size_t at)
{
	struct pattern_node *prog = p->s->nfa.nodes;

	if (!emit(p, OP_SPLIT, 0))
		return false;
	memmove(&prog[at + 1], &prog[at], (p->s->nfa.node_count - 1 - at) * sizeof *prog);
	prog[at] = (struct pattern_node){.op = OP_SPLIT};
	for (size_t i = at + 1; i < p->s->nfa.node_count; i++)
		if (has_target(&prog[i]) && prog[i].arg >= at)
			prog[i].arg++;
	return true;
}

/* Append a copy of the LEN nodes from FROM on, whose targets are among them or directly after them.
 */
static bool copy_nodes(struct parser *p, size_t from, size_t len)
{
	size_t by = p->s->nfa.node_count - from;

	for (size_t i = from; i < from + len; i++) {
		const struct pattern_node *n = &p->s->nfa.nodes[i];

		if (!emit(p, (enum op)n->op, has_target(n) ? n->arg + by : n->arg))
			return false;
	}
	return true;
}

/* Repeat the nodes from START on MIN to MAX times: MIN copies, then optional ones, each after a
 * split to the end; or, if UNBOUNDED, a split back to the start of the last copy. */
static bool repeat(struct parser *p, size_t start, int min, int max)
{
	struct pattern_set *s = p->s;
	size_t len = s->nfa.node_count - start;
	int copies = max != UNBOUNDED ? max : min > 0 ? min : 1;

	if (min == 0 && !split_before(p, start))
		return false;
	for (int i = 1; i < copies; i++)
		if ((i >= min && !emit(p, OP_SPLIT, 0)) || !copy_nodes(p, start + (min == 0), len))
			return false;
	if (max == UNBOUNDED && !emit(p, OP_SPLIT, s->nfa.node_count - len))
		return false;
	for (int i = min; i < copies; i++)
		s->nfa.nodes[start + (size_t)min * len + (size_t)(i - min) * (len + 1)].arg =
			(uint16_t)s->nfa.node_count;
	return true;
}

/* ---- bytes ----------------------------------------------------------------------------- */

static void set_add(struct pattern_bytes *set, unsigned lo, unsigned hi)
{
	for (unsigned b = lo; b <= hi; b++)
		set->bits[b / 64] |= UINT64_C(1) << b % 64;
}

/* By words: musl's memcmp() compares byte by byte, and the markers' expressions need 20,000
 * comparisons. */
static bool same_bytes(const struct pattern_bytes *a, const struct pattern_bytes *b)
{
	return a->bits[0] == b->bits[0] && a->bits[1] == b->bits[1] && a->bits[2] == b->bits[2] &&
	       a->bits[3] == b->bits[3];
}

/* A node that waits for one of SET, without line ends. */
static bool emit_set(struct parser *p, struct pattern_bytes set, const char *where)
{
	struct pattern_set *s = p->s;
	size_t i = 0;

	set.bits[0] &= ~(UINT64_C(1) << '\n' | UINT64_C(1) << '\r');
	if (!(set.bits[0] | set.bits[1] | set.bits[2] | set.bits[3]))
		return fail(p, where, "no byte of a line matches this");
	while (i < s->nfa.byte_set_count && !same_bytes(&s->nfa.byte_sets[i], &set))
		i++;
	if (i == PATTERN_BYTE_SETS_MAX)
		return fail(p, where, "too many different bracket expressions");
	if (i == s->nfa.byte_set_count)
		s->nfa.byte_sets[s->nfa.byte_set_count++] = set;
	return emit(p, OP_BYTE, i);
}

/* Add [:NAME:], whose "[:" has been read, to SET. */
static bool parse_class(struct parser *p, struct pattern_bytes *set)
{
	static const struct {
		const char *name;
		int (*has)(int c);
	} classes[] = {
		{"alpha", isalpha}, {"digit", isdigit}, {"alnum", isalnum}, {"upper", isupper},
		{"lower", islower}, {"space", isspace}, {"blank", isblank}, {"punct", ispunct},
		{"print", isprint}, {"graph", isgraph}, {"cntrl", iscntrl}, {"xdigit", isxdigit},
	};
	size_t left = (size_t)(p->end - p->at);

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		size_t n = strlen(classes[i].name);

		if (left < n + 2 || memcmp(p->at, classes[i].name, n) != 0 ||
		    memcmp(p->at + n, ":]", 2) != 0)
			continue;
		for (int b = 0; b < 128; b++)
			if (classes[i].has(b))
				set_add(set, (unsigned)b, (unsigned)b);
		p->at += n + 2;
		return true;
	}
	return fail(p, p->at - 2, "there is no such character class");
}

/* Add one character of a bracket expression, or a range, to SET. */
static bool parse_range(struct parser *p, struct pattern_bytes *set)
{
	const char *where = p->at;
	uint8_t lo = (uint8_t)*p->at++, hi = lo;

	if (lo == '[' && p->at < p->end && memchr(":.=", *p->at, 3)) {
		if (*p->at++ == ':')
			return parse_class(p, set);
		return fail(p, where, "collating symbols are not known here");
	}
	if (p->end - p->at >= 2 && p->at[0] == '-' && p->at[1] != ']') {
		hi = (uint8_t)p->at[1];
		p->at += 2;
	}
	if (hi < lo || (hi == '[' && lo != hi && p->at < p->end && memchr(":.=", *p->at, 3)))
		return fail(p, where, "this range has no such end");
	set_add(set, lo, hi);
	return true;
}

static bool parse_bracket(struct parser *p)
{
	const char *where = p->at++;
	struct pattern_bytes set = {0};
	bool negated = looking_at(p, '^');

	p->at += negated;
	for (bool first = true; first || !looking_at(p, ']'); first = false) {
		if (p->at == p->end)
			return fail(p, where, "this [ has no ]");
		if (!parse_range(p, &set))
			return false;
	}
	p->at++;
	for (size_t i = 0; negated && i < 4; i++)
		set.bits[i] = ~set.bits[i];
	return emit_set(p, set, where);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found ? (int)(found - digits) : -1;
}

static bool parse_escape(struct parser *p)
{
	const char *where = p->at++;
	struct pattern_bytes set = {0};
	unsigned byte;

	if (p->at == p->end)
		return fail(p, where, "there is nothing behind this \\");
	byte = (uint8_t)*p->at++;
	if (byte == 't') {
		byte = '\t';
	} else if (byte == 'x') {
		if (p->end - p->at < 2 || hex_digit(p->at[0]) < 0 || hex_digit(p->at[1]) < 0)
			return fail(p, where, "\\x needs two hexadecimal digits");
		byte = (unsigned)(hex_digit(p->at[0]) * 16 + hex_digit(p->at[1]));
		p->at += 2;
	} else if (byte > 127 || !ispunct((int)byte)) {
		return fail(p, where, "\\ goes before punctuation, t (tab) or xHH (a byte) only");
	}
	set_add(&set, byte, byte);
	return emit_set(p, set, where);
}

/* ---- structure ------------------------------------------------------------------------- */

static bool parse_group(struct parser *p)
{
	const char *where = p->at++;

	if (++p->depth > DEPTH_MAX)
		return fail(p, where, "groups are nested too deeply");
	if (!parse_alternatives(p))
		return false;
	if (!looking_at(p, ')'))
		return fail(p, where, "this ( has no )");
	p->at++;
	p->depth--;
	return true;
}

static bool parse_atom(struct parser *p)
{
	struct pattern_bytes set = {0};

	switch (*p->at) {
	case '(': return parse_group(p);
	case '[': return parse_bracket(p);
	case '\\': return parse_escape(p);
	case '^': p->at++; return emit(p, OP_BOL, 0);
	case '$': p->at++; return emit(p, OP_EOL, 0);
	case '*':
	case '+':
	case '?':
	case '{': return fail(p, p->at, "there is nothing to repeat (write \\ before it)");
	case '.': set_add(&set, 0, 255); break;
	default: set_add(&set, (uint8_t)*p->at, (uint8_t)*p->at); break;
	}
	p->at++;
	return emit_set(p, set, p->at - 1);
}

/* A number of at most REPEAT_MAX; -1 if there is none. */
static int parse_number(struct parser *p)
{
	int n = -1;

	for (; p->at < p->end && *p->at >= '0' && *p->at <= '9' && n <= REPEAT_MAX; p->at++)
		n = (n < 0 ? 0 : n * 10) + (*p->at - '0');
	return n <= REPEAT_MAX ? n : -1;
}

/* {m}, {m,} or {m,n}; the { has been read. */
static bool parse_bounds(struct parser *p, int *min, int *max)
{
	const char *where = p->at - 1;

	*min = *max = parse_number(p);
	if (looking_at(p, ',')) {
		p->at++;
		*max = looking_at(p, '}') ? UNBOUNDED : parse_number(p);
		if (*max < 0 && !looking_at(p, '}'))
			*min = -1;
	}
	if (*min < 0 || !looking_at(p, '}') || *max == 0 || (*max > 0 && *max < *min))
		return fail(p, where, "a repetition is {m}, {m,} or {m,n}, of 1 to 255 times");
	p->at++;
	return true;
}

static bool parse_piece(struct parser *p)
{
	size_t start = p->s->nfa.node_count;
	bool anchor = *p->at == '^' || *p->at == '$';
	int min = 0, max = UNBOUNDED;

	if (!parse_atom(p))
		return false;
	if (anchor || p->at == p->end)
		return true;
	switch (*p->at) {
	case '*': break;
	case '+': min = 1; break;
	case '?': max = 1; break;
	case '{': break;
	default: return true;
	}
	if (*p->at++ == '{' && !parse_bounds(p, &min, &max))
		return false;
	return repeat(p, start, min, max);
}

static bool parse_sequence(struct parser *p)
{
	const char *where = p->at;

	while (p->at < p->end && *p->at != '|' && *p->at != ')')
		if (!parse_piece(p))
			return false;
	return p->at > where ||
	       fail(p, where, "there is nothing to match here (write \\ before | and ) as such)");
}

static bool parse_alternatives(struct parser *p)
{
	struct pattern_set *s = p->s;
	size_t jumps = NO_NODE; /* to the end, each containing the previous one */

	for (;;) {
		size_t start = s->nfa.node_count;

		if (!parse_sequence(p))
			return false;
		if (!looking_at(p, '|'))
			break;
		p->at++;
		if (!split_before(p, start) || !emit(p, OP_JUMP, jumps))
			return false;
		jumps = s->nfa.node_count - 1;
		s->nfa.nodes[start].arg = (uint16_t)s->nfa.node_count;
	}
	while (jumps != NO_NODE) {
		size_t before = s->nfa.nodes[jumps].arg;

		s->nfa.nodes[jumps].arg = (uint16_t)s->nfa.node_count;
		jumps = before;
	}
	return true;
}

static bool matches_empty(struct pattern_set *s, size_t start)
{
	size_t match = s->nfa.node_count - 1;

	memset(s->next, 0, sizeof s->next);
	pattern_reach(s, start, AT_BOL | AT_EOL, s->next);
	return s->next[match / 64] >> match % 64 & 1;
}

static bool parse_pattern(struct parser *p)
{
	struct pattern_set *s = p->s;
	size_t start = s->nfa.node_count;

	if (s->nfa.patterns == PATTERNS_MAX)
		return fail(p, p->at, "too many patterns: a set has at most 128");
	if (!parse_alternatives(p))
		return false;
	if (p->at < p->end)
		return fail(p, p->at, "this ) has no ( (write \\))");
	if (!emit(p, OP_MATCH, s->nfa.patterns))
		return false;
	if (matches_empty(s, start))
		return fail(p, p->begin, "this matches an empty line, and so every line");
	s->nfa.start[s->nfa.patterns++] = (uint16_t)start;
	return true;
}

int pattern_set_add(struct pattern_set *s, const char *regex, size_t n, char *why, size_t why_size)
{
	struct parser p = {.s = s, .begin = regex, .end = regex + n, .at = regex};
	size_t nodes = s->nfa.node_count, byte_sets = s->nfa.byte_set_count;

	if (!parse_pattern(&p)) {
		s->nfa.node_count = nodes;
		s->nfa.byte_set_count = byte_sets;
		(void)snprintf(why, why_size, "column %zu: %s", (size_t)(p.where - regex) + 1,
			       p.why);
		return -1;
	}
	s->ready = false;
	return (int)s->nfa.patterns - 1;
}
