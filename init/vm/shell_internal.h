/* shell_internal.h - shared by the files of shell.h: shell_line.c (the line, and marks on it),
 * shell_login.c (finding a shell), shell.c (running a command in it), shell_stream.c (a stream of
 * bytes). */
#ifndef VM_VM_SHELL_INTERNAL_H
#define VM_VM_SHELL_INTERNAL_H

#include <stddef.h>

#include "format/console_text.h"
#include "vm/shell.h"

#define MS	   UINT64_C(1000000)
#define QUIET_NS   (150 * MS) /* the last line is a prompt if nothing follows within this time */
#define PROMPT_NS  (50 * MS)  /* the same, if it looks like a prompt */
#define ENTER_NS   (10 * MS)  /* the same, during our own login */
#define QUERY	   "\033[6n"  /* where is the cursor? BusyBox' line editor asks behind its prompt */
#define ANSWER_NS  (3000 * MS) /* a shell answers within this, on a slow host too */
#define SILENCE_NS (1000 * MS) /* no output after a return: send it again */
#define NOISE_NS   (2000 * MS) /* stop waiting for silence after this long */
#define PROMPT_MAX 256

struct session {
	int fd;
	struct session_options w;
	bool logged_in, gone;
	bool entering;	 /* our login is under way: only what it starts can be there */
	char mark[24];	 /* random hexadecimal digits, which need no quoting */
	bool unproved;	 /* session_options.at_once: a prompt is there, but no shell has answered */
	bool last, left; /* session_last(); and the shell has exited because of it */
	bool mark_told;	 /* the shell variable vm_m contains the mark */
	bool mark_used;	 /* by a command */
	char prompt[PROMPT_MAX];     /* the shell's prompt */
	bool refused;		     /* the prompt is back although the command has not run */
	char said[PROMPT_MAX];	     /* the shell's message about that */
	uint64_t last_ns;	     /* time of the last output */
	uint64_t asked_ns;	     /* session_restarted() asked PID 1 then */
	char tail[sizeof QUERY - 1]; /* the last bytes of output, with escape sequences */
	struct console_text strip;
	size_t len, size;
	char *text; /* output since the last line was typed, without escape sequences */
};

/* ---- the line (shell_line.c) ---- */

/* Make room for MORE bytes. */
bool session_grow(struct session *s, size_t more);
/* Read output until END. False if there was none, or the stream has ended. */
bool session_read(struct session *s, uint64_t end);
/* Has the time limit been reached, or has the stream ended? */
bool session_over(const struct session *s);
/* Discard the text. */
void session_discard(struct session *s);
/* Type the N bytes at TEXT in pieces; where the guest echoes, wait for the echo of each. */
void session_type(struct session *s, const char *text, size_t n);
void session_type_line(struct session *s, const char *line);
/* Wait until there was no output for NS, or the end. */
void session_await_quiet(struct session *s, uint64_t ns);
/* The last line, which may be empty. */
const char *session_last_line(const struct session *s);
bool session_ends_with(const char *text, const char *end);
/* Wait until the line has been quiet long enough to recognise a prompt. False: not WITHIN_NS,
 * because the kernel prints continuously. */
bool session_await_quiet_prompt(struct session *s, uint64_t within_ns);

/* ---- marks (shell_line.c) ---- */

/* Choose a new random word for each command: marks are printed more than once (see below), and a
 * late one must not end the next command. */
void session_new_mark(struct session *s);
/* A command that prints WHAT, the mark and TAIL three times in one line of output, because kernel
 * messages can break one of them. The typed form never equals the printed form. sh has the mark
 * from session_mark_set(), because each byte of a line costs the guest two interrupts, one for its
 * echo. */
void session_mark_command(const struct session *s, char what, const char *tail, char *out,
			  size_t size);
/* The same for the question to a shell that is not known yet: the mark is written out, so that
 * machsh under another VM_GUEST answers too; sh gets the mark behind it. */
void session_first_mark(const struct session *s, char what, char *out, size_t size);
/* What stands before the marks of a line for sh: "" if it has the mark already. */
#define MARK_SET 40
const char *session_mark_set(const struct session *s, char out[MARK_SET]);
/* The first printed mark WHAT in the text from FROM on; NULL if there is none yet. */
const char *session_find_mark(const struct session *s, const char *from, char what);
/* The first mark E that is followed by a complete number, which goes to *STATUS. */
const char *session_find_end(const struct session *s, const char *from, int *status);

/* ---- a shell (shell_login.c) ---- */

/* Kind of the last line. */
enum seen { SEEN_NOTHING, SEEN_LOGIN, SEEN_PASSWORD, SEEN_TEXT };
enum seen session_classify_line(const struct session *s);
/* machsh's prompt ends a command, but kernel messages may interleave with it: it is learned when it
 * appeared twice. */
bool session_prove_shell(struct session *s);
/* The shell is back at its prompt PROMPT and silent: it will not continue the line that was typed
 * last. S->said receives its message. */
bool session_refuses(struct session *s, const char *prompt, uint64_t silence_ns);
/* The error for that. */
bool session_refusal(const struct session *s, struct error *err);
/* Has the machine been restarted since the command was typed, and stays silent? Its boot loader may
 * wait for a user. A restart that ends at a login prompt is not one (`vm exec reboot`). */
bool session_restarted(struct session *s, struct error *err);
/* Find a shell; log in if necessary. */
bool session_find_shell(struct session *s, struct error *err);

/* ---- a command (shell.c) ---- */

/* Type COMMAND as an argument of `sh -c`, with REDIRECT after it, between the marks B and E. */
void session_start_sh(struct session *s, const char *command, const char *redirect);
/* Send ^C and wait for the prompt, so that the line can be used again. */
void session_interrupt(struct session *s);
void session_recover(struct session *s);

#endif
