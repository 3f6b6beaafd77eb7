/* cmd_info.c - commands that query the kernel: uname, version, uptime, date, mem, cpus. */
#include "machsh.h"

#include <mach/host_info.h>
#include <mach/task_info.h>
#include <mach/vm_statistics.h>

#include "mach.h"
#include "mach_host.h"

#define NODE "mach-mini"
#ifdef __x86_64__
#define MACHINE "x86_64"
#else
#define MACHINE "i686"
#endif

/* The kernel's version, "GNU Mach 1.8+git20250702-up-amd64"; or false, and STATUS is set. */
static bool kernel_version(char *version, int *status)
{
	kern_return_t r = host_get_kernel_version(mach_host_self(), version);

	if (r == KERN_SUCCESS)
		return true;
	*status = out_failed("host_get_kernel_version", r);
	return false;
}

/* Prints one of uname(1)'s parts. The kernel gives one string: the system's name up to the last
 * space (printed without spaces, since it has to be one word), then the release. */
static void uname_part(char part, const char *version)
{
	size_t release = str_len(version);

	while (release > 0 && version[release - 1] != ' ')
		release--;
	switch (part) {
	case 's':
		for (size_t i = 0; i + 1 < release; i++)
			out_char(version[i] == ' ' ? '-' : version[i]);
		break;
	case 'n': out(NODE); break;
	case 'r': out(version + release); break;
	case 'v': out(version); break;
	default: out(MACHINE);
	}
}

int cmd_uname(int argc, const char *const argv[])
{
	static const char all[] = "snrvm";
	static kernel_version_t version;
	bool wanted[sizeof all] = {false}, first = true;
	int status;

	for (int i = 1; i < argc; i++) {
		const char *p = argv[i];

		if (*p++ != '-' || *p == '\0')
			return usage_error(argv);
		for (; *p; p++) {
			bool known = *p == 'a';

			for (size_t j = 0; all[j]; j++)
				if (*p == 'a' || *p == all[j])
					wanted[j] = known = true;
			if (!known)
				return usage_error(argv);
		}
	}
	if (!kernel_version(version, &status))
		return status;
	if (argc < 2)
		OUT(version, " " MACHINE);
	for (size_t j = 0; all[j]; j++) {
		if (!wanted[j])
			continue;
		out(first ? "" : " ");
		first = false;
		uname_part(all[j], version);
	}
	out_char('\n');
	return 0;
}

int cmd_version(int argc, const char *const argv[])
{
	static kernel_version_t version;
	int status;

	if (argc > 1)
		return usage_error(argv);
	if (!kernel_version(version, &status))
		return status;
	OUT("machsh " MACHSH_VERSION " on ", version, "\n");
	return 0;
}

int cmd_uptime(int argc, const char *const argv[])
{
	struct host_load_info load = {0};
	mach_msg_type_number_t n = HOST_LOAD_INFO_COUNT;
	uint64_t ms = clock_ms();

	if (argc > 1)
		return usage_error(argv);
	out("up ");
	out_num(ms / 1000);
	out_char('.');
	out_pad(ms % 1000, 3, '0');
	out(" s");
	if (host_info(mach_host_self(), HOST_LOAD_INFO, (host_info_t)&load, &n) == KERN_SUCCESS) {
		out(", load");
		for (int i = 0; i < 3; i++) { /* in thousandths */
			out_char(' ');
			out_num((uint64_t)load.avenrun[i] / 1000);
			out_char('.');
			out_pad((uint64_t)load.avenrun[i] % 1000 / 10, 2, '0');
		}
	}
	out_char('\n');
	return 0;
}

/* Prints the date of a day counted from 1970-01-01. Years begin on 1 March here, so that the leap
 * day is the last one; source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void out_day(uint64_t day)
{
	uint64_t shifted = day + 719468, era = shifted / 146097, in_era = shifted % 146097;
	uint64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * in_year + 2) / 153; /* 0 is March */

	out_pad(year + era * 400 + (month >= 10), 4, '0');
	out_char('-');
	out_pad(month < 10 ? month + 3 : month - 9, 2, '0');
	out_char('-');
	out_pad(in_year - (153 * month + 2) / 5 + 1, 2, '0');
}

int cmd_date(int argc, const char *const argv[])
{
	time_value64_t t;
	uint64_t s;
	kern_return_t r;

	if (argc > 1)
		return usage_error(argv);
	r = host_get_time64(mach_host_self(), &t);
	if (r != KERN_SUCCESS)
		return out_failed("host_get_time64", r);
	s = (uint64_t)t.seconds;
	out_day(s / 86400);
	out_char(' ');
	out_pad(s / 3600 % 24, 2, '0');
	out_char(':');
	out_pad(s / 60 % 60, 2, '0');
	out_char(':');
	out_pad(s % 60, 2, '0');
	out(" UTC\n");
	return 0;
}

static void out_kb(const char *label, uint64_t kb)
{
	out(label);
	out_num(kb);
	out(" KB");
}

int cmd_mem(int argc, const char *const argv[])
{
	struct host_basic_info host = {0};
	struct task_basic_info task = {0};
	vm_statistics_data_t vm;
	mach_msg_type_number_t n = HOST_BASIC_INFO_COUNT;
	kern_return_t r;
	uint64_t page_kb;

	if (argc > 1)
		return usage_error(argv);
	r = host_info(mach_host_self(), HOST_BASIC_INFO, (host_info_t)&host, &n);
	if (r != KERN_SUCCESS)
		return out_failed("host_info", r);
	r = vm_statistics(mach_task_self(), &vm);
	if (r != KERN_SUCCESS)
		return out_failed("vm_statistics", r);
	page_kb = (uint64_t)vm.pagesize / 1024;
	out_kb("total ", host.memory_size / 1024);
	out_kb(", free ", (uint64_t)vm.free_count * page_kb);
	out_kb(", active ", (uint64_t)vm.active_count * page_kb);
	out_kb(", inactive ", (uint64_t)vm.inactive_count * page_kb);
	out_kb(", wired ", (uint64_t)vm.wire_count * page_kb);
	n = TASK_BASIC_INFO_COUNT;
	r = task_info(mach_task_self(), TASK_BASIC_INFO, (task_info_t)&task, &n);
	if (r == KERN_SUCCESS) {
		out_kb("\nmachsh: virtual ", task.virtual_size / 1024);
		out_kb(", resident ", task.resident_size / 1024);
	}
	out_char('\n');
	return 0;
}

int cmd_cpus(int argc, const char *const argv[])
{
	struct host_basic_info host = {0};
	mach_msg_type_number_t n = HOST_BASIC_INFO_COUNT;
	kern_return_t r;

	if (argc > 1)
		return usage_error(argv);
	r = host_info(mach_host_self(), HOST_BASIC_INFO, (host_info_t)&host, &n);
	if (r != KERN_SUCCESS)
		return out_failed("host_info", r);
	out_num((uint64_t)host.avail_cpus);
	out(" available of ");
	out_num((uint64_t)host.max_cpus);
	out(", cpu type ");
	out_num((uint64_t)host.cpu_type);
	out_char('.');
	out_num((uint64_t)host.cpu_subtype);
	out_char('\n');
	return 0;
}
