/* prompt.h - is there a prompt on the guest's serial line, so that a command may be typed?
 *
 * Input goes to whatever runs on the line: an editor, `cat >file`. Only the prompt of a login or a
 * shell takes a line without harm. PID 1 sees all output and all input, so it knows: a prompt came
 * as the last line, and nothing has been entered since. Kernel messages after it do not change
 * that; a line, ^C or ^D does, until the next prompt. An echo is no prompt: while typed characters
 * have not been entered, none is recognised.
 *
 * A prompt is a last line that ends in `login: `, at once; in `# ` or `$ `, or in a
 * text that prompt_learn() was given, when nothing follows for
 * PROMPT_QUIET_NS. A line that began by moving the cursor is an editor's and none, until that has
 * left its screen.
 */
#ifndef VM_CONSOLE_PROMPT_H
#define VM_CONSOLE_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/console_text.h"

#define PROMPT_LINE	192
#define PROMPT_KNOWN	4
#define PROMPT_QUIET_NS UINT64_C(50000000)

/* PROMPT_MAYBE: the last line ends as a prompt does, and the quiet behind it is not over yet. */
enum prompt_state { PROMPT_NONE, PROMPT_MAYBE, PROMPT_STANDS };

/* All 0: nothing has come. */
struct prompt {
	bool stands;  /* a prompt, and nothing was entered behind it */
	bool ever;    /* one stood, or something was entered, since the guest's start */
	bool half;    /* something is typed and not entered */
	bool placed;  /* the cursor was taken to the last line */
	size_t early; /* typed behind what may be a prompt, before the quiet; 0: nothing was */
	size_t echo;  /* and what came since */
	uint8_t escape;
	char left[6];	  /* the last bytes of sequences that do not print: the end of "?1049l" */
	uint64_t last_ns; /* when something came last */
	struct console_text strip;
	size_t len;
	char line[PROMPT_LINE]; /* the last one, the end of it */
	char login[PROMPT_LINE];
	unsigned known_next;
	char known[PROMPT_KNOWN][PROMPT_LINE];
};

/* Does LINE end as shells' prompts do? */
bool prompt_looks(const char *line);

/* N bytes came from the guest at NOW_NS; N bytes are typed there. */
void prompt_output(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns);
void prompt_input(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns);

/* The guest starts again: nothing stands. A login prompt has come for the first time since (it may
 * not be the last line any more). Another moment of the guest's life was loaded at NOW_NS, with a
 * console that was as STATE says; PROMPT_MAYBE: the quiet begins anew. */
void prompt_reset(struct prompt *p);
void prompt_login(struct prompt *p);
void prompt_loaded(struct prompt *p, enum prompt_state state, uint64_t now_ns);

/* A shell's prompt ends in TEXT. The last PROMPT_KNOWN of them are kept. */
void prompt_learn(struct prompt *p, const char *text);

/* Does a prompt stand at NOW_NS? prompt_state(): for a state that is saved then. */
bool prompt_stands(struct prompt *p, uint64_t now_ns);
enum prompt_state prompt_state(struct prompt *p, uint64_t now_ns);
/* As a saved state has it; an unknown name, or NULL, is PROMPT_NONE. */
const char *prompt_state_name(enum prompt_state state);
enum prompt_state prompt_state_named(const char *name);

#endif
