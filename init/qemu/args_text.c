/* args_text.c - texts of an argument vector: memory, and a shell's quoting in both directions.
 *
 * Texts follow each other in a->text, each with its NUL, so that the last one can grow.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "qemu/args_parts.h"

/* Open a new, empty argument. */
static void open_argument(struct args *a)
{
	if (a->count == ARGS_MAX || a->used == sizeof a->text) {
		a->full = true;
		return;
	}
	a->argv[a->count++] = a->text + a->used;
	a->argv[a->count] = NULL;
	a->text[a->used++] = '\0';
}

static void grow(struct args *a, const char *fmt, va_list ap)
{
	if (a->full)
		return;
	size_t end = a->used - 1; /* the NUL of the last argument */
	size_t room = sizeof a->text - end;
	int n = vsnprintf(a->text + end, room, fmt, ap);

	if (n < 0 || (size_t)n >= room)
		a->full = true;
	else
		a->used += (size_t)n;
}

void args_add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	open_argument(a);
	va_start(ap, fmt);
	grow(a, fmt, ap);
	va_end(ap);
}

void args_more(struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	grow(a, fmt, ap);
	va_end(ap);
}

void args_more_escaped(struct args *a, const char *text)
{
	for (; *text; text++)
		args_more(a, "%s%c", *text == ',' ? "," : "", *text);
}

void args_option(struct args *a, const char *option, const char *fmt, ...)
{
	va_list ap;

	args_add(a, "%s", option);
	open_argument(a);
	va_start(ap, fmt);
	grow(a, fmt, ap);
	va_end(ap);
}

/* Copy quoted text from P (after the opening QUOTE) on. Returns what follows the closing quote,
 * NULL if there is none. */
static const char *split_quoted(struct args *a, const char *p, char quote)
{
	for (; *p != quote; p++) {
		if (!*p)
			return NULL;
		if (quote == '"' && *p == '\\' && p[1] && strchr("$`\"\\\n", p[1]) && *++p == '\n')
			continue; /* a backslash joins lines */
		args_more(a, "%c", *p);
	}
	return p + 1;
}

/* Copy one word from P on. Returns what follows it, NULL for an open quote. */
static const char *split_word(struct args *a, const char *p)
{
	args_add(a, "%s", "");
	while (p && *p && !strchr(" \t\n", *p)) {
		if (*p == '\'' || *p == '"') {
			p = split_quoted(a, p + 1, *p);
			continue;
		}
		if (*p == '\\' && !*++p)
			return NULL;
		if (*p != '\n') /* after a backslash: lines are joined */
			args_more(a, "%c", *p);
		p++;
	}
	return p;
}

bool args_split(struct args *a, const char *text)
{
	for (;;) {
		text += strspn(text, " \t\n");
		if (text[0] == '\\' && text[1] == '\n') {
			text += 2;
			continue;
		}
		if (!*text)
			return true;
		text = split_word(a, text);
		if (!text)
			return false;
	}
}

const char *args_quote(const char *text, char *buf, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=:,./@%^";
	size_t at = 0;

	if (text[0] && strspn(text, plain) == strlen(text)) {
		(void)snprintf(buf, size, "%s", text);
		return buf;
	}
	buf[at++] = '\'';
	for (; *text; text++) {
		const char *one = *text == '\'' ? "'\\''" : (const char[2]){*text, '\0'};
		size_t len = strlen(one);

		if (at + len + 2 > size)
			break;
		memcpy(buf + at, one, len);
		at += len;
	}
	buf[at++] = '\'';
	buf[at] = '\0';
	return buf;
}

void args_by_firmware(struct args *a)
{
	size_t from = a->direct_at + a->direct_count;

	/* Including the terminating NULL. */
	memmove(a->argv + a->direct_at, a->argv + from, (a->count + 1 - from) * sizeof *a->argv);
	a->count -= a->direct_count;
	a->direct_count = 0;
}

void args_rebase(struct args *a, const struct args *from)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->argv[i] >= from->text && a->argv[i] < from->text + sizeof from->text)
			a->argv[i] = a->text + (a->argv[i] - from->text);
}
