/* provenance.c - the origin of a run's samples, and the existing results of a resumed run
 * (profiler_internal.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "format/sha256.h"
#include "profile/host_facts.h"
#include "profile/profiler_internal.h"
#include "qemu/emulator.h"

/* The SHA-256 of the file PATH; "" if it does not exist. */
static bool sum_file(const char *path, char out[SHA256_TEXT], struct error *err)
{
	struct stat st;

	out[0] = '\0';
	if (!path || !path[0])
		return true;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, true, &st);

	if (fd >= 0 && st.st_size > 1 << 30)
		log_info("%s: %lld MiB are read for its SHA-256", path,
			 (long long)st.st_size >> 20);
	return (fd >= 0 && sha256_file(fd, out)) ||
	       error_set(err, EXIT_NO_PERMISSION, "make it readable", "%s: %s", path,
			 file_strerror(errno));
}

/* The sum of an image with backing files is the sum of their sums. */
static bool sum_image(const struct disk *disk, const char *path, char out[SHA256_TEXT],
		      struct error *err)
{
	char sums[DISK_LAYERS_MAX][SHA256_TEXT] = {{0}};
	int n = 0;

	if (!sum_file(path, out, err))
		return false;
	for (int i = disk->overlays + 1; i < disk->count; i++, n++)
		if (!sha256_file(disk->layers[i].fd, sums[n + 1]))
			return error_set(err, EXIT_NO_PERMISSION, "make them readable",
					 "the backing files of %s: %s", path, strerror(errno));
	memcpy(sums[0], out, SHA256_TEXT);
	if (n > 0)
		sha256_text(sums, (size_t)(n + 1) * SHA256_TEXT, out);
	return true;
}

/* The file of QEMU_INITRD; of several modules the sum of their sums. */
static bool sum_initrd(const char *initrd, char out[SHA256_TEXT], struct error *err)
{
	struct text sums = {0};
	char path[4096];
	char sum[SHA256_TEXT];
	bool ok = true;

	if (!initrd || access(initrd, F_OK) == 0)
		return sum_file(initrd, out, err);
	while (ok && kernel_module(&initrd, path)) {
		ok = sum_file(path, sum, err);
		text_add(&sums, "%s\n", sum);
	}
	if (ok && sums.failed)
		ok = error_set(err, EXIT_INTERNAL, "give the container more memory",
			       "no memory for the modules' SHA-256");
	if (ok)
		sha256_text(sums.bytes, sums.len, out);
	text_free(&sums);
	return ok;
}

/* The file whose sum is that of the image. */
static const char *image_path(const struct plan *plan)
{
	return plan->disk.count ? plan->disk.path : plan->s.floppy ? plan->s.floppy : plan->s.cdrom;
}

/* Add PATH of SETTING, or its disk D, unless it is there. */
static bool take_file(struct profiler *p, const struct plan *plan, const char *setting,
		      const char *path, const struct disk *d, const char *arch, struct error *err)
{
	struct report *r = &p->report;
	char name[sizeof r->file->setting];
	char sum[SHA256_TEXT];

	if (!path)
		return true;
	(void)snprintf(name, sizeof name, arch ? "%s %s" : "%s", setting, arch);
	if (report_file_sha256(r, name)[0])
		return true;
	if (strcmp(path, image_path(plan) ? image_path(plan) : "") == 0 && !arch)
		memcpy(sum, r->image_sha256, sizeof sum);
	else if (!(d					 ? sum_image(d, path, sum, err)
		   : strcmp(setting, "QEMU_INITRD") == 0 ? sum_initrd(path, sum, err)
							 : sum_file(path, sum, err)))
		return false;
	report_add_file(r, name, sum);
	return true;
}

bool provenance_of_cell(struct profiler *p, const struct plan *plan, const char *arch,
			struct error *err)
{
	const struct settings *s = &plan->s;
	struct {
		const char *setting, *path;
		const struct disk *disk;
	} files[8 + DISKS_MORE] = {{"QEMU_KERNEL", s->kernel, NULL},
				   {"QEMU_DRIVE", plan->disk.path, &plan->disk},
				   {"QEMU_BIOS", settings_no_firmware(s) ? NULL : s->bios, NULL},
				   {"QEMU_CDROM", s->cdrom, NULL},
				   {"QEMU_CDROM2", s->cdrom2, NULL},
				   {"QEMU_DTB", s->dtb, NULL},
				   {"QEMU_INITRD", s->initrd, NULL},
				   {"VM_MARKERS", s->markers, NULL}};
	const size_t fixed = 2; /* the image and the kernel have members of their own */
	bool ok = p->report.kernel_sha256[0] || sum_file(s->kernel, p->report.kernel_sha256, err);

