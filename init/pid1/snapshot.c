/* snapshot.c - see snapshot.h. The commands are those of QEMU's qapi/migration.json and
 * qapi/job.json: the command starts a job, the job concludes, query-jobs says how, job-dismiss
 * forgets it.
 */
#include "pid1/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

#define JOB "vm-snapshot-%u"

/* What the tag of a snapshot of a guest that is ready says of its console. */
static const char *const console_tags[] = {
	[PROMPT_NONE] = SNAPSHOT_BUSY, [PROMPT_MAYBE] = SNAPSHOT_MAYBE, [PROMPT_STANDS] = ""};

static void start(struct supervisor *v, enum snapshot_action job);

/* ---- the answer ------------------------------------------------------------------------- */

static void answer(struct supervisor *v, int status, const char *line)
{
	struct snapshot_work *w = &v->snapshot;
	struct control_client *client = &v->control.clients[w->slot];

	w->action = SNAPSHOT_NONE;
	if (client->fd >= 0 && client->number == w->number)
		control_answer(&v->control, w->slot, status, line, strlen(line));
}

static const char *verb(enum snapshot_action action)
{
	static const char *const verbs[] = {[SNAPSHOT_SAVE] = "saved",
					    [SNAPSHOT_LOAD] = "loaded",
					    [SNAPSHOT_DELETE] = "deleted"};

	return verbs[action];
}

/* It did not work, for the reason WHY. */
static void fail(struct supervisor *v, int status, const char *why, const char *fix)
{
	const struct snapshot_work *w = &v->snapshot;
	char line[700];

	(void)snprintf(line, sizeof line, "snapshot %s is not %s: %.400s%s%s\n", w->name,
		       verb(w->action), why, fix[0] ? "; " : "", fix);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("snapshot", "\"action\":\"%s\",\"name\":\"%s\",\"ok\":false", verb(w->action),
	      w->name);
	answer(v, status, line);
}

/* Bytes of the memory in the snapshot just saved. */
static uint64_t saved_bytes(const struct supervisor *v)
{
	static struct snapshots all;
	struct error err = {0};
	const struct qcow2_snapshot *one = NULL;

	if (snapshots_read(&v->plan->disk, &all, &err))
		one = snapshots_find(&all, v->snapshot.name);
	return one ? one->memory : 0;
}

static void succeed(struct supervisor *v)
{
	const struct snapshot_work *w = &v->snapshot;
	bool throwaway = v->plan->s.disk_mode == DISK_MODE_THROWAWAY;
	double s = (double)(clock_now() - w->since_ns) / 1e9;
	char line[400];
	char memory[64] = "";

	if (w->action == SNAPSHOT_SAVE)
		(void)snprintf(memory, sizeof memory, ": %.1f MiB of memory",
			       (double)saved_bytes(v) / 1048576);
	(void)snprintf(line, sizeof line, "snapshot %s %s in %.2f s%s%s\n", w->name,
		       verb(w->action), s, memory,
		       w->action == SNAPSHOT_SAVE && throwaway
			       ? "; it is on the throwaway disk and goes with it"
			       : "");
	log_info("%.*s", (int)strlen(line) - 1, line);
	event("snapshot", "\"action\":\"%s\",\"name\":\"%s\",\"ok\":true,\"ms\":%.1f",
	      verb(w->action), w->name, s * 1e3);
	answer(v, EXIT_CLEAN, line);
}

/* ---- loading ------------------------------------------------------------------------------ */

/* The console is as it was when the snapshot was saved; its tag says how. */
static void load_prompt(struct supervisor *v)
{
	const char *more = v->snapshot.tag + strlen(v->snapshot.name);

	prompt_reset(&v->prompt);
	for (int i = PROMPT_NONE; i <= PROMPT_STANDS; i++)
		if (strcmp(more, console_tags[i]) == 0)
			prompt_loaded(&v->prompt, (enum prompt_state)i, clock_now());
}

/* QEMU lets the guest run on before the job ends: what comes from here on is the loaded guest's. */
void snapshots_on_stop(struct supervisor *v)
{
	struct snapshot_work *w = &v->snapshot;

	if (w->action != SNAPSHOT_LOAD || w->stopped)
		return;
	w->stopped = true;
	relay_flush(v->relays[RELAY_SERIAL]);
	load_prompt(v);
}

