/* resume.c - which saved state a start resumes, and what a state depends on (plan.h).
 *
 * A suspended guest is resumed regardless of the present settings, because its disk is in use by
 * it. A warm state is resumed on request. Either must have been saved from the same machine and
 * over the same disk. QEMU's version is compared when QEMU has sent its QMP greeting.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "host/confined.h"
#include "host/image.h"
#include "plan/plan.h"

/* ---- a state's disk ----------------------------------------------------------------------- */

/* Open and check layer N of the state in DIR. */
static bool open_layer(const struct plan *plan, const char *dir, int n, bool writable,
		       struct disk_layer *layer, struct error *err)
{
	char path[STATE_PATH_MAX + 16];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, state_overlay(n));
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path,
					   (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW, false, &st);

	if (fd < 0)
		return error_set(err, EXIT_NO_IMAGE, "", "%s: %s", path, file_strerror(errno));
	struct image image = {.name = path, .fd = fd, .size = (uint64_t)st.st_size};

	if (!image_check_lock(&image, writable, err) ||
	    !image_check(&image, FORMAT_QCOW2, plan->s.force, err))
		return false;
	*layer = (struct disk_layer){.fd = fd_take(&fd),
				     .format = FORMAT_QCOW2,
				     .writable = writable,
				     .virtual_size = image.virtual_size};
	return true;
}

/* A warm state's layers are inserted between the image and the new overlay; those of a suspended
 * guest replace the overlay. */
static bool add_layers(struct plan *plan, const char *dir, int count, bool suspended,
		       struct error *err)
{
	struct disk *disk = &plan->disk;
	struct disk_layer layers[STATE_OVERLAYS];
	int keep = suspended ? 0 : 1;
	int opened = 0;

	if (count == 0)
		return true;
	if (disk->overlays != 1)
		return error_set(err, EXIT_BAD_IMAGE,
				 "save the state again (vm warm), or remove its directory",
				 "it was saved from a throwaway disk");
	if (disk->count + count > DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "merge some of them: qemu-img convert -O qcow2 FILE NEW.qcow2",
				 "the disk has too many layers");
	while (opened < count &&
	       open_layer(plan, dir, opened, suspended && opened == 0, &layers[opened], err))
		opened++;
	if (opened < count) {
		while (opened > 0)
			fd_close(&layers[--opened].fd);
		return false;
	}
	if (suspended)
		fd_close(&disk->layers[0].fd);
	memmove(disk->layers + keep + count, disk->layers + 1,
		(size_t)(disk->count - 1) * sizeof *layers);
	memcpy(disk->layers + keep, layers, (size_t)count * sizeof *layers);
	disk->count += count - 1 + keep;
	disk->overlays = keep + count;
	return true;
}

/* ---- which state ---------------------------------------------------------------------------- */

/* The memory format of this name in the manifest. STATE_FORMAT_AUTO: unknown name. */
static enum state_format format_named(const char *name)
{
	for (int f = STATE_FORMAT_STREAM; f <= STATE_FORMAT_PACKED; f++) {
		char known[16];

		(void)setting_choice(SETTING_VM_STATE_FORMAT, f, known, sizeof known);
		if (strcmp(name, known) == 0)
			return (enum state_format)f;
	}
	return STATE_FORMAT_AUTO;
}

static bool open_stream(const char *dir, const char *name, int *fd, struct error *err)
{
	char path[STATE_PATH_MAX + 16];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	*fd = open_regular(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, false, NULL);
	return *fd >= 0 || error_set(err, EXIT_NO_IMAGE, "", "%s: %s", path, file_strerror(errno));
}

/* In a child: is the text ARG a valid manifest? */
static bool parse_manifest(const void *arg, void *answer, struct error *err)
{
	static char text[MANIFEST_MAX + 1];
	struct manifest m;
	size_t n = strlen(arg);

	(void)answer;
	memcpy(text, arg, n + 1);
	return manifest_read(text, n, &m) ||
	       error_set(err, EXIT_BAD_IMAGE,
			 "save the state again (vm warm), or remove its directory",
			 "its %s is no manifest of a state", STATE_MANIFEST);
}

/* Read the manifest at PATH into TEXT and M. */
static bool read_manifest(const char *path, char *text, struct manifest *m, struct error *err)
{
	const struct confined c = {.name = path,
				   .run = parse_manifest,
				   .arg = text,
				   .in = -1,
				   .out = -1,
				   .memory = (size_t)64 << 20};
	ssize_t n = read_small(path, text, MANIFEST_MAX + 1);

	if (n < 0)
		return error_set(err, EXIT_BAD_IMAGE, "", "its %s: %s", STATE_MANIFEST,
				 file_strerror(errno));
	/* The child read it up to a zero byte. */
	return confined_run(&c, err) &&
	       ((strlen(text) == (size_t)n && manifest_read(text, (size_t)n, m)) ||
		error_set(err, EXIT_BAD_IMAGE,
			  "save the state again (vm warm), or remove its directory",
			  "its %s is no manifest of a state", STATE_MANIFEST));
}

