/* expect.c - vm expect: wait until the guest's serial console shows a regular expression. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "format/console_text.h"
#include "format/pattern.h"

#define SECOND	 UINT64_C(1000000000)
#define LINE_MAX 512

struct expect {
	struct pattern_set *set;
	struct console_text strip;
	size_t len;
	char line[LINE_MAX]; /* the present one, or what of it fits */
	char last[LINE_MAX]; /* the one before, if it was not empty */
};

static void remember(struct expect *e, const uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool end = text[i] == '\n' || text[i] == '\r';

		if (end && e->len > 0) {
			e->line[e->len] = '\0';
			memcpy(e->last, e->line, sizeof e->last);
			e->len = 0;
		} else if (!end && e->len < sizeof e->line - 1) {
			e->line[e->len++] = (char)text[i];
		}
	}
	e->line[e->len] = '\0';
}

/* N bytes came. True when the expression has matched: the line up to there is in e->line. */
static bool look(struct expect *e, uint8_t *buf, size_t n)
{
	struct pattern_bits fired;
	size_t len = console_text_strip(&e->strip, buf, n, buf);
	size_t at = 0;

	while (at < len) {
		size_t taken = pattern_feed(e->set, buf + at, len - at, &fired);

		remember(e, buf + at, taken);
		at += taken;
		if (!(fired.bits[0] & 1))
			continue;
		/* One that ends in $ fires at the line's end, which has begun another. */
		(void)printf("%s\n", e->len ? e->line : e->last);
		return true;
	}
	return false;
}

static int watch(struct expect *e, int fd, uint64_t end)
{
	uint8_t buf[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_now();
		int left = end == 0 ? -1 : end > now ? (int)((end - now) / 1000000u) + 1 : 0;
		int ready = poll(&p, 1, left);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			(void)fprintf(stderr, "vm: error: not in time; the last line: %s\n",
				      e->line);
			return EXIT_NOT_READY;
		}
		ssize_t n = read(fd, buf, sizeof buf);

		if (n <= 0) {
			(void)fprintf(stderr, "vm: error: the guest has ended; the last line: %s\n",
				      e->line);
			return EXIT_QEMU_FAILED;
		}
		if (look(e, buf, (size_t)n))
			return EXIT_CLEAN;
	}
}

int cmd_expect(const struct command *self, int argc, char **argv, char **envp)
{
	static struct expect e;
	const char *regex = NULL;
	bool all = false;
	long timeout = -1;
	char why[128];
	int status;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end;

		if (strcmp(argv[i], "--from") == 0) {
			all = strcmp(value, "start") == 0;
			if (!all && strcmp(value, "now") != 0)
				return cmd_usage(self, "--from takes start or now, not", value);
			i++;
		} else if (strcmp(argv[i], "--timeout") == 0) {
			timeout = strtol(value, &end, 10);
			if (value[0] < '0' || value[0] > '9' || *end || timeout > 10000000)
				return cmd_usage(self, "--timeout takes seconds, not", value);
			i++;
		} else if (!regex) {
			regex = argv[i];
		} else {
			return cmd_usage(self, "one expression, not", argv[i]);
		}
	}
	if (!regex)
		return cmd_usage(self, "the expression is missing", NULL);
	e.set = pattern_set_new();
	if (!e.set || pattern_set_add(e.set, regex, strlen(regex), why, sizeof why) < 0)
		return cmd_usage(self, e.set ? why : "no memory", NULL);
	uint64_t end = timeout < 0 ? 0 : clock_now() + (uint64_t)timeout * SECOND;
	_cleanup_fd_ int fd = client_stream(
		envp, all ? "console all readonly" : "console live readonly", &status);

	return fd < 0 ? status : watch(&e, fd, end);
}
