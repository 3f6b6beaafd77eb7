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
#include "console/prompt.h"
#include "vm/shell_internal.h"

#define PIECE 512 /* bytes typed at once: GNU Mach's input queue holds little more */

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

bool session_read(struct session *s, uint64_t end)
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
	for (ssize_t i = 0; i < n; i++) {
		memmove(s->tail, s->tail + 1, sizeof s->tail - 1);
		s->tail[sizeof s->tail - 1] = (char)buf[i];
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

void session_discard(struct session *s)
{
	s->len = 0;
	if (s->text)
		s->text[0] = '\0';
}

void session_type(struct session *s, const char *text, size_t n)
{
	while (n > 0 && !s->gone) {
		size_t piece = n < PIECE ? n : PIECE;
		uint64_t before = s->last_ns;

		if (!write_all(s->fd, text, piece))
			s->gone = true;
		text += piece;
		n -= piece;
		if (n > 0 && session_read(s, clock_now() + SILENCE_NS) && s->last_ns != before)
			while (session_read(s, clock_now() + 20 * MS))
				;
	}
}

/* A line editor that asks for the cursor's position behind its prompt waits for input. */
static bool is_asked(const struct session *s)
{
	return memcmp(s->tail, QUERY, sizeof s->tail) == 0 && prompt_looks(session_last_line(s));
}

/* Without an answer, BusyBox' line editor sleeps for 20 ms after the line, so that the late answer
 * of a terminal is not echoed (libbb/lineedit.c, sent_ESC_br6n). */
static void answer(struct session *s)
{
	char text[32];
	int n = snprintf(text, sizeof text, "\033[1;%zuR", strlen(session_last_line(s)) + 1);

	session_type(s, text, (size_t)n);
	memset(s->tail, 0, sizeof s->tail);
}

void session_type_line(struct session *s, const char *line)
{
	if (is_asked(s))
		answer(s);
	session_discard(s);
	session_type(s, line, strlen(line));
	session_type(s, "\r", 1);
}

void session_await_quiet(struct session *s, uint64_t ns)
{
	while (!session_over(s) && session_read(s, clock_now() + ns))
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

bool session_await_quiet_prompt(struct session *s, uint64_t within_ns)
{
	static const char *const ends[] = {"login: ", "assword: ", "# ", "$ ", "> ", "% "};
	uint64_t end = clock_now() + within_ns;
	bool more = true;

	while (more && !session_over(s) && clock_now() < end) {
		const char *last = session_last_line(s);
		uint64_t quiet = QUIET_NS;

		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
			if (session_ends_with(last, ends[i]))
				quiet = PROMPT_NS;
		/* If it is not a prompt yet, the shell reads the question later, and answers. */
		if (s->entering && prompt_looks(last))
			quiet = ENTER_NS;
		if (is_asked(s))
			quiet = 0;
		more = session_read(s, clock_now() + quiet);
	}
	return !more;
}

/* ---- marks --------------------------------------------------------------------------------- */

void session_new_mark(struct session *s)
{
	uint8_t random[8];

	/* It fails only on kernels without getrandom(2); then all commands share one mark. */
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		memset(random, 0x5a, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(s->mark + 2 * i, 3, "%02x", random[i]);
	s->mark_told = s->mark_used = false;
}

const char *session_mark_set(const struct session *s, char out[MARK_SET])
{
	out[0] = '\0';
	if (!s->mark_told && s->w.preset->shell != SHELL_MACHSH)
		(void)snprintf(out, MARK_SET, "vm_m=%s;", s->mark);
	return out;
}

static void literal_mark(const struct session *s, char what, const char *tail, char *out,
			 size_t size)
{
	(void)snprintf(out, size, "echo \"%c\"\"%s\"%s.\"%c\"\"%s\"%s.\"%c\"\"%s\"%s.", what,
		       s->mark, tail, what, s->mark, tail, what, s->mark, tail);
}

void session_first_mark(const struct session *s, char what, char *out, size_t size)
{
	size_t n;

	literal_mark(s, what, "", out, size);
	n = strlen(out);
	if (s->w.preset->shell != SHELL_MACHSH)
		(void)snprintf(out + n, size - n, ";vm_m=%s", s->mark);
}

void session_mark_command(const struct session *s, char what, const char *tail, char *out,
			  size_t size)
{
	if (s->w.preset->shell == SHELL_MACHSH)
		literal_mark(s, what, tail, out, size);
	else
		(void)snprintf(out, size, "echo \"%c$vm_m%s.%c$vm_m%s.%c$vm_m%s.\"", what, tail,
			       what, tail, what, tail);
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
