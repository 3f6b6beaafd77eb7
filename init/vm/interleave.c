/* interleave.c - see interleave.h. */
#include "vm/interleave.h"

#include <string.h>

#include "base/io.h"

/* CR LF: the terminal may be raw, and a cooked one shows it alike. */
static bool end_line(const struct interleave *w)
{
	return write_all(w->out, "\r\n", 2);
}

/* Print the first N of the held bytes. */
static bool print_held(struct interleave *w, size_t n)
{
	bool ok = !w->mid_line || end_line(w);

	for (size_t at = 0; ok && at < n;) {
		const char *end = memchr(w->held + at, '\n', n - at);
		size_t line = end ? (size_t)(end - w->held) - at : n - at;

		ok = write_all(w->out, w->held + at, line) && end_line(w);
		at += line + (end != NULL);
	}
	w->mid_line = false;
	w->held_len -= n;
	memmove(w->held, w->held + n, w->held_len);
	return ok;
}

bool interleave_flush(struct interleave *w)
{
	return w->held_len == 0 || print_held(w, w->held_len);
}

/* Print N bytes of the guest unchanged. CR alone does not end a line: its text stays visible. */
static bool print(struct interleave *w, const char *buf, size_t n)
{
	for (size_t i = n; i > 0; i--) {
		if (buf[i - 1] == '\r')
			continue;
		w->mid_line = buf[i - 1] != '\n';
		break;
	}
	return write_all(w->out, buf, n);
}

bool interleave_guest(struct interleave *w, const char *buf, size_t n, uint64_t now_ns)
{
	const char *end = w->held_len > 0 ? memchr(buf, '\n', n) : NULL;

	w->guest_ns = now_ns;
	if (end) {
		size_t line = (size_t)(end - buf) + 1;

		if (line < n && buf[line] == '\r') /* LF CR is a line end too */
			line++;
		if (!print(w, buf, line) || !interleave_flush(w))
			return false;
		buf += line;
		n -= line;
	}
	return print(w, buf, n);
}

bool interleave_log(struct interleave *w, const char *buf, size_t n, uint64_t now_ns)
{
	bool ok = true;

	while (n > 0 && ok) {
		size_t room = sizeof w->held - w->held_len;
		size_t part = n < room ? n : room;

		if (w->held_len == 0)
			w->held_ns = now_ns;
		memcpy(w->held + w->held_len, buf, part);
		w->held_len += part;
		buf += part;
		n -= part;
		const char *end = memrchr(w->held, '\n', w->held_len);
		bool full = w->held_len == sizeof w->held;

		if (end && (full || !w->mid_line))
			ok = print_held(w, (size_t)(end - w->held) + 1);
		else if (full)
			ok = interleave_flush(w);
	}
	return ok;
}

uint64_t interleave_due(const struct interleave *w)
{
	uint64_t quiet = w->guest_ns + INTERLEAVE_QUIET_NS;
	uint64_t most = w->held_ns + INTERLEAVE_MOST_NS;

	if (w->held_len == 0)
		return 0;
	return quiet < most ? quiet : most;
}
