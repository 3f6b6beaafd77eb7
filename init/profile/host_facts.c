/* host_facts.c - see host_facts.h. */
#include "profile/host_facts.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "host/memory.h"

/* Copy the first line of PATH to OUT, without unprintable characters. */
static void read_line(const char *path, char *out, size_t size)
{
	char text[512];
	size_t n = 0;

	out[0] = '\0';
	if (read_small(path, text, sizeof text) <= 0)
		return;
	while (n + 1 < size && isprint((unsigned char)text[n])) {
		out[n] = text[n];
		n++;
	}
	out[n] = '\0';
}

/* The value of KEY for the first processor in /proc/cpuinfo. */
static void cpu_info(const char *info, const char *key, char *out, size_t size)
{
	const char *line = info;
	size_t len = strlen(key);

	out[0] = '\0';
	for (; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, key, len) != 0 || !strchr("\t :", line[len]))
			continue;
		const char *value = line + strcspn(line, ":\n");

		value += strspn(value, ": \t");
		(void)snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
		return;
	}
}

/* Parse the COUNT blank-separated numbers at the beginning of TEXT into OUT. */
static bool numbers_of(const char *text, size_t count, double *out)
{
	for (size_t i = 0; i < count; i++) {
		char *end;

		out[i] = strtod(text, &end);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

static double first_number(const char *path)
{
	char text[256];
	double x;

	read_line(path, text, sizeof text);
	return numbers_of(text, 1, &x) ? x : NAN;
}

/* The quota of processor time, in processors: cgroup v2's cpu.max is `QUOTA PERIOD` or `max
 * PERIOD`; v1 has a file for each, and -1 for no quota (kernel:
 * Documentation/scheduler/sched-bwc.rst). */
static double cpu_limit(void)
{
	char mine[512];
	char path[640];
	char text[128];
	double v2[2];

	/* Inside a cgroup namespace the path is "/"; otherwise it is that of the host. */
	read_line("/proc/self/cgroup", mine, sizeof mine);
	const char *dir = strncmp(mine, "0::/", 4) == 0 ? mine + 3 : "";

	(void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", dir);
	read_line(path, text, sizeof text);
	if (numbers_of(text, 2, v2) && v2[1] > 0)
		return v2[0] / v2[1];
	double quota = first_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
	double period = first_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
	return quota > 0 && period > 0 ? quota / period : NAN;
}

static double limit_mib(void)
{
	uint64_t limit = memory_limit("/sys/fs/cgroup", "/proc/self/cgroup");

	return limit ? (double)(limit >> 20) : NAN;
}

void host_facts(struct host_facts *out)
{
	static char info[16384];
	struct utsname u;
	cpu_set_t set;

	memset(out, 0, sizeof *out);
	out->allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : NAN;
	out->cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
	out->memory_mib =
		floor((double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1048576);
	out->memory_limit_mib = limit_mib();
	out->cpu_limit = cpu_limit();
	if (uname(&u) == 0) {
		(void)snprintf(out->name, sizeof out->name, "%.64s", u.nodename);
		(void)snprintf(out->kernel, sizeof out->kernel, "%.15s %.63s %.15s", u.sysname,
			       u.release, u.machine);
	}
	read_line("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof out->boot_id);
	read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", out->governor,
		  sizeof out->governor);
	if (read_small("/proc/cpuinfo", info, sizeof info) > 0) {
		cpu_info(info, "model name", out->cpu, sizeof out->cpu);
		cpu_info(info, "microcode", out->microcode, sizeof out->microcode);
		if (!out->cpu[0]) /* arm64 reports numbers only */
			cpu_info(info, "CPU part", out->cpu, sizeof out->cpu);
	}
}

double host_load(void)
{
	return first_number("/proc/loadavg");
}

double host_busy_ms(void)
{
	char text[512];
	double t[8];

	read_line("/proc/stat", text, sizeof text);
	/* user nice system idle iowait irq softirq steal (proc_stat(5)) */
	if (strncmp(text, "cpu ", 4) != 0 || !numbers_of(text + 4, sizeof t / sizeof *t, t))
		return NAN;
	return (t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

double host_waited_ms(pid_t pid)
{
	char path[64];
	double sum = NAN;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		char file[320];
		char text[96];
		double t[2]; /* running, and waiting for a processor; nanoseconds */

		(void)snprintf(file, sizeof file, "%s/%.20s/schedstat", path, e->d_name);
		if (e->d_name[0] == '.' || read_small(file, text, sizeof text) <= 0 ||
		    !numbers_of(text, 2, t))
			continue;
		sum = t[1] / 1e6 + (isnan(sum) ? 0 : sum);
	}
	if (dir)
		(void)closedir(dir);
	return sum;
}
