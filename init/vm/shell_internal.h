/* shell_internal.h - shared between the files of shell.h: shell_line.c (the line, and marks
 * on it), shell_login.c (finding a shell), shell.c (running a command in it), shell_stream.c
 * (a stream of bytes).
 */
#ifndef VM_VM_SHELL_INTERNAL_H
#define VM_VM_SHELL_INTERNAL_H

#include <stddef.h>

#include "format/console_text.h"
#include "vm/shell.h"

#define MS	   UINT64_C(1000000)
#define QUIET_NS   (150 * MS)  /* a prompt is what stands there when nothing follows for so long */
#define PROMPT_NS  (50 * MS)   /* the same, when it looks like one */
#define ANSWER_NS  (3000 * MS) /* a shell that is there answers within this, on a slow host too */
#define SILENCE_NS (1000 * MS) /* nothing came after a return: it is sent again */
#define NOISE_NS   (2000 * MS) /* stop waiting for silence after this long */
#define PROMPT_MAX 256

struct session {
	int fd;
	struct session_options w;
	bool logged_in, gone;
	char mark[24];		 /* random hexadecimal digits, which need no quoting */
	char prompt[PROMPT_MAX]; /* the shell's prompt, as seen */
	bool refused;		 /* the shell is at its prompt again and has not run the command */
	char said[PROMPT_MAX];	 /* what it said to that */
	uint64_t last_ns;	 /* when something came last */
	struct console_text strip;
	size_t len, size;
	char *text; /* what came since the last line was typed, without escape sequences */
};

/* ---- the line (shell_line.c) ---- */

/* Make room for MORE bytes. */
bool session_grow(struct session *s, size_t more);
/* Read output until END. False if there was none, or the stream has ended. */
bool session_take(struct session *s, uint64_t end);
/* Is the time up, or has the stream ended? */
bool session_over(const struct session *s);
/* Drop the text. */
void session_forget(struct session *s);
/* Type the N bytes at TEXT, in pieces that the guest's echo confirms where it echoes. */
void session_press(struct session *s, const char *text, size_t n);
void session_type_line(struct session *s, const char *line);
/* Wait until there was no output for NS, or the end. */
void session_settle(struct session *s, uint64_t ns);
/* The last line, which may be empty. */
const char *session_last_line(const struct session *s);
bool session_ends_with(const char *text, const char *end);
/* Wait until the line has been quiet long enough to recognise a prompt. False: not WITHIN_NS,
 * because the kernel prints all the time. */
bool session_settle_prompt(struct session *s, uint64_t within_ns);

/* ---- marks (shell_line.c) ---- */

/* Choose a new random word, for each command: marks are printed more than once (below), and a late
 * one must not end the next command. */
void session_new_mark(struct session *s);
/* `echo "WHAT""mark"TAIL...`, three times over in one line of output: what the kernel prints in
 * between can break one of them. Typed it is never what it prints. */
void session_mark_command(const struct session *s, char what, const char *tail, char *out,
			  size_t size);
/* The first printed mark WHAT in the text from FROM on; NULL if there is none yet. */
const char *session_find_mark(const struct session *s, const char *from, char what);
/* The first mark E with a complete number after it, which goes to *STATUS. */
const char *session_find_end(const struct session *s, const char *from, int *status);

/* ---- a shell (shell_login.c) ---- */

/* Kind of the last line. */
enum seen { SEEN_NOTHING, SEEN_LOGIN, SEEN_PASSWORD, SEEN_TEXT };
enum seen session_look(const struct session *s);
/* machsh's end of a command is seen by its prompt, and the kernel may print into that: it is known
 * when it came twice. */
bool session_prove_shell(struct session *s);
/* The shell is back at its prompt PROMPT, and nothing comes any more: it does not go on with the
 * line that was typed last. What it said goes to S->said. */
bool session_refuses(struct session *s, const char *prompt, uint64_t silence_ns);
/* Its error. */
bool session_refusal(const struct session *s, struct error *err);
/* Find a shell; log in if necessary. */
bool session_find_shell(struct session *s, struct error *err);

/* ---- a command (shell.c) ---- */

/* Type COMMAND as `sh -c` would get it, with REDIRECT behind, between the marks B and E. */
void session_start_sh(struct session *s, const char *command, const char *redirect);
/* Send ^C and wait for the prompt, so that the line can be used again. */
void session_interrupt(struct session *s);
void session_recover(struct session *s);

#endif
