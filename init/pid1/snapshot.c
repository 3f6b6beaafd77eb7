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
#include "pid1/env.h"
#include "proto/control.h"

#define JOB "vm-snapshot-%u"

/* What the tag of a snapshot of a guest that is ready says of its console. */
static const char *const console_tags[] = {
	[PROMPT_NONE] = SNAPSHOT_BUSY, [PROMPT_MAYBE] = SNAPSHOT_MAYBE, [PROMPT_STANDS] = ""};

static void start(struct snapshot_work *w, enum snapshot_action job);

void snapshot_init(struct snapshot_work *w, const struct env *env)
{
	*w = (struct snapshot_work){.env = env};
}

static void set_action(struct snapshot_work *w, enum snapshot_action action)
{
	static const enum condition conditions[] = {[SNAPSHOT_SAVE] = COND_SNAPSHOT_SAVE,
						    [SNAPSHOT_LOAD] = COND_SNAPSHOT_LOAD,
						    [SNAPSHOT_DELETE] = COND_SNAPSHOT_DELETE};

	w->action = action;
	for (int i = SNAPSHOT_SAVE; i <= SNAPSHOT_DELETE; i++)
		post(w->env, NOTICE_CONDITION, .value = (int)conditions[i], .on = (int)action == i);
}

/* ---- the answer ------------------------------------------------------------------------- */

static void answer(struct snapshot_work *w, int status, const char *line)
{
	struct control_client *client = &w->env->control->clients[w->slot];

	set_action(w, SNAPSHOT_NONE);
	if (client->fd >= 0 && client->number == w->number)
		control_answer(w->env->control, w->slot, status, line, strlen(line));
}

static const char *verb(enum snapshot_action action)
{
	static const char *const verbs[] = {[SNAPSHOT_SAVE] = "saved",
					    [SNAPSHOT_LOAD] = "loaded",
					    [SNAPSHOT_DELETE] = "deleted"};

	return verbs[action];
}

/* It did not work, for the reason WHY. */
static void fail(struct snapshot_work *w, int status, const char *why, const char *fix)
{
	char line[700];

	(void)snprintf(line, sizeof line, "snapshot %s is not %s: %.400s%s%s\n", w->name,
		       verb(w->action), why, fix[0] ? "; " : "", fix);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("snapshot", J_TEXT("action", verb(w->action)), J_TEXT("name", w->name),
	      J_BOOL("ok", false));
	answer(w, status, line);
}

/* Bytes of the memory in the snapshot just saved. */
static uint64_t saved_bytes(const struct snapshot_work *w)
{
	static struct snapshots all;
	struct error err = {0};
	const struct qcow2_snapshot *one = NULL;

	if (snapshots_read(&w->env->plan->disk, &all, &err))
		one = snapshots_find(&all, w->name);
	return one ? one->memory : 0;
}

static void succeed(struct snapshot_work *w)
{
	bool throwaway = w->env->plan->s.disk_mode == DISK_MODE_THROWAWAY;
	double s = (double)(clock_now() - w->since_ns) / 1e9;
	char line[400];
	char memory[64] = "";

	if (w->action == SNAPSHOT_SAVE)
		(void)snprintf(memory, sizeof memory, ": %.1f MiB of memory",
			       (double)saved_bytes(w) / 1048576);
	(void)snprintf(line, sizeof line, "snapshot %s %s in %.2f s%s%s\n", w->name,
		       verb(w->action), s, memory,
		       w->action == SNAPSHOT_SAVE && throwaway
			       ? "; it is on the throwaway disk and goes with it"
			       : "");
	log_info("%.*s", (int)strlen(line) - 1, line);
	event("snapshot", J_TEXT("action", verb(w->action)), J_TEXT("name", w->name),
	      J_BOOL("ok", true), J_NUMBER("ms", 1, s * 1e3));
	answer(w, EXIT_CLEAN, line);
}

/* ---- loading ------------------------------------------------------------------------------ */

