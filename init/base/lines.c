/* lines.c - see lines.h. */
#include "base/lines.h"

#include <string.h>

void line_feed(struct line *l, const char *buf, size_t n, line_done *done, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || l->len == sizeof l->text - 1)
			line_end(l, done, arg);
		if ((unsigned char)buf[i] >= ' ')
			l->text[l->len++] = buf[i];
	}
}

void line_end(struct line *l, line_done *done, void *arg)
{
	if (l->len == 0)
		return;
	l->text[l->len] = '\0';
	l->len = 0;
	done(arg, l->text);
}

void tail_feed(struct tail *t, const char *buf, size_t n)
{
	const size_t room = sizeof t->text - 1;
	size_t keep = n > room ? room : n;
	size_t old = t->len + keep > room ? room - keep : t->len;

	memmove(t->text, t->text + (t->len - old), old);
	memcpy(t->text + old, buf + (n - keep), keep);
	t->len = old + keep;
	t->text[t->len] = '\0';
}

const char *tail_line(const struct tail *t, size_t *len)
{
	size_t end = t->len;

	while (end > 0 && (t->text[end - 1] == '\n' || t->text[end - 1] == '\r'))
		end--;
	size_t start = end;

	while (start > 0 && t->text[start - 1] != '\n')
		start--;
	*len = end - start;
	return t->text + start;
}
