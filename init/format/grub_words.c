/* grub_words.c - see grub_words.h. */
#include "format/grub_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- tokens ---------------------------------------------------------------------------------- */

static void skip_blanks(struct grub_cursor *c)
{
	while (c->p < c->end) {
		if (*c->p == ' ' || *c->p == '\t' || *c->p == '\r') {
			c->p++;
		} else if (*c->p == '\\' && c->end - c->p >= 2 && c->p[1] == '\n') {
			c->p += 2;
			c->line++;
		} else if (*c->p == '#') {
			while (c->p < c->end && *c->p != '\n')
				c->p++;
		} else {
			return;
		}
	}
}

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';';
}

/* The position after the closing quote of the text at P; NULL: there is none. */
static const char *behind_quote(struct grub_cursor *c, const char *p, char quote)
{
	for (; p < c->end; p++) {
		c->line += *p == '\n';
		if (*p == quote)
			return p + 1;
		if (*p == '\\' && quote == '"' && c->end - p >= 2) {
			p++;
			c->line += *p == '\n';
		}
	}
	return NULL;
}

static bool take_word(struct grub_cursor *c)
{
	const char *p = c->p;

	while (p && p < c->end && !ends_word(*p)) {
		if (*p == '\'' || *p == '"') {
			p = behind_quote(c, p + 1, *p);
			continue;
		}
		if (strchr("|&<>", *p) || *p == '\0')
			return false;
		if (*p == '\\' && c->end - p >= 2) {
			p++;
			c->line += *p == '\n';
		}
		p++;
	}
	if (p)
		c->p = p;
	return p != NULL;
}

enum grub_token grub_token(struct grub_cursor *c, const char **text, size_t *n)
{
	skip_blanks(c);
	*text = c->p;
	*n = 0;
	if (c->p >= c->end)
		return GRUB_TOKEN_END;
	if (*c->p == '\n' || *c->p == ';') {
		c->line += *c->p++ == '\n';
		return GRUB_TOKEN_LINE;
	}
	if (!take_word(c))
		return GRUB_TOKEN_BAD;
	*n = (size_t)(c->p - *text);
	if (*n == 1 && **text == '{')
		return GRUB_TOKEN_OPEN;
	return *n == 1 && **text == '}' ? GRUB_TOKEN_CLOSE : GRUB_TOKEN_WORD;
}

/* ---- variables ------------------------------------------------------------------------------- */

const char *grub_variable(const struct grub_variables *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->count; i++)
		if (strlen(v->list[i].name) == n && memcmp(v->list[i].name, name, n) == 0)
			return v->list[i].value;
	return "";
}

bool grub_set(struct grub_variables *v, const char *name, size_t n, const char *value)
{
	size_t i = 0;

	if (n == 0 || n >= GRUB_NAME_MAX || strlen(value) >= GRUB_VALUE_MAX)
		return false;
	while (i < v->count &&
	       (strlen(v->list[i].name) != n || memcmp(v->list[i].name, name, n) != 0))
		i++;
	if (i == GRUB_VARIABLES)
		return false;
	memcpy(v->list[i].name, name, n);
	v->list[i].name[n] = '\0';
	memmove(v->list[i].value, value, strlen(value) + 1);
	v->count += i == v->count;
	return true;
}

/* ---- expansion ------------------------------------------------------------------------------- */

struct expansion {
	const struct grub_variables *variables;
	const struct grub_words *params;
	struct grub_words *out;
	bool open;   /* a word has begun */
	bool failed; /* out of space */
};

static void begin(struct expansion *e)
{
	struct grub_words *w = e->out;

	if (e->open || e->failed)
		return;
	if (w->argc == GRUB_WORDS_MAX - 1 || w->used >= sizeof w->text - 1) {
		e->failed = true;
		return;
	}
	w->argv[w->argc++] = w->text + w->used;
	e->open = true;
}

static void put(struct expansion *e, char c)
{
	begin(e);
	if (e->out->used >= sizeof e->out->text - 1)
		e->failed = true;
	if (!e->failed)
		e->out->text[e->out->used++] = c;
}

