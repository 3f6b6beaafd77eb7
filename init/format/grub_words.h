/* grub_words.h - lexical analysis of GRUB's script language: quoting, variables, comments. Internal
 * to grub.h.
 *
 * Source: GRUB manual 2.06, chapter 6.1 and 17; its script/yylex.l and script/execute.c.
 */
#ifndef VM_FORMAT_GRUB_WORDS_H
#define VM_FORMAT_GRUB_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A position in a script. */
struct grub_cursor {
	const char *p, *end;
	unsigned line;
};

enum grub_token {
	GRUB_TOKEN_END,
	GRUB_TOKEN_LINE, /* end of a line or a command */
	GRUB_TOKEN_WORD,
	GRUB_TOKEN_OPEN, /* { */
	GRUB_TOKEN_CLOSE,
	GRUB_TOKEN_BAD /* an unclosed quote, or an operator that GRUB does not support */
};

/* The next token at C, which is advanced. For a word, *TEXT and *N are its unexpanded text. */
enum grub_token grub_token(struct grub_cursor *c, const char **text, size_t *n);

#define GRUB_VARIABLES 128
#define GRUB_NAME_MAX  48
#define GRUB_VALUE_MAX 2048
#define GRUB_WORDS_MAX 256
#define GRUB_TEXT_MAX  32768

struct grub_variables {
	struct {
		char name[GRUB_NAME_MAX];
		char value[GRUB_VALUE_MAX];
	} list[GRUB_VARIABLES];
	size_t count;
};

/* The value of NAME (N bytes); "" if it is unset. */
const char *grub_variable(const struct grub_variables *v, const char *name, size_t n);

/* Set NAME (N bytes). False: too many variables, or a name or a value that is too long. */
bool grub_set(struct grub_variables *v, const char *name, size_t n, const char *value);

/* A command's words. */
struct grub_words {
	char *argv[GRUB_WORDS_MAX];
	int argc;
	char text[GRUB_TEXT_MAX];
	size_t used;
};

/* Add the expansion of the word TEXT of N bytes: without quotes, with variables replaced by V's
 * values and the function's arguments PARAMS (NULL: none). Outside of double quotes a value may
 * expand to several words, or none. False: out of space. */
bool grub_expand(const struct grub_variables *v, const struct grub_words *params, const char *text,
		 size_t n, struct grub_words *out);

/* The ARGC words at ARGV in the form in which GRUB passes them to a kernel (lib/cmdline.c), into
 * OUT. False: they do not fit into SIZE. */
bool grub_command_line(int argc, char *const *argv, char *out, size_t size);

#endif
