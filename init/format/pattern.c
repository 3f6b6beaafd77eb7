/* pattern.c - see pattern.h: the DFA, built on demand, and the stream.
 *
 * Bytes that no pattern distinguishes form a class; a state of the DFA has one cell for each class.
 * Computing an unknown cell costs one step of the NFA: a few operations on bit sets, because nearly
 * all nodes are links of a chain (the characters of a word), for which a step is a shift.
 */
#include "format/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "format/pattern_internal.h"

enum { LINE_END = 0, FIRST_STATE = 1 };

struct pattern_set *pattern_set_new(void)
{
	return calloc(1, sizeof(struct pattern_set));
}

struct pattern_set *pattern_set_of(const struct pattern_program *program)
{
	struct pattern_set *s = pattern_set_new();

	if (!s)
		return NULL;
	/* Copy the used parts only: untouched pages of the allocation cost nothing. */
	memcpy(s->nfa.nodes, program->nodes, program->node_count * sizeof *program->nodes);
	memcpy(s->nfa.byte_sets, program->byte_sets,
	       program->byte_set_count * sizeof *program->byte_sets);
	memcpy(s->nfa.start, program->start, program->patterns * sizeof *program->start);
	s->nfa.node_count = program->node_count;
	s->nfa.byte_set_count = program->byte_set_count;
	s->nfa.patterns = program->patterns;
	return s;
}

const struct pattern_program *pattern_set_program(const struct pattern_set *s)
{
	return &s->nfa;
}

void pattern_set_free(struct pattern_set *s)
{
	free(s);
}

static bool any(const struct pattern_bits *b)
{
	return b->bits[0] | b->bits[1];
}

static void set_bit(uint64_t *set, size_t i)
{
	set[i / 64] |= UINT64_C(1) << i % 64;
}

/* Clear the lowest bit of *WORD, word W of a set. Returns its index in the set. */
static size_t take_bit(uint64_t *word, size_t w)
{
	size_t i = w * 64 + (size_t)__builtin_ctzll(*word);

	*word &= *word - 1;
	return i;
}

/* ---- the NFA --------------------------------------------------------------------------- */

void pattern_reach(struct pattern_set *s, size_t from, unsigned anchors, uint64_t *out)
{
	size_t ways[2] = {from}, count = 1, top = 0;

	for (;;) {
		while (count > 0) {
			size_t i = ways[--count];

			if (out[i / 64] >> i % 64 & 1)
				continue;
			set_bit(out, i);
			s->stack[top++] = (uint16_t)i;
		}
		if (top == 0)
			return;
		size_t i = s->stack[--top];
		enum op op = (enum op)s->nfa.nodes[i].op;

		if (op == OP_SPLIT || op == OP_JUMP)
			ways[count++] = s->nfa.nodes[i].arg;
		if (op == OP_SPLIT || (op == OP_BOL && anchors & AT_BOL) ||
		    (op == OP_EOL && anchors & AT_EOL))
			ways[count++] = i + 1;
	}
}

/* Leave in SET only nodes that are stored in sets. */
static void trim(const struct pattern_set *s, uint64_t *set)
{
	for (size_t w = 0; w < s->words; w++)
		set[w] &= s->mask.kept[w];
}

/* s->next becomes the result of a byte of class C in FROM. */
static void step(struct pattern_set *s, const uint64_t *from, size_t c)
{
	const uint64_t *takes = s->takes + c * s->words;
	uint64_t carry = 0;

	memcpy(s->next, s->mask.anywhere, s->words * sizeof *s->next);
	for (size_t w = 0; w < s->words; w++) {
		uint64_t hit = from[w] & takes[w];
		uint64_t chain = hit & s->mask.chain[w];

		s->next[w] |= chain << 1 | carry;
		carry = chain >> 63;
		for (uint64_t rest = hit & ~chain; rest;)
			pattern_reach(s, take_bit(&rest, w) + 1, 0, s->next);
	}
	trim(s, s->next);
}

/* The patterns whose match nodes are in SET. */
static struct pattern_bits matched(const struct pattern_set *s, const uint64_t *set)
{
	struct pattern_bits found = {{0}};

	for (size_t w = 0; w < s->words; w++)
		for (uint64_t word = set[w] & s->mask.match[w]; word;)
			set_bit(found.bits, s->nfa.nodes[take_bit(&word, w)].arg);
	return found;
}

