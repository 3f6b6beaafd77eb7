/* shell_line.c - the serial line of a session: output, input, marks. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "vm/shell_internal.h"

#define PIECE 512 /* typed at once: GNU Mach's input queue holds little more */

/* ---- the line ------------------------------------------------------------------------------ */

bool session_grow(struct session *s, size_t more)
{
	size_t size = s->size ? s->size : 65536;

	while (size - s->len < more + 1)
		size *= 2;
	if (size == s->size)
		return true;
	char *text = realloc(s->text, size);

	if (!text)
		return false;
	s->text = text;
	s->size = size;
	return true;
}

bool session_take(struct session *s, uint64_t end)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	uint8_t buf[16384];

	if (s->w.end_ns && s->w.end_ns < end)
		end = s->w.end_ns;
	int ready = clock_poll(&p, 1, end);

	if (ready <= 0)
		return ready < 0 && errno == EINTR;
	ssize_t n = read(s->fd, buf, sizeof buf);

	if (n <= 0 || !session_grow(s, (size_t)n)) {
		s->gone = true;
		return false;
	}
	s->last_ns = clock_now();
	s->len += console_text_strip(&s->strip, buf, (size_t)n, (uint8_t *)s->text + s->len);
	s->text[s->len] = '\0';
	return true;
}

bool session_over(const struct session *s)
{
	return s->gone || (s->w.stop && *s->w.stop) || (s->w.end_ns && clock_now() >= s->w.end_ns);
}

void session_forget(struct session *s)
{
	s->len = 0;
	if (s->text)
		s->text[0] = '\0';
}

void session_press(struct session *s, const char *text, size_t n)
{
	while (n > 0 && !s->gone) {
		size_t piece = n < PIECE ? n : PIECE;
		uint64_t before = s->last_ns;

		if (!write_all(s->fd, text, piece))
			s->gone = true;
		text += piece;
		n -= piece;
		if (n > 0 && session_take(s, clock_now() + SILENCE_NS) && s->last_ns != before)
			while (session_take(s, clock_now() + 20 * MS))
				;
	}
}

void session_type_line(struct session *s, const char *line)
{
	session_forget(s);
	session_press(s, line, strlen(line));
	session_press(s, "\r", 1);
}

void session_settle(struct session *s, uint64_t ns)
{
	while (!session_over(s) && session_take(s, clock_now() + ns))
		;
}

const char *session_last_line(const struct session *s)
{
	const char *at = s->text + s->len;

	while (at > s->text && at[-1] != '\n' && at[-1] != '\r')
		at--;
	return at;
}

bool session_ends_with(const char *text, const char *end)
{
	size_t n = strlen(text);
	size_t m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

bool session_settle_prompt(struct session *s, uint64_t within_ns)
{
	static const char *const ends[] = {"login: ", "assword: ", "# ", "$ ", "> ", "% "};
	uint64_t end = clock_now() + within_ns;
	bool more = true;

	while (more && !session_over(s) && clock_now() < end) {
		bool prompt = false;

		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
			prompt |= session_ends_with(session_last_line(s), ends[i]);
		more = session_take(s, clock_now() + (prompt ? PROMPT_NS : QUIET_NS));
	}
	return !more;
}

/* ---- marks --------------------------------------------------------------------------------- */

void session_new_mark(struct session *s)
{
	uint8_t random[8];

	/* It fails on kernels without the call alone (getrandom(2)); then one mark serves them all.
	 */
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		memset(random, 0x5a, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(s->mark + 2 * i, 3, "%02x", random[i]);
}

void session_mark_command(const struct session *s, char what, const char *tail, char *out,
			  size_t size)
{
	(void)snprintf(out, size, "echo \"%c\"\"%s\"%s.\"%c\"\"%s\"%s.\"%c\"\"%s\"%s.", what,
		       s->mark, tail, what, s->mark, tail, what, s->mark, tail);
}

const char *session_find_mark(const struct session *s, const char *from, char what)
{
	char printed[32];

	(void)snprintf(printed, sizeof printed, "%c%s", what, s->mark);
	return strstr(from, printed);
}

const char *session_find_end(const struct session *s, const char *from, int *status)
{
	for (const char *at = from; (at = session_find_mark(s, at, 'E')) != NULL; at++) {
		const char *digits = at + 1 + strlen(s->mark);
		char *end;
		long n = strtol(digits, &end, 10);

		if (end != digits && *end == '.' && n >= 0 && n <= 255) {
			*status = (int)n;
			return at;
		}
	}
	return NULL;
}
