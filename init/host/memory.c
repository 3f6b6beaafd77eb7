/* memory.c - see memory.h.
 *
 * cgroup v2: the line `0::PATH` of /proc/self/cgroup and memory.max; v1: the line whose list of
 * controllers has `memory`, and memory.limit_in_bytes below ROOT/memory (cgroups(7), kernel
 * Documentation/admin-guide/cgroup-v2.rst). v1 writes "no limit" as a number near 2^63.
 */
#include "host/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/io.h"

#define NO_LIMIT_V1 (UINT64_C(1) << 60)

static void lower(uint64_t *limit, const char *path)
{
	char text[64];
	char *end;

	if (read_small(path, text, sizeof text) <= 0)
		return;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);

	if (errno == 0 && end != text && n > 0 && n < NO_LIMIT_V1 && (*limit == 0 || n < *limit))
		*limit = n;
}

/* The limits in files called NAME of the directory PATH below BASE and of its parents. */
static void walk(uint64_t *limit, const char *base, char *path, const char *name)
{
	char file[PATH_MAX];

	for (;;) {
		(void)snprintf(file, sizeof file, "%s%s/%s", base, path, name);
		lower(limit, file);
		char *slash = strrchr(path, '/');

		if (!slash)
			return;
		*slash = '\0';
	}
}

/* Is WORD in LIST, whose entries are separated by commas? */
static bool listed(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(list + i, word, n) == 0 && (i == 0 || list[i - 1] == ',') &&
		    (i + n == len || list[i + n] == ','))
			return true;
	return false;
}

uint64_t memory_limit(const char *root, const char *proc)
{
	static char text[8192];
	char base[PATH_MAX];
	uint64_t limit = 0;
	char *save = NULL;

	if (read_small(proc, text, sizeof text) < 0)
		text[0] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		/* number:controllers:path */
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		size_t len = (size_t)(path - controllers) - 1;

		if (len == 0)
			walk(&limit, root, path + 1, "memory.max");
		else if (listed(controllers + 1, len, "memory")) {
			(void)snprintf(base, sizeof base, "%s/memory", root);
			walk(&limit, base, path + 1, "memory.limit_in_bytes");
		}
	}
	return limit;
}
