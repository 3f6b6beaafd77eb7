/* disk_error.c - see disk_error.h.
 *
 * "There is room" means more than at the failed write, and more than next to nothing. A file system
 * can refuse for reasons that fstatvfs(3) does not know of (a quota, a disk of QEMU_EXTRA_ARGS that
 * lies elsewhere): so now and then it is simply tried. An attempt that fails costs nothing: QEMU
 * keeps the writes that failed, tries them first and pauses again.
 */
#include "pid1/disk_error.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "pid1/supervisor.h"

#define SECOND	   UINT64_C(1000000000)
#define LOOK_NS	   SECOND
#define RETRY_NS   (60 * SECOND)
#define BURST_NS   (5 * SECOND)
#define ROOM_LEAST (UINT64_C(4) << 20)
#define STUCK_NS   (2 * SECOND) /* while a load is at work QEMU may answer, too */

/* Bytes that QEMU's user may still write where the guest's disk is; 0 when that cannot be told. */
static uint64_t room(const struct supervisor *v)
{
	const struct disk *disk = &v->plan->disk;
	struct statvfs fs;

	if (disk->count == 0 || fstatvfs(disk->layers[0].fd, &fs) != 0)
		return 0;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* Where the guest's writes go: its image, or the directory of the nameless overlay. */
static const char *place(const struct supervisor *v)
{
	const struct settings *s = &v->plan->s;

	return s->disk_mode == DISK_MODE_THROWAWAY ? s->tmp_dir
	       : v->plan->disk.overlay[0]	   ? v->plan->disk.overlay
						   : v->plan->disk.path;
}

static void on_full(struct supervisor *v)
{
	struct trouble *t = &v->trouble;
	uint64_t now = clock_now();

	v->io_error = true;
	t->room = room(v);
	timers_set(&v->timers, TIMER_DISK, now + LOOK_NS);
	if (t->full)
		return;
	t->full = true;
	t->since_ns = now;
	t->retry_ns = now + RETRY_NS;
	event("disk-full", "\"free\":%llu", (unsigned long long)t->room);
	log_error("no space left on the host for the guest's disk (%s): the guest is paused, "
		  "nothing is lost",
		  place(v));
	log_line(LOG_ERROR, "  fix: ", "make room there; the guest then runs on by itself");
}

/* Does the next `cont` have a purpose: nobody is past asking the guest to end? */
static bool may_run(const struct supervisor *v)
{
	return v->ladder.rung == RUNG_NONE || rung_is_gentle(v->ladder.rung);
}

/* ---- stopped by QEMU ---------------------------------------------------------------------- */

/* Run states (QAPI RunState, qapi/run-state.json) that a guest does not leave by itself. */
struct stuck {
	const char *status;
	bool passes; /* it is also the state while it is being worked at */
	const char *health, *log, *fix;
};

static const struct stuck stuck_states[] = {
	{"restore-vm", true, "paused: a snapshot is being loaded at the monitor, or could not be",
	 "a snapshot could not be loaded (loadvm at the monitor): the guest is paused, its memory "
	 "may "
	 "be half the snapshot's",
	 "vm reset starts it anew from its disk; or load one that can be loaded"},
	{"internal-error", false, "stopped: QEMU has an internal error and cannot run the guest",
	 "QEMU has stopped the guest for an internal error: its processor is in a state that the "
	 "accelerator cannot run",
	 "qemu.log says more; vm reset starts it anew, QEMU_ACCEL=tcg runs it without KVM"},
	{"watchdog", false, "paused: by the machine's watchdog",
	 "the machine's watchdog has stopped the guest", "vm reset starts it anew"},
};

static void say_stuck(struct supervisor *v)
{
	struct trouble *t = &v->trouble;

	if (t->stuck_said)
		return;
	t->stuck_said = true;
	log_error("%s", t->stuck->log);
	log_line(LOG_ERROR, "  fix: ", "%s", t->stuck->fix);
	event("stuck", "\"status\":\"%s\"", t->stuck->status);
	requests_trouble(v);
}

static void on_status(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	struct supervisor *v = arg;
	struct trouble *t = &v->trouble;
	const char *status = json_string(doc, result, "status");
	const struct stuck *before = t->stuck;

	(void)q, (void)error;
	t->stuck = NULL;
	for (size_t i = 0; status && i < sizeof stuck_states / sizeof *stuck_states; i++)
		if (strcmp(status, stuck_states[i].status) == 0)
			t->stuck = &stuck_states[i];
	if (!t->stuck)
		return;
	if (t->stuck->passes && t->stuck != before)
		timers_set(&v->timers, TIMER_STUCK, clock_now() + STUCK_NS);
	else
		say_stuck(v);
}

void trouble_on_stop(struct supervisor *v)
{
	if (v->snapshot.action == SNAPSHOT_NONE && v->save.saving == SAVING_NOTHING && !v->held &&
	    !v->weighing)
		(void)qmp_send(&v->qmp, "query-status", NULL, on_status, v);
}

void trouble_still_stuck(struct supervisor *v)
{
	if (v->trouble.stuck)
		(void)qmp_send(&v->qmp, "query-status", NULL, on_status, v);
}

void trouble_on_resume(struct supervisor *v)
{
	v->io_error = false;
	v->trouble.stuck = NULL;
	v->trouble.stuck_said = false;
	timers_set(&v->timers, TIMER_STUCK, 0);
	/* Writes that fail again are told within this time, or are an episode of their own. */
	if (v->trouble.full)
		timers_set(&v->timers, TIMER_DISK, clock_now() + LOOK_NS);
}

void trouble_look(struct supervisor *v)
{
	struct trouble *t = &v->trouble;
	uint64_t now = clock_now();

	if (!t->full)
		return;
	if (!v->io_error) {
		t->full = false;
		event("disk-room", "\"free\":%llu", (unsigned long long)room(v));
		log_info("there is room for the guest's disk again: it runs on, after %llu s",
			 (unsigned long long)((now - t->since_ns) / SECOND));
		return;
	}
	uint64_t free = room(v);

	if (may_run(v) && ((free > t->room && free >= ROOM_LEAST) || now >= t->retry_ns)) {
		t->retry_ns = now + RETRY_NS;
		(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	}
	timers_set(&v->timers, TIMER_DISK, now + LOOK_NS);
}

/* An error that is not for want of space: the guest has got it, or is paused (werror=stop). */
static void on_failure(struct supervisor *v, const struct json *doc, const struct json_value *data,
		       bool stop)
{
	struct trouble *t = &v->trouble;
	const char *operation = json_string(doc, data, "operation");
	const char *reason = json_string(doc, data, "reason");
	bool burst = v->timers.at[TIMER_DISK_ERRORS] != 0;
	bool told = burst && (v->io_error || !stop);

	v->io_error = v->io_error || stop;
	if (told) {
		t->unsaid++;
		return;
	}
	timers_set(&v->timers, TIMER_DISK_ERRORS, clock_now() + BURST_NS);
	operation = operation && strcmp(operation, "read") == 0 ? "read" : "write";
	event("disk-error", "\"operation\":\"%s\",\"paused\":%s", operation,
	      stop ? "true" : "false");
	log_error("the host cannot %s the guest's disk (%s): %s; %s", operation, place(v),
		  reason ? reason : "no reason given",
		  stop ? "the guest is paused, nothing is lost" : "the guest gets the error");
	log_line(LOG_ERROR, "  fix: ",
		 stop ? "mend the disk, then: vm monitor cont"
		      : "mend the host's disk or the image (qemu-img check), then restart the "
			"guest");
}

void trouble_sum_up(struct supervisor *v)
{
	struct trouble *t = &v->trouble;

	if (t->unsaid == 0)
		return;
	log_error("%llu more errors of the guest's disk", (unsigned long long)t->unsaid);
	event("disk-errors", "\"count\":%llu", (unsigned long long)t->unsaid);
	t->unsaid = 0;
	timers_set(&v->timers, TIMER_DISK_ERRORS, clock_now() + BURST_NS);
}

void trouble_on_error(struct supervisor *v, const struct json *doc, const struct json_value *data)
{
	const char *action = json_string(doc, data, "action");

	if (!action || strcmp(action, "ignore") == 0)
		return;
	bool stop = strcmp(action, "stop") == 0;

	v->trouble.errors++;
	if (stop && json_bool(doc, data, "nospace", false))
		on_full(v);
	else
		on_failure(v, doc, data, stop);
}

const char *trouble_text(const struct supervisor *v)
{
	if (v->trouble.stuck)
		return v->trouble.stuck->health;
	if (v->trouble.full)
		return "paused: no space left on the host for the guest's disk";
	if (v->io_error)
		return "paused: the host could not read or write the disk";
	return NULL;
}