/* The guest's clock is left to whoever loads: setting it takes the console,
 * which he may be about to use. */
static void loaded(struct supervisor *v)
{
	const char *more = v->snapshot.tag + strlen(v->snapshot.name);
	bool ready = strcmp(more, SNAPSHOT_BOOTING) != 0;

	if (!v->snapshot.stopped) /* it stood still before */
		load_prompt(v);
	life_loaded(v, ready);
	if (v->trouble.stuck) /* it was stopped, though by nobody's wish, so QEMU does not go on */
		(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	succeed(v);
}

/* QEMU stops the guest, takes the disk back and then reads the memory, and does not say how far it
 * came (migration/savevm.c, load_snapshot()). A guest that still runs was not touched; every other
 * is reset, since its memory may be half the snapshot's and its disk is. It runs when the reset is
 * done, not before. */
static void on_run_state(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct supervisor *v = arg;
	struct snapshot_work *w = &v->snapshot;
	const char *status = json_string(doc, result, "status");
	bool whole = status && strcmp(status, "running") == 0;

	(void)q, (void)error;
	if (w->action == SNAPSHOT_NONE)
		return;
	if (!whole && supervisor_reset(v))
		v->held = w->was_running && v->ladder.rung == RUNG_NONE;
	fail(v, EXIT_QEMU_FAILED, w->error,
	     whole ? ""
		   : "its memory may be half the snapshot's: the guest starts anew from "
		     "its disk");
}

static void not_loaded(struct supervisor *v, const char *error)
{
	(void)snprintf(v->snapshot.error, sizeof v->snapshot.error, "%s", error);
	if (!qmp_send(&v->qmp, "query-status", NULL, on_run_state, v))
		fail(v, EXIT_QEMU_FAILED, error, "");
}

/* ---- QEMU's jobs -------------------------------------------------------------------------- */

static void concluded(struct supervisor *v, const char *error)
{
	struct snapshot_work *w = &v->snapshot;

	if (error && w->action == SNAPSHOT_LOAD)
		not_loaded(v, error);
	else if (error)
		fail(v, EXIT_QEMU_FAILED, error, "");
	else if (w->replacing) {
		w->replacing = false;
		start(v, SNAPSHOT_SAVE);
	} else if (w->action == SNAPSHOT_LOAD)
		loaded(v);
	else
		succeed(v);
}

/* Our job in the answer to query-jobs; NULL when it is not there. */
static const struct json_value *find_job(const struct json *doc, const struct json_value *jobs,
					 const char *id)
{
	for (int32_t i = jobs->first; i >= 0; i = doc->values[i].next) {
		const char *its = json_string(doc, &doc->values[i], "id");

		if (its && strcmp(its, id) == 0)
			return &doc->values[i];
	}
	return NULL;
}

static void on_jobs(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	struct supervisor *v = arg;
	char id[32];
	char dismiss[64];
	const struct json_value *job = NULL;

	if (v->snapshot.action == SNAPSHOT_NONE)
		return;
	(void)snprintf(id, sizeof id, JOB, v->snapshot.job);
	(void)snprintf(dismiss, sizeof dismiss, "{\"id\":\"%s\"}", id);
	if (result)
		job = find_job(doc, result, id);
	if (job) {
		(void)qmp_send(q, "job-dismiss", dismiss, NULL, NULL);
		error = json_string(doc, job, "error");
	} else if (!error) {
		error = "QEMU does not know of it any more";
	}
	concluded(v, error);
}

void snapshots_on_job(struct supervisor *v, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");
	const char *its = json_string(doc, data, "id");
	char id[32];

	(void)snprintf(id, sizeof id, JOB, v->snapshot.job);
	if (v->snapshot.action == SNAPSHOT_NONE || !its || strcmp(its, id) != 0 || !status ||
	    strcmp(status, "concluded") != 0)
		return;
	if (!qmp_send(&v->qmp, "query-jobs", NULL, on_jobs, v))
		concluded(v, "QEMU does not answer");
}

static void on_started(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg)
{
	struct supervisor *v = arg;

	(void)q, (void)result;
	/* Refused before it began: the guest is as it was. */
	if (error && doc && v->snapshot.action != SNAPSHOT_NONE)
		fail(v, EXIT_QEMU_FAILED, error, "");
}

static void start(struct supervisor *v, enum snapshot_action job)
{
	static const char *const commands[] = {[SNAPSHOT_SAVE] = "snapshot-save",
					       [SNAPSHOT_LOAD] = "snapshot-load",
					       [SNAPSHOT_DELETE] = "snapshot-delete"};
	struct snapshot_work *w = &v->snapshot;
	char arguments[256];

	w->job++;
	if (job == SNAPSHOT_SAVE)
		(void)snprintf(w->tag, sizeof w->tag, "%s%s", w->name,
			       v->life.ready ? console_tags[prompt_state(&v->prompt, clock_now())]
					     : SNAPSHOT_BOOTING);
	(void)snprintf(arguments, sizeof arguments,
		       "{\"job-id\":\"" JOB "\",\"tag\":\"%s\",%s\"devices\":[\"disk0\"]}", w->job,
		       w->tag, job == SNAPSHOT_DELETE ? "" : "\"vmstate\":\"disk0\",");
	if (!qmp_send(&v->qmp, commands[job], arguments, on_started, v))
		fail(v, EXIT_QEMU_FAILED, "QEMU does not answer", "");
}

/* What keeps the memory from being saved; of our own devices only a mounted 9p does. When a
 * snapshot is replaced, QEMU itself would find it when the old one is gone already. */
static void on_blockers(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct supervisor *v = arg;
	const struct json_value *reasons = json_get(doc, result, "blocked-reasons");

	(void)q;
	if (v->snapshot.action == SNAPSHOT_NONE)
		return;
	bool blocked = reasons && reasons->first >= 0;

	if (blocked)
		fail(v, EXIT_QEMU_FAILED, doc->values[reasons->first].text,
		     v->plan->s.share == SHARE_9P
			     ? "unmount the share in the guest (9p cannot be saved)"
			     : "");
	else if (error)
		fail(v, EXIT_QEMU_FAILED, error, "");
	else
		start(v, v->snapshot.replacing ? SNAPSHOT_DELETE : SNAPSHOT_SAVE);
}

static void save(struct supervisor *v)
{
	if (!qmp_send(&v->qmp, "query-migrate", NULL, on_blockers, v))
		fail(v, EXIT_QEMU_FAILED, "QEMU does not answer", "");
}

void snapshots_lost(struct supervisor *v)
{
	if (v->snapshot.action != SNAPSHOT_NONE)
		fail(v, EXIT_QEMU_FAILED, "QEMU has ended", "");
}

const char *snapshots_pausing(const struct supervisor *v)
{
	switch (v->snapshot.action) {
	case SNAPSHOT_SAVE: return "paused: a snapshot is being saved";
	case SNAPSHOT_LOAD: return "paused: a snapshot is being loaded";
	default: return NULL;
	}
}

/* ---- can it be? --------------------------------------------------------------------------- */

/* The number of kB behind NAME in /proc/PID/status, in bytes. */
static uint64_t status_bytes(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* The most that the guest's memory can take up: what QEMU has of it, as pages of zeros are not
 * saved. */
static uint64_t memory_most(const struct supervisor *v)
{
	char path[64];
	char text[4096];
	uint64_t all = (uint64_t)v->plan->s.ram_mb << 20;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)v->qemu);
	if (read_small(path, text, sizeof text) < 0)
		return all;
	uint64_t used = status_bytes(text, "\nRssAnon:") + status_bytes(text, "\nRssShmem:") +
			status_bytes(text, "\nVmSwap:");

	return used < all ? used : all;
}

