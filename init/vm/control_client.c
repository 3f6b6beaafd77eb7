/* control_client.c - ask PID 1 over its control socket (proto/control.h). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/log.h"
#include "config/settings.h"
#include "host/listen.h"
#include "vm/cmd.h"

/* Destination of an answer's text: standard output, escaped, or BUF, as much as fits. */
struct sink {
	char *buf;
	size_t size, len;
	bool crlf;   /* standard output: CR LF becomes LF */
	char cut[4]; /* the first bytes of an incomplete UTF-8 character, or a CR */
	size_t cut_len;
};

/* If TEXT (N bytes) ends in an incomplete UTF-8 character, the number of its bytes; else 0. */
static size_t cut_character(const char *text, size_t n)
{
	for (size_t i = 1; i <= 3 && i <= n; i++) {
		unsigned char c = (unsigned char)text[n - i];

		if (c >= 0xc0)
			return utf8_length((const unsigned char *)text + n - i, i) ? 0 : i;
		if (c < 0x80)
			break;
	}
	return 0;
}

/* Remove the CR of each CR LF from TEXT (N bytes). Returns the new length. */
static size_t join_line_ends(char *text, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		if (text[i] != '\r' || i + 1 == n || text[i + 1] != '\n')
			text[len++] = text[i];
	return len;
}

/* LAST: the answer ends here. JSON is unchanged, because it is already escaped. */
static bool print(struct sink *to, const char *text, size_t n, bool last)
{
	static char all[4096 + 4];
	static char out[ESCAPE_MAX * sizeof all];

	memcpy(all, to->cut, to->cut_len);
	memcpy(all + to->cut_len, text, n);
	n += to->cut_len;
	if (to->crlf)
		n = join_line_ends(all, n);
	to->cut_len = last ? 0 : to->crlf && n && all[n - 1] == '\r' ? 1 : cut_character(all, n);
	n -= to->cut_len;
	memcpy(to->cut, all + n, to->cut_len);
	return write_all(STDOUT_FILENO, out, escape_text(all, n, "\n\t", out, sizeof out));
}

/* N is at most 4096. */
static bool take(struct sink *to, const char *text, size_t n)
{
	if (!to->buf)
		return print(to, text, n, n == 0);
	if (n > to->size - to->len)
		n = to->size - to->len;
	memcpy(to->buf + to->len, text, n);
	to->len += n;
	return true;
}

/* Read the rest of the answer from FD after the first line, the status. Returns the status; -1 if
 * the answer is incomplete; -2 if END (CLOCK_MONOTONIC ns, 0 for none) was reached. */
static int read_answer(int fd, uint64_t end, struct sink *to)
{
	char buf[4096];
	int status = -1;
	size_t head = 0;
	char first[8];

	for (;;) {
		ssize_t got = read_until(fd, -1, end, buf, sizeof buf);

		if (got < 0 && errno == ETIMEDOUT)
			return -2;
		if (got <= 0) {
			(void)take(to, buf, 0);
			return status;
		}
		size_t at = 0;

		while (status < 0 && at < (size_t)got && head < sizeof first - 1) {
			if (buf[at] == '\n') {
				first[head] = '\0';
				status = (int)strtol(first, NULL, 10);
			}
			first[head++] = buf[at++];
		}
		if (!take(to, buf + at, (size_t)got - at))
			return status;
	}
}

const struct settings *control_settings(char **envp)
{
	static struct settings s;
	static struct errors ignored;
	static bool read;

	if (!read)
		(void)settings_parse(envp, &s, &ignored);
	read = true;
	return &s;
}

/* A client that runs right after the container was started may connect before PID 1 has created its
 * socket, which takes a few milliseconds. */
int control_open(char **envp, long patience_ms, char *path)
{
	uint64_t end = clock_now() + (uint64_t)patience_ms * 1000000u;
	int fd = connect_unix(run_path(control_settings(envp), "control.sock", path));

	while (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED) && clock_now() < end) {
		clock_nap(10000000);
		fd = connect_unix(path);
	}
	return fd;
}

bool control_send(int fd, const char *request)
{
	char end[] = "\n";
	struct iovec parts[] = {{(void *)(uintptr_t)request, strlen(request)}, {end, 1}};
	const struct msghdr line = {.msg_iov = parts, .msg_iovlen = 2};

	return sendmsg(fd, &line, MSG_NOSIGNAL) == (ssize_t)(parts[0].iov_len + 1);
}

/* The connection of the last answer stays open until this process has ended: PID 1 waits for that
 * (control_farewell()), because its exit kills every process in its container. */
static int kept = -1;

static void keep_until_exit(int fd)
{
	fd_close(&kept);
	kept = fd;
}

void control_hang_up(void)
{
	fd_close(&kept);
}

/* Print a line of this program: to standard output, or in place of the answer. */
static void __attribute__((format(printf, 2, 3))) tell(struct sink *to, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	to->len = 0;
	(void)take(to, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static int ask(char **envp, const char *request, long timeout_s, long patience_ms, struct sink *to)
{
	char path[RUN_PATH_MAX];
	uint64_t patience = clock_now() + (uint64_t)patience_ms * 1000000u;
	uint64_t end = timeout_s < 0 ? 0 : clock_now() + (uint64_t)timeout_s * 1000000000u;
	int status = -1;

	/* PID 1 replaces its socket between fetching an image and starting the guest. A client
	 * whose request was lost with the first socket repeats it at the second. */
	do {
		uint64_t now = clock_now();
		int fd = control_open(envp, now < patience ? (long)((patience - now) / 1000000) : 0,
				      path);

		if (fd < 0) {
			tell(to, "no guest runs here: %s: %s\n", path, strerror(errno));
			return EXIT_NOT_READY;
		}
		if (control_send(fd, request))
			status = read_answer(fd, end, to);
		keep_until_exit(fd);
	} while (status == -1 && clock_now() < patience);
	if (status == -2)
		tell(to, "not within %ld s\n", timeout_s);
	else if (status == -1)
		tell(to, "PID 1 ended without an answer\n");
	return status < 0 ? EXIT_NOT_READY : status;
}

int control_exchange(char **envp, const char *request, long timeout_s, long patience_ms)
{
	/* QEMU ends the lines of its monitor with CR LF. */
	struct sink out = {.crlf = strncmp(request, "monitor ", 8) == 0};

	return ask(envp, request, timeout_s, patience_ms, &out);
}

int control_ask(char **envp, const char *request, long timeout_s, char *buf, size_t size)
{
	return control_await(envp, request, timeout_s, 0, buf, size);
}

int control_await(char **envp, const char *request, long timeout_s, long patience_ms, char *buf,
		  size_t size)
{
	struct sink out = {.buf = buf, .size = size - 1};
	int status = ask(envp, request, timeout_s, patience_ms, &out);

	while (out.len > 0 && buf[out.len - 1] == '\n')
		out.len--;
	buf[out.len] = '\0';
	return status;
}
