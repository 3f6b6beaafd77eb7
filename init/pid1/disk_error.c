/* disk_error.c - see disk_error.h.
 *
 * The guest is continued if there is more free space than at the failed write, and more than a
 * minimum. Some causes are not visible to fstatvfs(3) (a quota, a disk of QEMU_EXTRA_ARGS on
 * another file system), so the guest is also continued from time to time without that evidence. A
 * failed attempt costs nothing: QEMU keeps the failed writes, repeats them first and pauses again.
 */
#include "pid1/disk_error.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "pid1/env.h"

#define SECOND	   UINT64_C(1000000000)
#define LOOK_NS	   SECOND
#define RETRY_NS   (60 * SECOND)
#define BURST_NS   (5 * SECOND)
#define ROOM_LEAST (UINT64_C(4) << 20)
#define STUCK_NS   (2 * SECOND) /* QEMU may still be working on a `loadvm` when it answers */

/* Bytes that QEMU's user can still write on the guest disk's file system; 0 if unknown. */
static uint64_t room(const struct disk_error *d)
{
	const struct disk *disk = &d->env->plan->disk;
	struct statvfs fs;

	if (disk->count == 0 || fstatvfs(disk->layers[0].fd, &fs) != 0)
		return 0;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* Where the guest's writes go: its image, or the directory of the unnamed overlay. */
static const char *place(const struct disk_error *d)
{
	const struct settings *s = &d->env->plan->s;

	return s->disk_mode == DISK_MODE_THROWAWAY ? s->tmp_dir
	       : d->env->plan->disk.overlay[0]	   ? d->env->plan->disk.overlay
						   : d->env->plan->disk.path;
}

static void set_paused(struct disk_error *d, bool paused)
{
	if (d->paused == paused)
		return;
	d->paused = paused;
	env_condition(d->env, COND_DISK_ERROR, paused);
}

static void set_full(struct disk_error *d, bool full)
{
	d->full = full;
	env_condition(d->env, COND_DISK_FULL, full);
}

static void on_full(struct disk_error *d)
{
	uint64_t now = clock_now();

	set_paused(d, true);
	d->room = room(d);
	env_timer(d->env, TIMER_DISK, now + LOOK_NS);
	if (d->full)
		return;
	set_full(d, true);
	d->since_ns = now;
	d->retry_ns = now + RETRY_NS;
	event("disk-full", J_INT("free", d->room));
	log_error("no space left on the host for the guest's disk (%s): the guest is paused, "
		  "nothing is lost",
		  place(d));
	log_line(LOG_ERROR,
		 "  fix: ", "free space there; the guest is then continued automatically");
}

/* Whether `cont` is still allowed: no stop has passed its asking steps. */
static bool may_run(const struct disk_error *d)
{
	return d->env->life->rung == RUNG_NONE || rung_is_gentle(d->env->life->rung);
}

/* ---- stopped by QEMU ---------------------------------------------------------------------- */

/* Run states (QAPI RunState, qapi/run-state.json) that a guest does not leave without help. */
struct stuck {
	const char *status;
	bool passes; /* also the state during a load in progress */
	enum condition condition;
	const char *log, *fix;
};

static const struct stuck stuck_states[] = {
	{"restore-vm", true, COND_LOAD_FAILED,
	 "a snapshot could not be loaded (loadvm at the monitor): the guest is paused, its memory "
	 "may "
	 "be half the snapshot's",
	 "vm reset restarts it from its disk; or load another snapshot"},
	{"internal-error", false, COND_INTERNAL_ERROR,
	 "QEMU has stopped the guest for an internal error: its processor is in a state that the "
	 "accelerator cannot run",
	 "see qemu.log; vm reset restarts the guest, QEMU_ACCEL=tcg runs it without KVM"},
	{"watchdog", false, COND_WATCHDOG, "the machine's watchdog has stopped the guest",
	 "vm reset restarts it"},
};

static void say_stuck(struct disk_error *d)
{

	if (d->stuck_logged)
		return;
	d->stuck_logged = true;
	log_error("%s", d->stuck->log);
	log_line(LOG_ERROR, "  fix: ", "%s", d->stuck->fix);
	event("stuck", J_TEXT("status", d->stuck->status));
	post(d->env, NOTICE_PROBLEM);
}

static void set_stuck(struct disk_error *d, const struct stuck *stuck)
{
	const struct stuck *before = d->stuck;

	if (before == stuck)
		return;
	d->stuck = stuck;
	if (before)
		env_condition(d->env, before->condition, false);
	if (stuck)
		env_condition(d->env, stuck->condition, true);
}

static void on_status(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	struct disk_error *d = arg;
	const char *status = json_string(doc, result, "status");
	const struct stuck *before = d->stuck;

	(void)q, (void)error;
	const struct stuck *now = NULL;

	for (size_t i = 0; status && i < sizeof stuck_states / sizeof *stuck_states; i++)
		if (strcmp(status, stuck_states[i].status) == 0)
			now = &stuck_states[i];
	set_stuck(d, now);
	if (!d->stuck)
		return;
	if (d->stuck->passes && d->stuck != before)
		env_timer(d->env, TIMER_STUCK, clock_now() + STUCK_NS);
	else
		say_stuck(d);
}

void disk_error_paused(struct disk_error *d)
{
	if (!lifecycle_any(d->env->life, COND_ANY_SNAPSHOT | COND_ANY_SAVE | 1u << COND_HELD |
						 1u << COND_CHECKING_WRITES))
		(void)qmp_send(d->env->qmp, "query-status", NULL, on_status, d);
}

void disk_error_stuck_timer(struct disk_error *d)
{
	if (d->stuck)
		(void)qmp_send(d->env->qmp, "query-status", NULL, on_status, d);
}

void disk_error_resumed(struct disk_error *d)
{
	set_paused(d, false);
	set_stuck(d, NULL);
	d->stuck_logged = false;
	env_timer(d->env, TIMER_STUCK, 0);
	/* Writes that fail again within this time belong to the same episode. */
	if (d->full)
		env_timer(d->env, TIMER_DISK, clock_now() + LOOK_NS);
}

void disk_error_timer(struct disk_error *d)
{
	uint64_t now = clock_now();

	if (!d->full)
		return;
	if (!d->paused) {
		set_full(d, false);
		event("disk-room", J_INT("free", room(d)));
		log_info("there is space for the guest's disk again: the guest is continued, after "
			 "%llu s",
			 (unsigned long long)((now - d->since_ns) / SECOND));
		return;
	}
	uint64_t free = room(d);

	if (may_run(d) && ((free > d->room && free >= ROOM_LEAST) || now >= d->retry_ns)) {
		d->retry_ns = now + RETRY_NS;
		(void)env_continue(d->env);
	}
	env_timer(d->env, TIMER_DISK, now + LOOK_NS);
}

/* An error other than lack of space: the guest was logged, or is paused (werror=stop). */
static void on_failure(struct disk_error *d, const struct json *doc, const struct json_value *data,
		       bool stop)
{
	const char *operation = json_string(doc, data, "operation");
	const char *reason = json_string(doc, data, "reason");
	bool burst = d->env->timers->at[TIMER_DISK_ERRORS] != 0;
	bool logged = burst && (d->paused || !stop);

	set_paused(d, d->paused || stop);
	if (logged) {
		d->unlogged++;
		return;
	}
	env_timer(d->env, TIMER_DISK_ERRORS, clock_now() + BURST_NS);
	operation = operation && strcmp(operation, "read") == 0 ? "read" : "write";
	event("disk-error", J_TEXT("operation", operation), J_BOOL("paused", stop));
	log_error("the host cannot %s the guest's disk (%s): %s; %s", operation, place(d),
		  reason ? reason : "no reason given",
		  stop ? "the guest is paused, nothing is lost" : "the guest gets the error");
	log_line(LOG_ERROR, "  fix: ",
		 stop ? "repair the disk, then: vm monitor cont"
		      : "repair the host's disk or the image (qemu-img check), then restart the "
			"guest");
}

void disk_error_count_timer(struct disk_error *d)
{
	if (d->unlogged == 0)
		return;
	log_error("%llu more errors of the guest's disk", (unsigned long long)d->unlogged);
	event("disk-errors", J_INT("count", d->unlogged));
	d->unlogged = 0;
	env_timer(d->env, TIMER_DISK_ERRORS, clock_now() + BURST_NS);
}

void disk_error_event(struct disk_error *d, const struct json *doc, const struct json_value *data)
{
	const char *action = json_string(doc, data, "action");

	if (!action || strcmp(action, "ignore") == 0)
		return;
	bool stop = strcmp(action, "stop") == 0;

	d->errors++;
	if (stop && json_bool(doc, data, "nospace", false))
		on_full(d);
	else
		on_failure(d, doc, data, stop);
}

void disk_error_init(struct disk_error *d, const struct env *env)
{
	*d = (struct disk_error){.env = env};
}

void disk_error_restart(struct disk_error *d)
{
	*d = (struct disk_error){.env = d->env, .errors = d->errors};
}