/* The console is as it was when the snapshot was saved; its tag says how. */
static void load_prompt(struct snapshot_work *w)
{
	const char *more = w->tag + strlen(w->name);

	prompt_reset(w->env->prompt);
	for (int i = PROMPT_NONE; i <= PROMPT_STANDS; i++)
		if (strcmp(more, console_tags[i]) == 0)
			prompt_loaded(w->env->prompt, (enum prompt_state)i, clock_now());
}

/* QEMU lets the guest run on before the job ends: what comes from here on is the loaded guest's. */
void snapshot_paused(struct snapshot_work *w)
{

	if (w->action != SNAPSHOT_LOAD || w->stopped)
		return;
	w->stopped = true;
	relay_flush(w->env->relays[RELAY_SERIAL]);
	load_prompt(w);
}

/* The guest's clock is left to whoever loads: setting it takes the console,
 * which he may be about to use. */
static void loaded(struct snapshot_work *w)
{
	const char *more = w->tag + strlen(w->name);
	bool ready = strcmp(more, SNAPSHOT_BOOTING) != 0;

	if (!w->stopped) /* it stood still before */
		load_prompt(w);
	post(w->env, NOTICE_SNAPSHOT_LOADED, .on = ready);
	/* It was stopped, though by nobody's wish, so QEMU does not go on. */
	if (lifecycle_any(w->env->life, COND_ANY_STUCK))
		(void)env_qmp(w->env, "cont");
	succeed(w);
}

/* QEMU stops the guest, takes the disk back and then reads the memory, and does not say how far it
 * came (migration/savevm.c, load_snapshot()). A guest that still runs was not touched; every other
 * is reset, since its memory may be half the snapshot's and its disk is. It runs when the reset is
 * done, not before. */
static void on_run_state(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct snapshot_work *w = arg;
	const char *status = json_string(doc, result, "status");
	bool whole = status && strcmp(status, "running") == 0;

	(void)q, (void)error;
	if (w->action == SNAPSHOT_NONE)
		return;
	if (!whole)
		post(w->env, NOTICE_RESET_WANTED,
		     .on = w->was_running && w->env->life->rung == RUNG_NONE);
	fail(w, EXIT_QEMU_FAILED, w->error,
	     whole ? ""
		   : "its memory may be half the snapshot's: the guest starts anew from "
		     "its disk");
}

static void not_loaded(struct snapshot_work *w, const char *error)
{
	(void)snprintf(w->error, sizeof w->error, "%s", error);
	if (!qmp_send(w->env->qmp, "query-status", NULL, on_run_state, w))
		fail(w, EXIT_QEMU_FAILED, error, "");
}

/* ---- QEMU's jobs -------------------------------------------------------------------------- */

static void concluded(struct snapshot_work *w, const char *error)
{

	if (error && w->action == SNAPSHOT_LOAD)
		not_loaded(w, error);
	else if (error)
		fail(w, EXIT_QEMU_FAILED, error, "");
	else if (w->replacing) {
		w->replacing = false;
		start(w, SNAPSHOT_SAVE);
	} else if (w->action == SNAPSHOT_LOAD)
		loaded(w);
	else
		succeed(w);
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
	struct snapshot_work *w = arg;
	char id[32];
	char dismiss[64];
	const struct json_value *job = NULL;

	if (w->action == SNAPSHOT_NONE)
		return;
	(void)snprintf(id, sizeof id, JOB, w->job);
	(void)snprintf(dismiss, sizeof dismiss, "{\"id\":\"%s\"}", id);
	if (result)
		job = find_job(doc, result, id);
	if (job) {
		(void)qmp_send(q, "job-dismiss", dismiss, NULL, NULL);
		error = json_string(doc, job, "error");
	} else if (!error) {
		error = "QEMU does not know of it any more";
	}
	concluded(w, error);
}

void snapshot_on_job(struct snapshot_work *w, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");
	const char *its = json_string(doc, data, "id");
	char id[32];

	(void)snprintf(id, sizeof id, JOB, w->job);
	if (w->action == SNAPSHOT_NONE || !its || strcmp(its, id) != 0 || !status ||
	    strcmp(status, "concluded") != 0)
		return;
	if (!qmp_send(w->env->qmp, "query-jobs", NULL, on_jobs, w))
		concluded(w, "QEMU does not answer");
}

