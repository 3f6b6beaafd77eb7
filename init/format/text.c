/* text.c - see text.h. */
#include "format/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Make room for N more bytes and a NUL. */
static bool make_room(struct text *t, size_t n)
{
	size_t room = t->room ? t->room : 1024;

	while (room - t->len <= n)
		room *= 2;
	if (room == t->room)
		return true;
	char *bytes = realloc(t->bytes, room);

	if (!bytes) {
		t->failed = true;
		return false;
	}
	t->bytes = bytes;
	t->room = room;
	return true;
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || t->failed || !make_room(t, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(t->bytes + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void text_add_json(struct text *t, const struct json_member *members)
{
	size_t n = 0;

	for (size_t room = 1024; !t->failed && n == 0 && make_room(t, room); room *= 2)
		n = json_write(t->bytes + t->len, t->room - t->len, members);
	t->len += n;
}

void text_list_add(struct text *t, const struct json_member *members)
{
	text_add(t, t->len > 0 ? "," : "[");
	text_add_json(t, members);
}

const char *text_list_end(struct text *t)
{
	text_add(t, t->len > 0 ? "]" : "[]");
	return t->failed ? "[]" : t->bytes;
}

void text_add_xml(struct text *t, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&': text_add(t, "&amp;"); break;
		case '<': text_add(t, "&lt;"); break;
		case '>': text_add(t, "&gt;"); break;
		case '"': text_add(t, "&quot;"); break;
		default:
			if ((unsigned char)*s < ' ')
				text_add(t, "&#xfffd;");
			else
				text_add(t, "%c", *s);
		}
}

void text_free(struct text *t)
{
	free(t->bytes);
	*t = (struct text){0};
}
