/* expect_match.c - see expect_match.h. */
#include "vm/expect_match.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

static void remember(struct watch *w, const uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool end = text[i] == '\n' || text[i] == '\r';

		if (end && w->len > 0) {
			w->line[w->len] = '\0';
			memcpy(w->last, w->line, sizeof w->last);
			w->len = 0;
		} else if (!end && w->len < sizeof w->line - 1) {
			w->line[w->len++] = (char)text[i];
		}
	}
	w->line[w->len] = '\0';
}

/* Match the buffered output. Returns the number of the expression that matched, or WATCH_TIMEOUT.
 */
static int look(struct watch *w, struct pattern_set *set)
{
	struct pattern_bits fired;

	while (w->at < w->filled) {
		size_t taken = pattern_feed(set, w->buf + w->at, w->filled - w->at, &fired);

		remember(w, w->buf + w->at, taken);
		w->at += taken;
		for (int i = 0; i < PATTERNS_MAX; i++)
			if (fired.bits[i / 64] >> (i % 64) & 1)
				return i;
	}
	return WATCH_TIMEOUT;
}

int watch_wait(struct watch *w, struct pattern_set *set, uint64_t end)
{
	for (;;) {
		int fired = look(w, set);

		if (fired >= 0)
			return fired;
		ssize_t n = read_until(w->fd, -1, end, w->buf, sizeof w->buf);

		if (n <= 0)
			return n < 0 && errno == ETIMEDOUT ? WATCH_TIMEOUT : WATCH_ENDED;
		w->at = 0;
		w->filled = console_text_strip(&w->strip, w->buf, (size_t)n, w->buf);
		if (w->take)
			w->take(w->take_arg, w->buf, w->filled);
		if (w->show)
			(void)write_all(STDOUT_FILENO, w->buf, w->filled);
	}
}

/* An expression that ends in $ matches at the end of a line, when the next line has already begun.
 */
const char *watch_line(const struct watch *w)
{
	return w->len ? w->line : w->last;
}
