/* prompt.h - is there a prompt on the guest's serial line, so that a command may be sent?
 *
 * Input goes to whatever runs on the line: an editor, `cat >file`. Only the prompt of a login or a
 * shell takes a line without harm. PID 1 sees all output and all input, so it can tell: a prompt
 * was the last line of output, and nothing has been submitted since. Kernel messages after it do
 * not change that; a line, ^C or ^D does, until the next prompt. An echo is not a prompt: while
 * typed characters have not been submitted, none is recognised.
 *
 * A prompt is a last line that ends in `login: `, at once; in `# ` or `$ `, or in a text passed to
 * prompt_learn(), if nothing follows for PROMPT_QUIET_NS. A line that began with a cursor movement
 * belongs to a full-screen program and is not a prompt, until that has left its screen.
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

/* PROMPT_MAYBE: the last line looks like a prompt, and PROMPT_QUIET_NS is not over yet. */
enum prompt_state { PROMPT_NONE, PROMPT_MAYBE, PROMPT_SHOWN };

/* All 0: no output yet. */
struct prompt {
	bool shown;   /* a prompt, and no input submitted since */
	bool ever;    /* a prompt was seen, or input submitted, since the guest's start */
	bool half;    /* input that was not submitted */
	bool placed;  /* the last line began with a cursor movement */
	size_t early; /* input after a possible prompt before PROMPT_QUIET_NS was over, bytes; 0:
			 none */
	size_t echo;  /* output since then, bytes */
	uint8_t escape;
	char left[6];	  /* the last bytes of non-printing sequences: the end of "?1049l" */
	uint64_t last_ns; /* time of the last output */
	struct console_text strip;
	size_t len;
	char line[PROMPT_LINE]; /* the end of the last line */
	char login[PROMPT_LINE];
	unsigned known_next;
	char known[PROMPT_KNOWN][PROMPT_LINE];
};

/* Whether LINE ends like a shell's prompt. */
bool prompt_looks(const char *line);

/* The guest has printed N bytes at NOW_NS; N bytes of input were sent to it. */
void prompt_output(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns);
void prompt_input(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns);

/* prompt_reset(): the guest starts again. prompt_login(): the first login prompt since its start
 * was seen (it may no longer be the last line). prompt_loaded(): a snapshot was loaded at NOW_NS,
 * whose console was in STATE with the prompt LINE as its last line ("": unknown); with
 * PROMPT_MAYBE, PROMPT_QUIET_NS begins again. */
void prompt_reset(struct prompt *p);
void prompt_login(struct prompt *p);
void prompt_loaded(struct prompt *p, enum prompt_state state, const char *line, uint64_t now_ns);

/* A shell's prompt ends in TEXT. The last PROMPT_KNOWN texts are kept. */
void prompt_learn(struct prompt *p, const char *text);

/* A client has seen the prompt TEXT after the end of its command. If that is the whole last line
 * and nothing was typed since, it is a prompt without waiting for silence. */
void prompt_seen(struct prompt *p, const char *text);

/* Whether there is a prompt at NOW_NS. prompt_state(): the same for a saved state. */
bool prompt_shown(struct prompt *p, uint64_t now_ns);
enum prompt_state prompt_state(struct prompt *p, uint64_t now_ns);
/* The last line for a saved state: a prompt, or what may still become one by the output that
 * follows; else "". */
const char *prompt_line(const struct prompt *p);
/* The name in a saved state's manifest; an unknown name, or NULL, is PROMPT_NONE. */
const char *prompt_state_name(enum prompt_state state);
enum prompt_state prompt_state_named(const char *name);

#endif
