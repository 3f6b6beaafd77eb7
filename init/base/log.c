/* log.c - see log.h.
 *
 * Each line is assembled in one buffer and written with one write(2), so that lines of several
 * processes (PID 1 and its children) do not mix.
 */
#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/escape.h"
#include "base/io.h"

static int log_fd = -1;
static int event_fd = -1;
static int through_fd = -1;
static unsigned long lost;

void log_files(int fd, int events_fd)
{
	if (log_fd >= 0 && log_fd != fd)
		(void)close(log_fd);
	if (event_fd >= 0 && event_fd != events_fd)
		(void)close(event_fd);
	log_fd = fd;
	event_fd = events_fd;
}

void log_through(int fd)
{
	fd_close(&through_fd);
	through_fd = fd;
}

unsigned long log_lost(void)
{
	return lost;
}

/* Write to the reader of log_through(). Returns the number of bytes taken; fewer than N if it has
 * stopped reading. */
static size_t write_through(const char *text, size_t n)
{
	size_t done = 0;

	while (through_fd >= 0 && done < n) {
		size_t part = n - done < PIPE_BUF ? n - done : PIPE_BUF; /* atomic (pipe(7)) */

		if (!write_all(through_fd, text + done, part))
			break;
		done += part;
	}
	return done;
}

/* Write to standard error. If the serial console is shown there (pid1/console.h), the terminal is
 * in raw mode, so lines need carriage returns. */
static void write_stderr(const char *text, size_t n)
{
	struct termios t;
	size_t done = write_through(text, n);

	text += done;
	n -= done;
	if (n == 0)
		return;
	if (tcgetattr(STDERR_FILENO, &t) != 0 || (t.c_oflag & OPOST)) {
		(void)write_all(STDERR_FILENO, text, n);
		return;
	}
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) : n;

		(void)write_all(STDERR_FILENO, "\r\n", 2);
		(void)write_all(STDERR_FILENO, text, line);
		text += line + (end != NULL);
		n -= line + (end != NULL);
	}
	(void)write_all(STDERR_FILENO, "\r\n", 2);
}

/* Write LINE (N bytes) to a terminal, with the bytes from after "vm: " up to END in colour. */
static void write_coloured(const char *line, size_t n, size_t end, enum colour colour)
{
	char out[PIPE_BUF + COLOUR_BYTES];
	size_t word = strlen("vm: ");

	while (line[word] == ' ')
		word++;
	while (line[end - 1] == ' ')
		end--;
	int len =
		snprintf(out, sizeof out, "%.*s%s%.*s%s%.*s", (int)word, line, colour_begin(colour),
			 (int)(end - word), line + word, colour_end, (int)(n - end), line + end);

	write_stderr(out, (size_t)len);
}

/* Write HEAD and the line TEXT, escaped, to standard error (with HEAD in COLOUR; -1: none) and,
 * with a time, to qemu.log. */
static void write_line(const char *head, int colour, const char *text)
{
	char line[PIPE_BUF];
	const size_t room = CLOCK_UTC + 1; /* for the time */
	size_t n = room + strlen(head);

	memcpy(line + room, head, n - room);
	n += escape_text(text, strlen(text), "", line + n, sizeof line - n);
	line[n++] = '\n';
	/* The reader of log_through() parses the lines, so they are not coloured. */
	if (colour >= 0 && through_fd < 0 && colour_wanted(STDERR_FILENO))
		write_coloured(line + room, n - room, strlen(head), (enum colour)colour);
	else
		write_stderr(line + room, n - room);
	if (log_fd < 0)
		return;
	clock_utc(line);
	line[room - 1] = ' ';
	if (!write_all(log_fd, line, n))
		lost++;
}

void log_line(enum log_level level, const char *prefix, const char *fmt, ...)
{
	static const int colours[] = {
		[LOG_INFO] = -1,	   [LOG_WARNING] = COLOUR_YELLOW, [LOG_ERROR] = COLOUR_RED,
		[LOG_PHASE] = COLOUR_CYAN, [LOG_GOOD] = COLOUR_GREEN,
	};
	char text[2048];
	char head[64];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	(void)snprintf(head, sizeof head, "vm: %s", prefix);
	write_line(head, prefix[0] == ' ' ? COLOUR_CYAN : colours[level], text);
}

void log_output(const char *who, const char *text)
{
	char head[64];

	(void)snprintf(head, sizeof head, "%s: ", who);
	write_line(head, -1, text);
}

void event_write(const char *name, const struct json_member *members)
{
	char line[4096];
	char when[CLOCK_UTC];
	struct json_member all[EVENT_MEMBERS + 4] = {
		J_TEXT_N("time", CLOCK_UTC, when),
		J_NUMBER("ms", 3, (double)clock_since_start() / 1e6),
		J_TEXT("event", name),
	};
	size_t n = 0;

	if (event_fd < 0)
		return;
	clock_utc(when);
	while (n < EVENT_MEMBERS && members[n].key) {
		all[3 + n] = members[n];
		n++;
	}
	all[3 + n].key = NULL;
	/* The object does not fit: write it without the event's members, because a cut object
	 * would spoil the next line, too. */
	n = json_write(line, sizeof line - 1, all);
	if (n == 0) {
		all[3].key = NULL;
		n = json_write(line, sizeof line - 1, all);
	}
	line[n++] = '\n';
	if (!write_all(event_fd, line, n))
		lost++;
}