static void on_started(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg)
{
	struct snapshot_work *w = arg;

	(void)q, (void)result;
	/* Refused before it began: the guest is as it was. */
	if (error && doc && w->action != SNAPSHOT_NONE)
		fail(w, EXIT_QEMU_FAILED, error, "");
}

static void start(struct snapshot_work *w, enum snapshot_action job)
{
	static const char *const commands[] = {[SNAPSHOT_SAVE] = "snapshot-save",
					       [SNAPSHOT_LOAD] = "snapshot-load",
					       [SNAPSHOT_DELETE] = "snapshot-delete"};
	char arguments[256];

	w->job++;
	if (job == SNAPSHOT_SAVE)
		(void)snprintf(w->tag, sizeof w->tag, "%s%s", w->name,
			       w->env->life->ready
				       ? console_tags[prompt_state(w->env->prompt, clock_now())]
				       : SNAPSHOT_BOOTING);
	(void)snprintf(arguments, sizeof arguments,
		       "{\"job-id\":\"" JOB "\",\"tag\":\"%s\",%s\"devices\":[\"disk0\"]}", w->job,
		       w->tag, job == SNAPSHOT_DELETE ? "" : "\"vmstate\":\"disk0\",");
	if (!qmp_send(w->env->qmp, commands[job], arguments, on_started, w))
		fail(w, EXIT_QEMU_FAILED, "QEMU does not answer", "");
}

/* What keeps the memory from being saved; of our own devices only a mounted 9p does. When a
 * snapshot is replaced, QEMU itself would find it when the old one is gone already. */
static void on_blockers(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct snapshot_work *w = arg;
	const struct json_value *reasons = json_get(doc, result, "blocked-reasons");

	(void)q;
	if (w->action == SNAPSHOT_NONE)
		return;
	bool blocked = reasons && reasons->first >= 0;

	if (blocked)
		fail(w, EXIT_QEMU_FAILED, doc->values[reasons->first].text,
		     w->env->plan->s.share == SHARE_9P
			     ? "unmount the share in the guest (9p cannot be saved)"
			     : "");
	else if (error)
		fail(w, EXIT_QEMU_FAILED, error, "");
	else
		start(w, w->replacing ? SNAPSHOT_DELETE : SNAPSHOT_SAVE);
}

static void save(struct snapshot_work *w)
{
	if (!qmp_send(w->env->qmp, "query-migrate", NULL, on_blockers, w))
		fail(w, EXIT_QEMU_FAILED, "QEMU does not answer", "");
}

void snapshot_lost(struct snapshot_work *w)
{
	if (w->action != SNAPSHOT_NONE)
		fail(w, EXIT_QEMU_FAILED, "QEMU has ended", "");
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
static uint64_t memory_most(const struct snapshot_work *w)
{
	char path[64];
	char text[4096];
	uint64_t all = (uint64_t)w->env->plan->s.ram_mb << 20;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)w->env->life->qemu);
	if (read_small(path, text, sizeof text) < 0)
		return all;
	uint64_t used = status_bytes(text, "\nRssAnon:") + status_bytes(text, "\nRssShmem:") +
			status_bytes(text, "\nVmSwap:");

	return used < all ? used : all;
}

/* A save that fails half-way leaves what it has written in the image. */
static bool has_room(const struct snapshot_work *w, const struct qcow2_snapshot *old,
		     struct error *err)
{
	const struct disk *disk = &w->env->plan->disk;
	struct statvfs fs;
	uint64_t need = memory_most(w);

	if (disk->layers[0].device || fstatvfs(disk->layers[0].fd, &fs) != 0)
		return true;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize + (old ? old->memory : 0);

	return room >= need ||
	       error_set(err, EXIT_NO_PERMISSION, "make room there",
			 "no space: the memory may take %" PRIu64
			 " MiB, and where the guest's disk is there are %" PRIu64 " MiB",
			 (need >> 20) + 1, room >> 20);
}