/* A save that fails half-way leaves what it has written in the image. */
static bool has_room(const struct supervisor *v, const struct qcow2_snapshot *old,
		     struct error *err)
{
	const struct disk *disk = &v->plan->disk;
	struct statvfs fs;
	uint64_t need = memory_most(v);

	if (disk->layers[0].device || fstatvfs(disk->layers[0].fd, &fs) != 0)
		return true;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize + (old ? old->memory : 0);

	return room >= need ||
	       error_set(err, EXIT_NO_PERMISSION, "make room there",
			 "no space: the memory may take %" PRIu64
			 " MiB, and where the guest's disk is there are %" PRIu64 " MiB",
			 (need >> 20) + 1, room >> 20);
}

static bool is_idle(const struct supervisor *v, enum snapshot_action action, struct error *err)
{
	const char *why = NULL;

	if (v->snapshot.action != SNAPSHOT_NONE)
		why = "another snapshot is at work";
	else if (v->save.saving != SAVING_NOTHING || v->save.resuming)
		why = "the guest's state is being saved or resumed";
	else if (v->ladder.rung != RUNG_NONE || v->cause != CAUSE_NONE || v->weighing)
		why = "the guest is being stopped";
	else if (v->qmp.state != QMP_READY || !v->ran)
		why = "the guest does not run yet";
	else if (v->io_error || (v->trouble.stuck && action == SNAPSHOT_SAVE))
		why = trouble_text(v);
	return !why || error_set(err, EXIT_NOT_READY, "", "%s", why);
}