	for (int i = 0; i < DISKS_MORE; i++) {
		struct more_disk more = settings_more_disk(s, i);

		files[8 + i].setting = more.setting;
		files[8 + i].path = more.path;
		files[8 + i].disk = &plan->more[i];
	}
	p->report.files_known = true;
	for (size_t i = 0; ok && i < sizeof files / sizeof *files; i++) {
		bool depends = arch && environment_has_arch(p->envp, files[i].setting);

		if (depends || i >= fixed)
			ok = take_file(p, plan, files[i].setting, files[i].path, files[i].disk,
				       depends ? arch : NULL, err);
	}
	return ok;
}

/* The settings as given by the user, without the changes of the cells. */
static bool take_settings(struct profiler *p, struct error *err)
{
	struct settings *s = calloc(1, sizeof *s);
	struct errors *errs = calloc(1, sizeof *errs); /* reported by the plan */
	char *value = malloc(8192);
	bool ok = s && errs && value;

	if (ok)
		(void)settings_parse(p->envp, s, errs);
	for (int i = 0; ok && i < SETTINGS_COUNT; i++) {
		if (!s->given[i])
			continue;
		(void)setting_text(s, (enum setting_id)i, value, 8192);
		if (strcmp(value, setting_table[i].dflt) != 0)
			ok = report_add_setting(&p->report, setting_table[i].name, value);
	}
	free(s);
	free(errs);
	free(value);
	return ok || error_set(err, EXIT_INTERNAL, "give the container more memory",
			       "no memory for the settings");
}

static void take_program(struct report *r)
{
	const char *commit = strstr(VM_VERSION, "-g");

	(void)snprintf(r->program, sizeof r->program, "vm %s", VM_VERSION);
	(void)snprintf(r->commit, sizeof r->commit, "%s", commit ? commit + 2 : "");
}

static bool take_qemu_version(struct report *r, const struct plan *plan, struct error *err)
{
	struct emulator *e = malloc(sizeof *e);
	bool ok = e && plan_query_emulator(plan, NULL, e, err);

	if (ok)
		(void)snprintf(r->qemu_version, sizeof r->qemu_version, "%s", e->version);
	free(e);
	return ok;
}

bool provenance_take(struct profiler *p, const struct plan *plan, struct error *err)
{
	struct report *r = &p->report;
	struct part *part = report_add_part(r);

	take_program(r);
	(void)snprintf(part->created, sizeof part->created, "%s", r->created);
	(void)snprintf(part->accelerator, sizeof part->accelerator, "%s", r->accelerator);
	part->shard = r->shard;
	(void)random_hex(part->id);
	r->seed = 20251101; /* arbitrary, but fixed, so that results can be compared */
	host_facts(&part->host);
	return sum_image(&plan->disk, image_path(plan), r->image_sha256, err) &&
	       sum_file(p->o->install, r->install_sha256, err) && take_settings(p, err) &&
	       take_qemu_version(r, plan, err);
}

/* Insert OLD's parts and samples before P's own part. */
static bool take_over(struct profiler *p, struct report *old, struct error *err)
{
	struct report *r = &p->report;
	struct part mine = r->part[0];

	if (old->parts == REPORT_PARTS)
		return error_set(err, EXIT_BAD_USAGE, "begin a new one: --out DIR",
				 "%s was resumed %d times", p->dir, REPORT_PARTS - 1);
	memcpy(r->part, old->part, old->parts * sizeof *r->part);
	r->parts = old->parts;
	r->part[r->parts++] = mine;
	r->sample = old->sample;
	r->count = old->count;
	old->sample = NULL;
	old->count = 0;
	r->install = old->install;
	r->installs = old->installs;
	old->install = NULL;
	old->installs = 0;
	r->seed = old->seed;
	(void)snprintf(r->created, sizeof r->created, "%s", old->created);
	(void)snprintf(r->guest_line, sizeof r->guest_line, "%s", old->guest_line);
	return true;
}

bool provenance_resume(struct profiler *p, struct error *err)
{
	struct report *old = calloc(1, sizeof *old);
	struct text why = {0};
	bool matrix = false;
	bool ok = old && profile_load(p->dir, old, err);

	if (old && !ok && err->status == EXIT_NO_IMAGE) { /* killed before the first report */
		err->message[0] = '\0';
		err->status = EXIT_CLEAN;
		free(old);
		return true;
	}
	if (ok && old->shard != p->report.shard)
		text_add(&why, "--shard is %ld/%ld in the report and %ld/%ld now", old->shard,
			 old->shards, p->report.shard, p->report.shards);
	if (ok && (why.len || !report_compatible(old, &p->report, &why, &matrix)))
		ok = error_set(
			err, EXIT_BAD_USAGE,
			"repeat the arguments and settings that it was begun with, or begin a "
			"new one: --out DIR",
			"%s cannot be resumed: %s", p->dir, why.bytes ? why.bytes : "");
	ok = ok && take_over(p, old, err);
	if (old)
		report_free(old);
	text_free(&why);
	free(old);
	return ok;
}
