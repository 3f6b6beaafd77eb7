/* fsck.c - see fsck.h.
 *
 * Only layers that the guest writes to are repaired: the image, or the overlay on top of it. A disk
 * that belongs to a saved state is left alone as long as that state may be resumed, because its
 * file systems are mounted in that state's memory. A start that cannot resume the state boots from
 * the disk, which invalidates the state anyway: so it repairs the disk first.
 */
#include "plan/fsck.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/confined.h"
#include "host/repair.h"

#define LINES_LOGGED 100

struct target {
	struct disk *disk;
	struct file_systems *found;
	const char *name;
};

#define TARGETS (1 + DISKS_MORE)

static int targets(struct plan *plan, struct target out[TARGETS])
{
	int n = 0;

	for (int i = 0; i < TARGETS; i++) {
		struct disk *d = i == 0 ? &plan->disk : &plan->more[i - 1];

		if (d->count > 0)
			out[n++] = (struct target){d, &plan->fsck.found[i],
						   d->overlay[0] ? d->overlay : d->path};
	}
	return n;
}

/* Path of the log of an interrupted repair; "" for a disk that is removed with this container. */
static void log_path(const struct plan *plan, const struct disk *disk, char out[STATE_PATH_MAX])
{
	struct error err = {0};

	if (plan->s.disk_mode == DISK_MODE_THROWAWAY || disk->overlay_new ||
	    !state_path(&plan->s, disk, "repair", out, &err))
		out[0] = '\0';
}

static bool is_cut_off(const struct plan *plan, const struct disk *disk)
{
	char log[STATE_PATH_MAX];

	log_path(plan, disk, log);
	return log[0] && access(log, F_OK) == 0;
}

/* Is there a suspended guest that this start does not resume? */
static bool is_suspended(const struct plan *plan, char dir[STATE_PATH_MAX])
{
	struct error err = {0};

	return state_path(&plan->s, &plan->disk, "suspended", dir, &err) && access(dir, F_OK) == 0;
}

bool fsck_no_state(const struct plan *plan, struct error *err)
{
	char dir[STATE_PATH_MAX];

	return !is_suspended(plan, dir) ||
	       error_set(err, EXIT_BAD_IMAGE,
			 "start and stop that guest, or remove the state to give it up",
			 "a suspended guest has this disk's file systems mounted: %s", dir);
}

void plan_fsck_inspect(struct plan *plan)
{
	struct target t[TARGETS];
	struct error err = {0};
	int n = targets(plan, t);

	memset(&plan->fsck, 0, sizeof plan->fsck);
	/* The running guest has the file systems mounted. */
	if (plan->s.guest_runs || plan->errors.count)
		return;
	for (int i = 0; i < n; i++)
		if (!file_systems_find(t[i].disk, t[i].disk->path, t[i].found, &err)) {
			*t[i].found = (struct file_systems){0};
			(void)snprintf(plan->fsck.unread, sizeof plan->fsck.unread,
				       "%.200s: the state of its file systems is unknown: "
				       "%.150s",
				       t[i].name, err.message);
		}
}

static const char *describe_state(const struct file_system *f)
{
	return f->unclean ? "was not unmounted cleanly" : "has errors that its driver found";
}

/* Log it before the repair, which may take long. */
static void __attribute__((format(printf, 2, 3))) warning(struct plan *plan, const char *fmt, ...)
{
	char text[sizeof((struct error *)NULL)->message];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (plan->repairs)
		log_warning("%s", text);
	else
		(void)errors_add(&plan->warnings, EXIT_BAD_IMAGE, "", "%s", text);
}

static void warn(struct plan *plan, const struct target *t, const char *what)
{
	char name[FILE_SYSTEM_NAME];

	for (size_t i = 0; i < t->found->count; i++) {
		const struct file_system *f = &t->found->list[i];

		if (file_system_dirty(f))
			warning(plan, "%.300s: %s %s: %s", t->name, file_system_name(f, name),
				describe_state(f), what);
	}
	if (is_cut_off(plan, t->disk))
		warning(plan, "%.300s: a repair of it was interrupted: %s", t->name,
			plan->s.fsck == FSCK_OFF ? what : "it is completed before the start");
}

void plan_fsck_warn(struct plan *plan)
{
	struct target t[TARGETS];
	char dir[STATE_PATH_MAX];
	char what[STATE_PATH_MAX + 160];
	int n = targets(plan, t);

	if (plan->resume.kind != RESUME_NONE || plan->s.guest_runs || plan->facts.unattended)
		return;
	if (plan->s.fsck == FSCK_OFF)
		(void)snprintf(what, sizeof what, "that is left to the guest (VM_FSCK=off)");
	else if (is_suspended(plan, dir))
		(void)snprintf(what, sizeof what,
			       "e2fsck -p repairs it before the guest starts; the guest that is "
			       "suspended in %.300s cannot be resumed after that",
			       dir);
	else
		(void)snprintf(what, sizeof what, "e2fsck -p repairs it before the guest starts");
	for (int i = 0; i < n; i++)
		warn(plan, &t[i], what);
}

/* ---- repairing ---------------------------------------------------------------------------- */