static void finish(struct expansion *e)
{
	if (e->open && !e->failed)
		e->out->text[e->out->used++] = '\0';
	e->open = false;
}

static void put_value(struct expansion *e, const char *value, bool quoted)
{
	for (; *value; value++)
		if (!quoted && (*value == ' ' || *value == '\t' || *value == '\n'))
			finish(e);
		else
			put(e, *value);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Expand the variable after the dollar at P, before END. Returns the position after it. */
static const char *put_variable(struct expansion *e, const char *p, const char *end, bool quoted)
{
	bool braced = p < end && *p == '{';
	const char *name = p + braced;
	const char *q = name;

	if (braced)
		while (q < end && *q != '}')
			q++;
	else if (q < end && isdigit((unsigned char)*q))
		q++;
	else
		while (q < end && is_name(*q))
			q++;
	size_t n = (size_t)(q - name);

	if (n == 0 || (braced && q == end)) { /* a literal dollar */
		put(e, '$');
		return p;
	}
	if (n == 1 && isdigit((unsigned char)*name)) {
		int i = *name - '0';

		if (e->params && i < e->params->argc)
			put_value(e, e->params->argv[i], quoted);
	} else {
		put_value(e, grub_variable(e->variables, name, n), quoted);
	}
	return q + braced;
}

/* Expand the text in double quotes from P to END. */
static void put_quoted(struct expansion *e, const char *p, const char *end)
{
	while (p < end) {
		if (*p == '\\' && end - p >= 2 && strchr("$\"\\\n", p[1])) {
			if (p[1] != '\n')
				put(e, p[1]);
			p += 2;
		} else if (*p == '$') {
			p = put_variable(e, p + 1, end, true);
		} else {
			put(e, *p++);
		}
	}
}

bool grub_expand(const struct grub_variables *v, const struct grub_words *params, const char *text,
		 size_t n, struct grub_words *out)
{
	struct expansion e = {.variables = v, .params = params, .out = out};
	struct grub_cursor c = {.end = text + n};

	for (const char *p = text; p < c.end && !e.failed;) {
		if (*p == '\'' || *p == '"') {
			const char *from = p + 1;
			char quote = *p;

			p = behind_quote(&c, from, quote);
			if (!p)
				return false;
			begin(&e);
			if (quote == '"')
				put_quoted(&e, from, p - 1);
			else
				while (from < p - 1)
					put(&e, *from++);
		} else if (*p == '$' && p + 1 < c.end && p[1] == '"') { /* a translatable text */
			p++;
		} else if (*p == '$') {
			p = put_variable(&e, p + 1, c.end, false);
		} else if (*p == '\\' && c.end - p >= 2) {
			if (p[1] != '\n')
				put(&e, p[1]);
			p += 2;
		} else {
			put(&e, *p++);
		}
	}
	finish(&e);
	return !e.failed;
}

/* ---- a kernel's command line ----------------------------------------------------------------- */

static bool is_hex_escape(const char *p)
{
	return p[0] == '\\' && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
	       isxdigit((unsigned char)p[3]);
}

bool grub_command_line(int argc, char *const *argv, char *out, size_t size)
{
	size_t used = 0;

	for (int i = 0; i < argc; i++) {
		bool space = strchr(argv[i], ' ') != NULL;

		/* Each byte may become two; plus two quotes, a blank and the end. */
		if (used + 2 * strlen(argv[i]) + 4 > size)
			return false;
		if (i > 0)
			out[used++] = ' ';
		if (space)
			out[used++] = '"';
		for (const char *p = argv[i]; *p; p++) {
			if (is_hex_escape(p)) {
				memcpy(out + used, p, 4);
				used += 4;
				p += 3;
				continue;
			}
			if (*p == '\\' || *p == '\'' || *p == '"')
				out[used++] = '\\';
			out[used++] = *p;
		}
		if (space)
			out[used++] = '"';
	}
	if (used >= size)
		return false;
	out[used] = '\0';
	return true;
}
