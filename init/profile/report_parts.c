/* report_parts.c - the components of a report (parts, hosts, settings, notes), and whether two
 * reports can be joined (report.h). */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

struct part *report_add_part(struct report *r)
{
	if (r->parts == REPORT_PARTS)
		return NULL;
	struct part *p = &r->part[r->parts++];

	*p = (struct part){.shard = 1,
			   .host = {.cpus = NAN,
				    .allowed = NAN,
				    .cpu_limit = NAN,
				    .memory_mib = NAN,
				    .memory_limit_mib = NAN},
			   .resolution = {NAN, NAN, NAN, NAN}};
	return p;
}

bool report_add_setting(struct report *r, const char *name, const char *value)
{
	struct report_setting *all = realloc(r->setting, (r->settings + 1) * sizeof *all);

	if (!all)
		return false;
	r->setting = all;
	struct report_setting *s = &all[r->settings];

	*s = (struct report_setting){strdup(name), strdup(value)};
	r->settings++;
	return s->name && s->value;
}

bool report_add_install(struct report *r, const struct install *i)
{
	for (size_t k = 0; k < r->installs; k++)
		if (r->install[k].cell == i->cell && r->install[k].part == i->part)
			return true;
	struct install *all = realloc(r->install, (r->installs + 1) * sizeof *all);

	if (!all)
		return false;
	r->install = all;
	all[r->installs++] = *i;
	return true;
}

bool report_add_note(struct report *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	char **all = realloc(r->note, (r->notes + 1) * sizeof *all);

	if (!all)
		return false;
	r->note = all;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	all[r->notes] = strdup(text);
	return all[r->notes++] != NULL;
}

void report_free(struct report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->sample[i].phase);
	for (size_t i = 0; i < r->settings; i++) {
		free(r->setting[i].name);
		free(r->setting[i].value);
	}
	for (size_t i = 0; i < r->notes; i++)
		free(r->note[i]);
	free(r->sample);
	free(r->setting);
	free(r->note);
	free(r->install);
	r->sample = NULL;
	r->setting = NULL;
	r->note = NULL;
	r->install = NULL;
	r->count = r->settings = r->notes = r->installs = 0;
}

bool report_same_host(const struct host_facts *a, const struct host_facts *b)
{
	return (a->boot_id[0] && strcmp(a->boot_id, b->boot_id) == 0) ||
	       (strcmp(a->name, b->name) == 0 && strcmp(a->cpu, b->cpu) == 0 &&
		strcmp(a->kernel, b->kernel) == 0);
}

size_t report_hosts(const struct report *r, size_t host[REPORT_PARTS])
{
	size_t n = 0;

	for (size_t i = 0; i < r->parts; i++) {
		size_t k = 0;

		while (k < i && !report_same_host(&r->part[k].host, &r->part[i].host))
			k++;
		host[i] = k < i ? host[k] : n++;
	}
	return n;
}

/* ---- can they be joined? ---- */

static void differ(struct text *why, const char *what, const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		text_add(why, "%s%s is %s in one, %s in the other", why->len ? "; " : "", what,
			 a[0] ? a : "unknown", b[0] ? b : "unknown");
}

static void differ_long(struct text *why, const char *what, long a, long b)
{
	char ta[32];
	char tb[32];

	(void)snprintf(ta, sizeof ta, "%ld", a);
	(void)snprintf(tb, sizeof tb, "%ld", b);
	differ(why, what, ta, tb);
}