static void log_lines(char *text)
{
	int count = 0;

	for (char *line = strtok(text, "\n"); line && count < LINES_LOGGED;
	     line = strtok(NULL, "\n"))
		if (line[strspn(line, " \t\r")]) {
			log_output("e2fsck", line);
			count++;
		}
	if (count == LINES_LOGGED)
		log_output("e2fsck", "(more lines)");
}

static void log_result(struct plan *plan, const struct repair *r, const struct file_system *f,
		       const char *option, const struct repair_result *out, uint64_t ms)
{
	char name[FILE_SYSTEM_NAME];
	char *result = plan->fsck.result;
	size_t used = strlen(result);
	size_t room = sizeof plan->fsck.result - used;

	(void)file_system_name(f, name);
	if (repair_succeeded(out->status)) {
		log_info("%s: %s is clean now: %s, %llu KiB written, %llu ms", r->name, name,
			 out->status & 1 ? "e2fsck has repaired it" : "it had no errors",
			 (unsigned long long)out->pieces * 4, (unsigned long long)ms);
		(void)snprintf(result + used, room, "%s%s repaired", used ? "; " : "", name);
		plan->fsck.repaired++;
		return;
	}
	log_warning("%s: %s: e2fsck %s cannot repair it (status %d); the disk is unchanged",
		    r->name, name, option, out->status);
	if (strcmp(option, "-p") == 0)
		log_line(LOG_WARNING, "  fix: ",
			 "copy the image; then, with the guest stopped: vm fsck --yes (docker "
			 "compose run --rm hurd fsck --yes), which answers e2fsck's questions with "
			 "yes");
	(void)snprintf(result + used, room, "%s%s needs vm fsck --yes", used ? "; " : "", name);
}

/* Log ERR and continue the start, unless a signal caused the error. */
static bool warned(struct error *err)
{
	if (err->status == EXIT_CLEAN)
		return false;
	log_warning("%s", err->message);
	if (err->fix[0])
		log_line(LOG_WARNING, "  fix: ", "%s", err->fix);
	*err = (struct error){0};
	return true;
}

static bool repair_one(struct plan *plan, const struct repair *r, const struct file_system *f,
		       const char *option, int *status, struct error *err)
{
	struct repair_result out;
	uint64_t began = clock_now();
	bool ok = repair_part(r, f->start, f->length, option, &out, err);

	if (out.said.bytes)
		log_lines(out.said.bytes);
	text_free(&out.said);
	if (ok) {
		*status |= out.status;
		log_result(plan, r, f, option, &out, (clock_now() - began) / 1000000);
		return true;
	}
	/* A partial repair must not become visible to a guest. */
	if (out.decided || !warned(err))
		return false;
	*status |= 8; /* e2fsck(8): operational error */
	return true;
}

static bool finish(struct plan *plan, const struct repair *r, struct file_systems *found,
		   struct error *err)
{
	uint64_t pieces;
	bool stale;

	if (!repair_apply_log(r, &pieces, &stale, err))
		return false;
	if (stale)
		log_warning("%s: the log of an interrupted repair does not match the disk, and was "
			    "removed",
			    r->name);
	else if (pieces)
		log_info("%s: the interrupted repair is completed", r->name);
	if (!pieces && !stale)
		return true;
	(void)snprintf(plan->fsck.result, sizeof plan->fsck.result, "%s",
		       stale ? "an old repair was dropped" : "a repair was completed");
	return file_systems_find(r->disk, r->name, found, err);
}

static bool fsck_disk(struct plan *plan, const struct target *t, const char *option,
		      bool dirty_only, int *status, struct error *err)
{
	char log[STATE_PATH_MAX];

	log_path(plan, t->disk, log);
	const struct repair r = {&plan->s, &plan->identity, t->disk, t->name, log[0] ? log : NULL};

	if (!finish(plan, &r, t->found, err))
		return false;
	for (size_t i = 0; i < t->found->count; i++) {
		const struct file_system *f = &t->found->list[i];

		if ((!dirty_only || file_system_dirty(f)) &&
		    !repair_one(plan, &r, f, option, status, err))
			return false;
	}
	return true;
}

bool fsck_disks(struct plan *plan, const char *option, bool dirty_only, int *status,
		struct error *err)
{
	struct target t[TARGETS];
	int n = targets(plan, t);

	*status = 0;
	for (int i = 0; i < n; i++)
		if (!fsck_disk(plan, &t[i], option, dirty_only, status, err))
			return false;
	return true;
}

static bool any_dirty(struct plan *plan)
{
	struct target t[TARGETS];
	int n = targets(plan, t);
	bool dirty = false;

	for (int i = 0; i < n; i++) {
		dirty |= is_cut_off(plan, t[i].disk);
		for (size_t k = 0; k < t[i].found->count; k++)
			dirty |= file_system_dirty(&t[i].found->list[k]);
	}
	return dirty;
}

bool plan_fsck(struct plan *plan, struct error *err)
{
	int status;

	if (plan->s.fsck == FSCK_OFF)
		return true;
	if (plan->resume.kind == RESUME_NONE)
		return fsck_disks(plan, "-p", true, &status, err);
	plan->fsck.cold = any_dirty(plan);
	return true;
}
