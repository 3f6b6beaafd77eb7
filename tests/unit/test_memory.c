/* test_memory.c - reading the container's memory limit from cgroup trees as kernels and engines
 * create them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "host/memory.h"

#define MIB (UINT64_C(1) << 20)

struct file {
	const char *path, *text;
};

static char top[64];

/* Write FILE below TOP, with its directories. */
static void put(const struct file *file)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", top, file->path);
	for (char *at = path + strlen(top) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && write_all(fd, file->text, strlen(file->text)));
	close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* The limit of the machine whose /proc/self/cgroup is PROC and whose mount has FILES. */
static uint64_t limit_of(const char *proc, const struct file *files, size_t n)
{
	const struct file cgroup = {"proc", proc};
	char root[80];
	char self[80];

	(void)snprintf(top, sizeof top, "/tmp/test_memory_XXXXXX");
	assert_non_null(mkdtemp(top));
	(void)snprintf(root, sizeof root, "%s/cgroup", top);
	(void)snprintf(self, sizeof self, "%s/proc", top);
	if (proc)
		put(&cgroup);
	for (size_t i = 0; i < n; i++)
		put(&files[i]);
	uint64_t limit = memory_limit(root, self);

	(void)nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return limit;
}

#define LIMIT(proc, ...)                                                                           \
	limit_of(proc, (const struct file[]){__VA_ARGS__},                                         \
		 sizeof((const struct file[]){__VA_ARGS__}) / sizeof(struct file))

static void version_2(void **state)
{
	(void)state;
	/* a container with its own cgroup namespace */
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", "1073741824\n"}) == 1024 * MIB);
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", "max\n"}) == 0);
	/* a service: its slice has the lower limit */
	assert_true(LIMIT("0::/a.slice/b.service\n",
			  {"cgroup/a.slice/b.service/memory.max", "8388608\n"},
			  {"cgroup/a.slice/memory.max", "4194304\n"}) == 4 * MIB);
	assert_true(LIMIT("0::/a.slice/b.service\n",
			  {"cgroup/a.slice/b.service/memory.max", "4194304\n"},
			  {"cgroup/a.slice/memory.max", "max\n"}) == 4 * MIB);
	/* the host's path, and the mount shows the container's own group only */
	assert_true(LIMIT("0::/docker/0123\n", {"cgroup/memory.max", "2097152\n"}) == 2 * MIB);
	assert_true(LIMIT("0::/../..\n", {"cgroup/memory.max", "2097152\n"}) == 2 * MIB);
}

static void version_1(void **state)
{
	static const char proc[] = "12:pids:/docker/0123\n11:cpu,cpuacct:/docker/0123\n"
				   "4:memory:/docker/0123\n1:name=systemd:/docker/0123\n";

	(void)state;
	assert_true(LIMIT(proc, {"cgroup/memory/memory.limit_in_bytes", "536870912\n"}) ==
		    512 * MIB);
	assert_true(LIMIT(proc, {"cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
			  {"cgroup/memory/docker/0123/memory.limit_in_bytes", "1048576\n"}) == MIB);
	assert_true(LIMIT(proc, {"cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}) ==
		    0);
	assert_true(LIMIT("2:cpu,memory,io:/\n",
			  {"cgroup/memory/memory.limit_in_bytes", "1048576\n"}) == MIB);
	/* a controller with another name */
	assert_true(LIMIT("2:memoryx,xmemory:/\n",
			  {"cgroup/memory/memory.limit_in_bytes", "1048576\n"}) == 0);
}

static void both_versions_mounted(void **state)
{
	(void)state;
	assert_true(LIMIT("4:memory:/x\n0::/x\n",
			  {"cgroup/memory/x/memory.limit_in_bytes", "1048576\n"},
			  {"cgroup/unified/x/memory.max", "max\n"}) == MIB);
}

static void an_unreadable_limit_is_no_limit(void **state)
{
	(void)state;
	assert_true(limit_of(NULL, NULL, 0) == 0);
	assert_true(limit_of("0::/\n", NULL, 0) == 0);
	assert_true(LIMIT("", {"cgroup/memory.max", "1048576\n"}) == 0);
	assert_true(LIMIT("nonsense\n:\n0:\n\n", {"cgroup/memory.max", "1048576\n"}) == 0);
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", ""}) == 0);
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", "0\n"}) == 0);
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", "99999999999999999999999\n"}) == 0);
	assert_true(LIMIT("0::/\n", {"cgroup/memory.max", "lots\n"}) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_2),
		cmocka_unit_test(version_1),
		cmocka_unit_test(both_versions_mounted),
		cmocka_unit_test(an_unreadable_limit_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