/* The patterns that match if the line ends at SET. Overwrites s->next. */
static struct pattern_bits matched_at_eol(struct pattern_set *s, const uint64_t *set)
{
	uint64_t waiting = 0;

	for (size_t w = 0; w < s->words; w++)
		waiting |= set[w] & s->mask.eol[w];
	if (!waiting)
		return (struct pattern_bits){{0}};
	memset(s->next, 0, s->words * sizeof *s->next);
	for (size_t w = 0; w < s->words; w++)
		for (uint64_t word = set[w] & s->mask.eol[w]; word;)
			pattern_reach(s, take_bit(&word, w), AT_EOL, s->next);
	return matched(s, s->next);
}

/* ---- the DFA's states ------------------------------------------------------------------ */

static uint16_t *hash_place(struct pattern_set *s, const uint64_t *set)
{
	size_t size = s->words * sizeof *set;
	uint64_t h = 0;

	for (size_t w = 0; w < s->words; w++)
		h = ((h ^ h >> 32) ^ set[w]) * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = (h >> 32) % HASH;; i = (i + 1) % HASH)
		if (!s->hash[i] || memcmp(s->sets + s->hash[i] * s->words, set, size) == 0)
			return &s->hash[i];
}

static void add_state(struct pattern_set *s, uint16_t *place, const uint64_t *set)
{
	size_t i = s->states++;
	uint64_t *kept = s->sets + i * s->words;

	*place = (uint16_t)i;
	memcpy(kept, set, s->words * sizeof *set);
	memset(s->rows + i * s->classes, 0, s->classes * sizeof *s->rows);
	s->info[i].accept = matched(s, kept);
	s->info[i].eol = matched_at_eol(s, kept);
}

static void empty_cache(struct pattern_set *s)
{
	memset(s->hash, 0, sizeof s->hash);
	s->states = FIRST_STATE;
	s->emptied++;
	add_state(s, hash_place(s, s->mask.line_start), s->mask.line_start);
}

/* The state for the set s->next. */
static size_t state_of_next(struct pattern_set *s)
{
	uint16_t *place = hash_place(s, s->next);

	if (!*place && s->states == s->capacity) {
		uint64_t set[WORDS];

		memcpy(set, s->next, s->words * sizeof *set);
		empty_cache(s);
		memcpy(s->next, set, s->words * sizeof *set);
		place = hash_place(s, s->next);
	}
	if (!*place)
		add_state(s, place, s->next);
	return *place;
}

/* Compute the cell of class C in the present state's row. If the cache is emptied, that row may
 * belong to another state afterwards. */
static int32_t learn(struct pattern_set *s, size_t c)
{
	size_t from = s->at / s->classes, to = FIRST_STATE;
	uint32_t emptied = s->emptied;
	bool fires;

	if (c == LINE_END) {
		fires = any(&s->info[from].eol);
	} else {
		step(s, s->sets + from * s->words, c);
		to = state_of_next(s);
		fires = any(&s->info[to].accept);
	}
	int32_t cell = (int32_t)(to * s->classes);

	if (fires)
		cell = -cell;
	if (emptied == s->emptied)
		s->rows[s->at + c] = cell;
	return cell;
}

/* ---- preparing a set ------------------------------------------------------------------- */

static bool in_set(const struct pattern_bytes *set, size_t b)
{
	return set->bits[b / 64] >> b % 64 & 1;
}

/* Split the bytes into classes by every byte set. Class 0 is that of line ends, which no set
 * contains. */
static void make_classes(struct pattern_set *s)
{
	s->classes = 2;
	for (size_t b = 0; b < 256; b++)
		s->class_of[b] = b != '\n' && b != '\r';
	for (size_t i = 0; i < s->nfa.byte_set_count; i++) {
		uint8_t inside[256] = {0}; /* class of the bytes that are in the set; 0: none yet */
		bool outside[256] = {false};

		for (size_t b = 0; b < 256; b++)
			if (!in_set(&s->nfa.byte_sets[i], b))
				outside[s->class_of[b]] = true;
		for (size_t b = 0; b < 256; b++) {
			uint8_t *c = &s->class_of[b];

			if (!in_set(&s->nfa.byte_sets[i], b) || !outside[*c])
				continue;
			if (!inside[*c])
				inside[*c] = (uint8_t)s->classes++;
			*c = inside[*c];
		}
	}
}

