/* pattern_internal.h - shared by pattern_parse.c (expressions to NFA) and pattern.c (NFA to DFA,
 * and the stream). See pattern.h.
 *
 * The NFA is a program as described by Thompson and Pike: every node leads to the next one, and a
 * split or jump to its target, too or instead. A set of nodes is a bit set over the program; only
 * nodes that wait for something (a byte, the line's end) or signal a match are stored in sets.
 */
#ifndef VM_FORMAT_PATTERN_INTERNAL_H
#define VM_FORMAT_PATTERN_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "format/pattern.h"

enum {
	NODES = PATTERN_POSITIONS_MAX,
	WORDS = NODES / 64,
	STATES = 1023,	      /* of the DFA, in the cache at once; fewer if they are large: */
	ROW_CELLS = 96 << 10, /* transitions in total */
	SET_WORDS = 16 << 10, /* words of node sets in total */
	HASH = 2048,
};

enum op {
	OP_BYTE,  /* one of a set of bytes */
	OP_SPLIT, /* the next node and the target */
	OP_JUMP,  /* the target */
	OP_BOL,	  /* ^ */
	OP_EOL,	  /* $ */
	OP_MATCH
};

/* What a state of the DFA says about patterns. */
struct state_info {
	struct pattern_bits accept; /* patterns whose match its last byte completed */
	struct pattern_bits eol;    /* patterns that match if the line ends here */
};

struct pattern_set {
	struct pattern_program nfa;
	bool ready; /* everything below is up to date with the NFA */

	/* bit-parallel steps; `words` words of each set are in use */
	size_t words, classes;
	uint8_t class_of[256];
	uint64_t takes[256 * WORDS]; /* for each class of bytes, the nodes that wait for it */
	struct {
		uint64_t chain[WORDS];	    /* byte nodes that lead only to the next node, which is
					       stored in sets */
		uint64_t kept[WORDS];	    /* nodes that are stored in sets */
		uint64_t match[WORDS];	    /* match nodes */
		uint64_t eol[WORDS];	    /* $ nodes */
		uint64_t line_start[WORDS]; /* where a match may begin at the start of a line */
		uint64_t anywhere[WORDS];   /* and later in a line */
	} mask;
	uint64_t next[WORDS]; /* the set being built */
	uint16_t stack[NODES];

	/* the DFA so far: state i has the transitions rows[i * classes …], a cell for each class:
	 * 0 not known yet, the next state's place in rows, or minus that if patterns fire. State 0
	 * is not used, state 1 is the start of a line. */
	size_t states, capacity;
	uint32_t emptied; /* number of times the cache was emptied */
	int32_t rows[ROW_CELLS];
	uint64_t sets[SET_WORDS];
	struct state_info info[STATES + 1];
	uint16_t hash[HASH]; /* states by their sets; 0: free */

	/* the stream so far */
	uint32_t at;		  /* offset of the present state in rows */
	struct pattern_bits done; /* reported in this line */
};

enum { AT_BOL = 1, AT_EOL = 2 };

/* Add to OUT the nodes reachable from node FROM without a byte, including itself; ANCHORS says
 * which of AT_BOL and AT_EOL may be passed. Nodes that are in OUT already are not followed. */
void pattern_reach(struct pattern_set *s, size_t from, unsigned anchors, uint64_t *out);

#endif
