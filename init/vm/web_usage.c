/* web_usage.c - what /metrics has of processes and starts (WEB_USAGE of proto/web.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/io.h"
#include "vm/web_broker.h"

#define PIDS_MAX 4
/* What is read of events.jsonl for one request, in pieces; the rest waits for the next request. */
#define PIECE  65536
#define PIECES 64

/* No text of the guest's has this: quotes are escaped in it. */
static void count_spawns(struct broker *b, const char *text, size_t n)
{
	static const char spawn[] = "\"event\":\"spawn\"";
	const char *end = text + n;

	while ((text = memmem(text, (size_t)(end - text), spawn, sizeof spawn - 1)) != NULL) {
		b->guest_starts++;
		text += sizeof spawn - 1;
	}
}

static void count_starts(struct broker *b)
{
	static char buf[PIECE];
	struct stat st;
	ssize_t n;
	_cleanup_fd_ int dir = open(b->s->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = open_regular(dir, "events.jsonl", O_RDONLY | O_NOFOLLOW, false, &st);

	if (fd < 0)
		return;
	if (st.st_size < b->events_at) /* another file has the name now */
		b->events_at = 0;
	for (int i = 0; i < PIECES && (n = pread(fd, buf, sizeof buf, b->events_at)) > 0; i++) {
		const char *end = memrchr(buf, '\n', (size_t)n);

		if (end)
			n = end + 1 - buf;
		else if (n < (ssize_t)sizeof buf) /* its end is not there yet */
			break;
		count_spawns(b, buf, (size_t)n);
		b->events_at += n;
	}
}

void web_usage(struct broker *b, char *const *pids, size_t count, int reply)
{
	static char text[8192];
	char path[64];
	size_t used = 0;

	for (size_t i = 0; i < count && i < PIDS_MAX; i++) {
		char line[1024];

		if (!pids[i][0] || strspn(pids[i], "0123456789") != strlen(pids[i]) ||
		    strlen(pids[i]) > 10)
			continue;
		(void)snprintf(path, sizeof path, "/proc/%s/stat", pids[i]);
		if (read_small(path, line, sizeof line) > 0)
			used += (size_t)snprintf(text + used, sizeof text - used, "%s", line);
	}
	count_starts(b);
	used += (size_t)snprintf(text + used, sizeof text - used, "\nstarts %llu\nweb_starts %u\n",
				 b->guest_starts, b->web_starts);
	_cleanup_fd_ int fd = web_text_file(text, used);

	web_reply(reply, fd < 0 ? EXIT_INTERNAL : EXIT_CLEAN, NULL, fd);
}