/* QEMU may reject the saved state: keep the plan for a cold start. */
static bool keep_cold(struct plan *plan, struct error *err)
{
	struct disk *disk = &plan->cold.disk;

	plan->cold.args = plan->args;
	plan->cold.args_tcg = plan->args_tcg;
	args_rebase(&plan->cold.args, &plan->args);
	args_rebase(&plan->cold.args_tcg, &plan->args_tcg);
	*disk = plan->disk;
	for (int i = 0; i < disk->count; i++) {
		disk->layers[i].fd = fcntl(disk->layers[i].fd, F_DUPFD_CLOEXEC, 3);
		if (disk->layers[i].fd < 0) {
			disk->count = i;
			disk_close(disk);
			return error_set(err, EXIT_INTERNAL,
					 "raise the limit on open files (ulimit -n)",
					 "no descriptor for the disk: %s", strerror(errno));
		}
	}
	return true;
}

/* Store LINE as the console's prompt, if it can be one. */
static void take_line(struct resume *r, const char *line)
{
	for (const char *p = line ? line : ""; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || p - line >= PROMPT_LINE - 1)
			return;
	(void)snprintf(r->line, sizeof r->line, "%s", line ? line : "");
}

/* Add the existing state in DIR to the plan. False, with the reason, if it does not fit. */
static bool take(struct plan *plan, const char *dir, bool suspended, struct error *err)
{
	static char text[MANIFEST_MAX + 1];
	char path[STATE_PATH_MAX + 16];
	char why[512];
	struct manifest saved;
	struct manifest now;
	struct plan_ram ram = {.fd = -1, .from = -1};
	_cleanup_fd_ int stream = -1;

	(void)snprintf(path, sizeof path, "%s/" STATE_MANIFEST, dir);
	if (!read_manifest(path, text, &saved, err) || !plan_machine(plan, &now, err))
		return false;
	if (!manifest_same(&saved, &now, why, sizeof why))
		return error_set(err, EXIT_BAD_IMAGE, "", "%s", why);
	enum state_format format = format_named(saved.memory);
	bool packed = format == STATE_FORMAT_PACKED;
	bool apart = packed || format == STATE_FORMAT_MAPPED;

	if (format == STATE_FORMAT_AUTO)
		return error_set(err, EXIT_BAD_IMAGE,
				 "save the state again (vm warm), or remove its directory",
				 "the format of its memory is unknown to this version");
	if (!keep_cold(plan, err) ||
	    !open_stream(dir, apart ? STATE_DEVICES : STATE_MEMORY, &stream, err) ||
	    (apart && !plan_ram_resume(plan, dir, packed, suspended, &ram, err)))
		return false;
	if (!add_layers(plan, dir, (int)saved.overlays, suspended, err)) {
		fd_close(&ram.fd);
		fd_close(&ram.from);
		return false;
	}
	plan->cold.ram = plan->ram;
	if (apart)
		plan->ram = ram;
	else /* QEMU reads the stream into memory of the same kind */
		plan->cold.ram.fd = fcntl(plan->ram.fd, F_DUPFD_CLOEXEC, 3);
	plan->resume = (struct resume){.kind = suspended ? RESUME_SUSPENDED : RESUME_WARM,
				       .stream = fd_take(&stream),
				       .format = format,
				       .ready = saved.ready,
				       .login = saved.login,
				       .console = prompt_state_named(saved.console),
				       .saved = saved.saved};
	take_line(&plan->resume, saved.line);
	(void)snprintf(plan->resume.dir, sizeof plan->resume.dir, "%s", dir);
	(void)snprintf(plan->resume.qemu, sizeof plan->resume.qemu, "%s", saved.qemu);
	return true;
}

static void remove_stale(const struct plan *plan)
{
	char dir[STATE_PATH_MAX];
	struct error err = {0};

	if (!plan->repairs || !state_path(&plan->s, &plan->disk, "warm", dir, &err))
		return;
	int n = state_remove_stale(dir);

	if (n > 0)
		log_info("removed %d incomplete saved state%s of an earlier run from %.*s", n,
			 n == 1 ? "" : "s", (int)(strrchr(dir, '/') - dir), dir);
}

void plan_resume(struct plan *plan)
{
	static const char *const kinds[] = {"suspended", "warm"};
	char dir[STATE_PATH_MAX];

	plan_check_kept(plan);
	remove_stale(plan);
	/* The running guest has already resumed or removed its state. */
	for (int i = 0; i < 2 && !plan->s.guest_runs; i++) {
		struct error err = {0};

		if ((i == 1 && !plan->s.warm) ||
		    !state_path(&plan->s, &plan->disk, kinds[i], dir, &err) ||
		    access(dir, F_OK) != 0)
			continue;
		if (take(plan, dir, i == 0, &err) && plan_args(plan, &err)) {
			plan_set_direct_io(plan);
			return;
		}
		disk_close(&plan->cold.disk);
		(void)errors_add(&plan->warnings, err.status, "",
				 "%s is not resumed: %s; this is a cold start", dir, err.message);
	}
}
