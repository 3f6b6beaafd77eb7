/* watch.c - see watch.h. */
#include "guest/watch.h"

#include <string.h>

#define ESC 0x1b

void watch_init(struct watch *w, const char *login)
{
	memset(w, 0, sizeof *w);
	w->login = login;
}

/* Is byte C part of an escape sequence (ECMA-48: ESC, or ESC [ parameters final)? */
static bool in_escape(struct watch *w, uint8_t c)
{
	if (c == ESC) {
		w->escape = 1;
		return true;
	}
	if (w->escape == 1) {
		w->escape = c == '[' ? 2 : 0;
		return true;
	}
	if (w->escape == 2) {
		if (c >= 0x40 && c <= 0x7e)
			w->escape = 0;
		return true;
	}
	return false;
}

bool watch_feed(struct watch *w, const uint8_t *buf, size_t n, uint64_t now)
{
	bool found = false;

	if (n > 0 && w->first_byte_ns == 0)
		w->first_byte_ns = now;
	if (w->ready)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = buf[i];
		bool end_of_line = c == '\n' || c == '\r';

		if (in_escape(w, c))
			continue;
		if (!end_of_line && c >= ' ' && w->len < sizeof w->line - 1)
			w->line[w->len++] = (char)c;
		if (!end_of_line && i + 1 < n)
			continue;
		w->line[w->len] = '\0';
		found |= strstr(w->line, w->login) != NULL;
		if (end_of_line)
			w->len = 0;
	}
	if (found) {
		w->ready = true;
		w->ready_ns = now;
	}
	return found;
}
