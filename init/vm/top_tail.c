/* top_tail.c - the last lines of the console (top.h).
 *
 * A carriage return that does not belong to a line end overwrites the line, as progress indicators
 * do; a backspace removes a character.
 */
#include <string.h>

#include "vm/top.h"

static void add(struct top_tail *t, char c)
{
	size_t at = t->count % TOP_LINES;

	if (t->len[at] < TOP_LINE)
		t->text[at][t->len[at]++] = c;
}

static void end_line(struct top_tail *t)
{
	t->count++;
	t->len[t->count % TOP_LINES] = 0;
}

static void take(struct top_tail *t, char c)
{
	size_t *len = &t->len[t->count % TOP_LINES];

	if (c == '\n') {
		t->returned = false;
		end_line(t);
	} else if (c == '\r') {
		t->returned = true;
	} else if (c == '\b') {
		*len -= *len > 0;
	} else {
		if (t->returned)
			*len = 0;
		t->returned = false;
		add(t, c);
	}
}

void top_tail_feed(struct top_tail *t, uint8_t *buf, size_t n)
{
	if (n == 0)
		return;
	n = console_text_strip(&t->strip, buf, n, buf);
	for (size_t i = 0; i < n; i++)
		take(t, (char)buf[i]);
}

const char *top_tail_line(const struct top_tail *t, size_t back, size_t *len)
{
	if (back > t->count || back >= TOP_LINES)
		return NULL;
	size_t at = (t->count - back) % TOP_LINES;

	*len = t->len[at];
	return t->text[at];
}