/* Settings that affect the measurement. File names do not; the contents have their own checksum. */
static bool matters(const char *name)
{
	static const char *const ours[] = {
		"VM_GUEST",	 "QEMU_ARCH",	"QEMU_RAM",	   "QEMU_SMP",
		"QEMU_MACHINE",	 "QEMU_CPU",	"QEMU_ACCEL",	   "QEMU_HPET",
		"QEMU_USB",	 "QEMU_RTC",	"QEMU_FIRMWARE",   "QEMU_DRIVE_FORMAT",
		"QEMU_DISK_BUS", "QEMU_CACHE",	"QEMU_AIO",	   "QEMU_BOOT_ORDER",
		"VM_BOOT",	 "QEMU_APPEND", "QEMU_NET",	   "QEMU_NET_MODEL",
		"QEMU_VGA",	 "QEMU_GL",	"QEMU_EXTRA_ARGS", "VM_SANDBOX",
		"VM_READY",
	};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

static const char *value_of(const struct report *r, const char *name)
{
	for (size_t i = 0; i < r->settings; i++)
		if (strcmp(r->setting[i].name, name) == 0)
			return r->setting[i].value;
	return "the default";
}

static void compare_settings(const struct report *a, const struct report *b, struct text *why)
{
	for (size_t i = 0; i < a->settings; i++)
		if (matters(a->setting[i].name))
			differ(why, a->setting[i].name, a->setting[i].value,
			       value_of(b, a->setting[i].name));
	for (size_t i = 0; i < b->settings; i++)
		if (matters(b->setting[i].name) &&
		    strcmp(value_of(a, b->setting[i].name), "the default") == 0)
			differ(why, b->setting[i].name, "the default", b->setting[i].value);
}

static void compare_matrix(const struct report *a, const struct report *b, struct text *why)
{
	differ_long(why, "the number of cells", (long)a->cells, (long)b->cells);
	for (size_t i = 0; i < a->cells && i < b->cells; i++) {
		differ(why, "a cell's name", a->cell[i].key, b->cell[i].key);
		for (int x = 0; x < AXES; x++)
			if (strcmp(a->cell[i].key, b->cell[i].key) == 0 &&
			    strcmp(a->cell[i].value[x], b->cell[i].value[x]) != 0)
				text_add(why, "%s%s of %s is %s in one, %s in the other",
					 why->len ? "; " : "", axis_name((enum axis)x),
					 a->cell[i].key, a->cell[i].value[x], b->cell[i].value[x]);
	}
	differ_long(why, "--samples", a->samples, b->samples);
	differ_long(why, "--warm-up", a->warm_up, b->warm_up);
	differ(why, "--until", a->until, b->until);
	differ_long(why, "the N of --shard I/N", a->shards, b->shards);
	if (a->shards > 1)
		differ(why, "--shard-by", a->by_cells ? "cells" : "samples",
		       b->by_cells ? "cells" : "samples");
}

static const char *sum_or_none(const struct report *r, const char *setting)
{
	const char *sum = report_file_sha256(r, setting);

	return sum[0] ? sum : "none";
}

/* The files of one whose report does not name them are unknown. */
void report_compare_files(const struct report *a, const struct report *b, struct text *why)
{
	char what[64];

	for (size_t i = 0; a->files_known && b->files_known && i < a->files + b->files; i++) {
		const struct report *from = i < a->files ? a : b;
		const char *setting = from->file[i < a->files ? i : i - a->files].setting;

		if (from == b && report_file_sha256(a, setting)[0])
			continue;
		(void)snprintf(what, sizeof what, "the SHA-256 of %s", setting);
		differ(why, what, sum_or_none(a, setting), sum_or_none(b, setting));
	}
}

bool report_compatible(const struct report *a, const struct report *b, struct text *why,
		       bool *matrix)
{
	compare_matrix(a, b, why);
	*matrix = why->len > 0;
	differ_long(why, "--timeout", a->timeout_s, b->timeout_s);
	differ_long(why, "--jobs", a->jobs, b->jobs);
	differ(why, "--pin", a->pin ? "given" : "not given", b->pin ? "given" : "not given");
	differ(why, "the guest", a->guest, b->guest);
	differ(why, "the image's SHA-256", a->image_sha256, b->image_sha256);
	differ(why, "the kernel's SHA-256", a->kernel_sha256, b->kernel_sha256);
	report_compare_files(a, b, why);
	differ(why, "the program", a->program, b->program);
	differ(why, "QEMU's version", a->qemu_version, b->qemu_version);
	differ(why, "the SHA-256 of --install", a->install_sha256, b->install_sha256);
	differ(why, "--install-size", a->install_size, b->install_size);
	compare_settings(a, b, why);
	return why->len == 0;
}