static void make_masks(struct pattern_set *s)
{
	memset(&s->mask, 0, sizeof s->mask);
	for (size_t i = 0; i < s->nfa.node_count; i++) {
		enum op op = (enum op)s->nfa.nodes[i].op;

		if (op == OP_SPLIT || op == OP_JUMP || op == OP_BOL)
			continue;
		set_bit(s->mask.kept, i);
		if (op == OP_MATCH)
			set_bit(s->mask.match, i);
		else if (op == OP_EOL)
			set_bit(s->mask.eol, i);
		if (i > 0 && s->nfa.nodes[i - 1].op == OP_BYTE)
			set_bit(s->mask.chain, i - 1);
	}
	for (size_t i = 0; i < s->nfa.patterns; i++) {
		pattern_reach(s, s->nfa.start[i], AT_BOL, s->mask.line_start);
		pattern_reach(s, s->nfa.start[i], 0, s->mask.anywhere);
	}
	trim(s, s->mask.line_start);
	trim(s, s->mask.anywhere);
}

static void make_takes(struct pattern_set *s)
{
	uint8_t sample[256] = {0};

	memset(s->takes, 0, s->classes * s->words * sizeof *s->takes);
	for (size_t b = 0; b < 256; b++)
		sample[s->class_of[b]] = (uint8_t)b;
	for (size_t i = 0; i < s->nfa.node_count; i++)
		for (size_t c = 0; s->nfa.nodes[i].op == OP_BYTE && c < s->classes; c++)
			if (in_set(&s->nfa.byte_sets[s->nfa.nodes[i].arg], sample[c]))
				set_bit(s->takes + c * s->words, i);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void make_ready(struct pattern_set *s)
{
	s->words = (s->nfa.node_count + 63) / 64 + (s->nfa.node_count == 0);
	make_classes(s);
	make_masks(s);
	make_takes(s);
	s->capacity = smaller(STATES + 1, smaller(ROW_CELLS / s->classes, SET_WORDS / s->words));
	empty_cache(s);
	s->ready = true;
	pattern_set_reset(s);
}

/* ---- the stream ------------------------------------------------------------------------ */

void pattern_set_reset(struct pattern_set *s)
{
	s->at = (uint32_t)(FIRST_STATE * s->classes);
	s->done = (struct pattern_bits){{0}};
}

/* Consume bytes while the cells are known and nothing matches. Returns how many. */
static size_t run(struct pattern_set *s, const uint8_t *buf, size_t n)
{
	const uint8_t *p = buf, *end = buf + n;
	uint32_t at = s->at;

	for (; p < end; p++) {
		int32_t cell = s->rows[at + s->class_of[*p]];

		if (cell <= 0)
			break;
		at = (uint32_t)cell;
	}
	s->at = at;
	return (size_t)(p - buf);
}

/* Consume one byte of class C. */
static struct pattern_bits take(struct pattern_set *s, size_t c)
{
	struct pattern_bits fired = {{0}};
	int32_t cell = s->rows[s->at + c];

	if (cell == 0)
		cell = learn(s, c);
	if (cell < 0) {
		cell = -cell;
		fired = c == LINE_END ? s->info[s->at / s->classes].eol
				      : s->info[(size_t)cell / s->classes].accept;
	}
	s->at = (uint32_t)cell;
	for (size_t i = 0; i < sizeof fired.bits / sizeof *fired.bits; i++) {
		fired.bits[i] &= ~s->done.bits[i];
		s->done.bits[i] = c == LINE_END ? 0 : s->done.bits[i] | fired.bits[i];
	}
	return fired;
}

size_t pattern_feed(struct pattern_set *s, const uint8_t *buf, size_t n, struct pattern_bits *fired)
{
	size_t i = 0;

	*fired = (struct pattern_bits){{0}};
	if (!s->ready)
		make_ready(s);
	while (i < n && !any(fired)) {
		/* A pattern that has matched must not match again before the line's end. */
		if (!any(&s->done))
			i += run(s, buf + i, n - i);
		if (i < n)
			*fired = take(s, s->class_of[buf[i++]]);
	}
	return i;
}
