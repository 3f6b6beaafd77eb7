/* console_log.c - see console_log.h. */
#include "console/console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/log.h"

#define CHUNK 4096

/* "   12.345678 2026-01-31T23:59:59.999Z ": all lines of one call get the same time. */
static size_t line_head(char head[64], uint64_t started_ns)
{
	uint64_t us = (clock_now() - started_ns) / 1000;
	char utc[CLOCK_UTC];

	clock_utc(utc);
	return (size_t)snprintf(head, 64, "%5llu.%06u %.24s ", (unsigned long long)(us / 1000000),
				(unsigned)(us % 1000000), utc);
}

static void write_timed(struct console_log *l, const uint8_t *buf, size_t n, uint64_t started_ns)
{
	char head[64];
	size_t head_len = line_head(head, started_ns);
	uint8_t out[CHUNK];
	size_t len = 0;

	while (n > 0) {
		const uint8_t *end = memchr(buf, '\n', n);
		size_t line = end ? (size_t)(end - buf) + 1 : n;
		size_t lead = l->in_line ? 0 : head_len;

		if (line > sizeof out - head_len) { /* a long line is written in pieces */
			line = sizeof out - head_len;
			end = NULL;
		}
		if (len + lead + line > sizeof out) {
			log_file_append(&l->timed, out, len);
			len = 0;
		}
		memcpy(out + len, head, lead);
		memcpy(out + len + lead, buf, line);
		len += lead + line;
		buf += line;
		n -= line;
		l->in_line = !end;
	}
	log_file_append(&l->timed, out, len);
}

/* Print the line TEXT of N bytes, which stands for BYTES of the guest's output, if standard output
 * takes it. After a loss, a line of our own says that something is missing. */
static void print(struct console_log *l, const char *text, size_t n, size_t bytes)
{
	char note[96];
	ssize_t done = 0;

	if (l->out_gap) {
		int len = snprintf(note, sizeof note,
				   "\nvm: [%llu bytes of the console are missing here]\n",
				   (unsigned long long)l->out_lost);

		l->out_gap = write(l->out, note, (size_t)len) != len;
	}
	if (!l->out_gap)
		done = write(l->out, text, n);
	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		fd_close(&l->out); /* the reader has closed it */
		return;
	}
	if (done == (ssize_t)n)
		return;
	l->out_lost += bytes;
	l->out_gap = true;
}

static void print_line(struct console_log *l)
{
	static const char head[] = "guest: ";
	char out[sizeof head + ESCAPE_MAX * CONSOLE_LINE + 1];
	size_t n = sizeof head - 1;

	memcpy(out, head, n);
	n += escape_text(l->line, l->line_len, "\t", out + n, sizeof out - 1 - n);
	out[n++] = '\n';
	print(l, out, n, l->line_len);
	l->line_len = 0;
}

/* Add C to the line. Control characters and repeated empty lines are left out; the line is escaped
 * as a whole when it is printed. */
static void take_out(struct console_log *l, uint8_t c)
{
	if ((c < ' ' || c == 0x7f) && c != '\n' && c != '\t')
		return;
	l->out_ends = c == '\n' ? l->out_ends + 1 : 0;
	if (l->out_ends > 2)
		return;
	if (c == '\n') {
		print_line(l);
		return;
	}
	/* Do not split a UTF-8 character, whose parts would be escaped as invalid bytes. */
	if (l->line_len >= CONSOLE_LINE - 4 && ((c & 0xc0) != 0x80 || l->line_len == CONSOLE_LINE))
		print_line(l);
	l->line[l->line_len++] = (char)c;
}

static void write_out(struct console_log *l, const uint8_t *buf, size_t n)
{
	uint8_t text[CHUNK];

	while (n > 0 && l->out >= 0) {
		size_t part = n < sizeof text ? n : sizeof text;
		size_t len = console_text_strip(&l->text, buf, part, text);

		for (size_t i = 0; i < len && l->out >= 0; i++)
			take_out(l, text[i]);
		buf += part;
		n -= part;
	}
}

void console_log_write(struct console_log *l, const uint8_t *buf, size_t n, uint64_t started_ns)
{
	log_file_append(&l->whole, buf, n);
	if (l->timed.fd >= 0)
		write_timed(l, buf, n, started_ns);
	if (l->out >= 0)
		write_out(l, buf, n);
}

/* A non-blocking standard output: opened anew, since other processes may share the open file
 * description. A plain file never blocks, and is shared for its offset. What cannot be opened anew
 * (a socket) is changed in place. -1: none. */
static int open_out(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && fd_nonblock(STDOUT_FILENO, true))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd;
}

void console_log_open(struct console_log *l, const struct settings *s, bool out)
{
	const struct log_file file = {
		.s = s, .limit_mb = s->console_log_size, .keep = s->console_log_keep, .fd = -1};

	*l = (struct console_log){.whole = file,
				  .timed = file,
				  .out_ends = 2,
				  .out = out && s->console_stdout == CONSOLE_STDOUT_ON ? open_out()
										       : -1};
	l->whole.name = "console.log";
	l->timed.name = "console.timed.log";
	console_log_reopen(l);
}

void console_log_reopen(struct console_log *l)
{
	log_file_open(&l->whole);
	if (l->whole.s->console_timed)
		log_file_open(&l->timed);
}

void console_log_close(struct console_log *l)
{
	if (l->in_line) /* the next run begins on a new line */
		log_file_append(&l->timed, (const uint8_t *)"\n", 1);
	if (l->out >= 0 && l->line_len > 0)
		print_line(l);
	fd_close(&l->whole.fd);
	fd_close(&l->timed.fd);
	fd_close(&l->out);
}