static bool is_idle(const struct snapshot_work *w, enum snapshot_action action, struct error *err)
{
	const struct lifecycle *l = w->env->life;
	const char *why = NULL;

	if (w->action != SNAPSHOT_NONE)
		why = "another snapshot is at work";
	else if (lifecycle_any(l, COND_ANY_SAVE | 1u << COND_RESUMING))
		why = "the guest's state is being saved or resumed";
	else if (l->rung != RUNG_NONE || l->cause != CAUSE_NONE ||
		 lifecycle_is(l, COND_CHECKING_WRITES))
		why = "the guest is being stopped";
	else if (w->env->qmp->state != QMP_READY || !l->ran)
		why = "the guest does not run yet";
	else if (lifecycle_is(l, COND_DISK_ERROR) ||
		 (lifecycle_any(l, COND_ANY_STUCK) && action == SNAPSHOT_SAVE))
		why = lifecycle_trouble(l);
	return !why || error_set(err, EXIT_NOT_READY, "", "%s", why);
}

/* Everything that can be known before QEMU is asked; the tag and what is to be deleted into the
 * work. */
static bool prepare(struct snapshot_work *w, enum snapshot_action action, const char *name,
		    bool force, struct error *err)
{
	static struct snapshots all;
	const struct qcow2_snapshot *one;

	if (w->env->plan->disk2.count)
		return error_set(err, EXIT_BAD_SETTING,
				 "start without QEMU_DRIVE2 to use snapshots",
				 "a snapshot has the first disk only, and this guest has a second");
	if (!snapshot_name_check(name, err) || !is_idle(w, action, err) ||
	    !snapshots_read(&w->env->plan->disk, &all, err))
		return false;
	if (action == SNAPSHOT_SAVE) {
		one = snapshots_find(&all, name);
		if (!snapshots_free(&all, name, force, err) || !has_room(w, one, err))
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
	set_action(w, action);
	w->stopped = false;
	w->replacing = action == SNAPSHOT_SAVE && one;
	(void)snprintf(w->name, sizeof w->name, "%.*s", SNAPSHOT_NAME_MAX, name);
	(void)snprintf(w->tag, sizeof w->tag, "%.*s", (int)sizeof w->tag - 1,
		       one ? one->name : name);
	return true;
}

/* ---- the request -------------------------------------------------------------------------- */

static void list(const struct snapshot_work *w, int slot, bool json)
{
	struct control *c = w->env->control;
	static struct snapshots all;
	static char text[SNAPSHOTS_TEXT];
	struct error err = {0};

	if (snapshots_read(&w->env->plan->disk, &all, &err)) {
		control_answer(c, slot, EXIT_CLEAN, text, snapshots_text(&all, json, text));
		return;
	}
	int n = snprintf(text, sizeof text, "%s; %s\n", err.message, err.fix);

	control_answer(c, slot, err.status, text, (size_t)n);
}

/* The next word of TEXT into WORD, cut to SIZE - 1 bytes. Returns what is behind it. */
static const char *next_word(const char *text, char *word, size_t size)
{
	text += strspn(text, " ");
	size_t n = strcspn(text, " ");

	(void)snprintf(word, size, "%.*s", (int)n, text);
	return text + n;
}

void snapshot_request(struct snapshot_work *w, int slot, const char *arg)
{
	struct control *c = w->env->control;
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

	(void)next_word(next_word(next_word(arg, word, sizeof word), name, sizeof name), option,
			sizeof option);
	while (row < 3 && strcmp(rows[row].word, word) != 0)
		row++;
	if (rows[row].action == SNAPSHOT_NONE) {
		list(w, slot, strcmp(name, "--json") == 0);
		return;
	}
	if (!prepare(w, rows[row].action, name, strcmp(option, "--force") == 0, &err)) {
		(void)snprintf(line, sizeof line, "%s%s%s\n", err.message, err.fix[0] ? "; " : "",
			       err.fix);
		control_answer(c, slot, err.status, line, strlen(line));
		return;
	}

	w->slot = slot;
	w->number = c->clients[slot].number;
	w->since_ns = clock_now();
	w->was_running = w->env->life->phase == LIFE_RUNNING ||
			 lifecycle_any(w->env->life, COND_ANY_STUCK | 1u << COND_HELD);
	if (w->action == SNAPSHOT_SAVE)
		save(w);
	else
		start(w, w->action);
}