/* Everything that can be known before QEMU is asked; the tag and what is to be deleted into the
 * work. */
static bool prepare(struct supervisor *v, enum snapshot_action action, const char *name, bool force,
		    struct error *err)
{
	static struct snapshots all;
	struct snapshot_work *w = &v->snapshot;
	const struct qcow2_snapshot *one;

	if (v->plan->disk2.count)
		return error_set(err, EXIT_BAD_SETTING,
				 "start without QEMU_DRIVE2 to use snapshots",
				 "a snapshot has the first disk only, and this guest has a second");
	if (!snapshot_name_check(name, err) || !is_idle(v, action, err) ||
	    !snapshots_read(&v->plan->disk, &all, err))
		return false;
	if (action == SNAPSHOT_SAVE) {
		one = snapshots_find(&all, name);
		if (!snapshots_free(&all, name, force, err) || !has_room(v, one, err))
			return false;
	} else {
		one = snapshots_get(&all, name, err);
		if (!one)
			return false;
		if (action == SNAPSHOT_LOAD && one->memory == 0)
			return error_set(err, EXIT_BAD_IMAGE, "stop the guest, then load it",
					 "snapshot %s has no memory: it was saved from a guest "
					 "that did not run",
					 name);
	}
	w->action = action;
	w->stopped = false;
	w->replacing = action == SNAPSHOT_SAVE && one;
	(void)snprintf(w->name, sizeof w->name, "%.*s", SNAPSHOT_NAME_MAX, name);
	(void)snprintf(w->tag, sizeof w->tag, "%.*s", (int)sizeof w->tag - 1,
		       one ? one->name : name);
	return true;
}

/* ---- the request -------------------------------------------------------------------------- */

static void list(struct supervisor *v, struct control *c, int slot, bool json)
{
	static struct snapshots all;
	static char text[SNAPSHOTS_TEXT];
	struct error err = {0};

	if (snapshots_read(&v->plan->disk, &all, &err)) {
		control_answer(c, slot, EXIT_CLEAN, text, snapshots_text(&all, json, text));
		return;
	}
	int n = snprintf(text, sizeof text, "%s; %s\n", err.message, err.fix);

	control_answer(c, slot, err.status, text, (size_t)n);
}

void snapshots_request(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const struct {
		const char *word;
		enum snapshot_action action;
	} rows[] = {{"save", SNAPSHOT_SAVE},
		    {"load", SNAPSHOT_LOAD},
		    {"delete", SNAPSHOT_DELETE},
		    {"list", SNAPSHOT_NONE}};
	char word[8] = "";
	char name[128] = "";
	char option[16] = "";
	char line[1400];
	struct error err = {0};
	size_t row = 0;

	(void)sscanf(arg, "%7s %127s %15s", word, name, option);
	while (row < 3 && strcmp(rows[row].word, word) != 0)
		row++;
	if (rows[row].action == SNAPSHOT_NONE) {
		list(v, c, slot, strcmp(name, "--json") == 0);
		return;
	}
	if (!prepare(v, rows[row].action, name, strcmp(option, "--force") == 0, &err)) {
		(void)snprintf(line, sizeof line, "%s%s%s\n", err.message, err.fix[0] ? "; " : "",
			       err.fix);
		control_answer(c, slot, err.status, line, strlen(line));
		return;
	}
	struct snapshot_work *w = &v->snapshot;

	w->slot = slot;
	w->number = c->clients[slot].number;
	w->since_ns = clock_now();
	w->was_running = v->state == VM_RUNNING || v->held || v->trouble.stuck;
	if (w->action == SNAPSHOT_SAVE)
		save(v);
	else
		start(v, w->action);
}
