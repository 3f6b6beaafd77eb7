/* snapshot.c - see snapshot.h. QEMU's qapi/migration.json and qapi/job.json: the command starts a
 * job, the job concludes, query-jobs has its result, job-dismiss removes it. */
#include "pid1/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/snapshot_check.h"
#include "proto/control.h"

#define JOB "vm-snapshot-%u"

/* A guest that reads its serial line takes a line in milliseconds. Do not wait longer for one that
 * does not. */
#define TYPED_NS      UINT64_C(500000000)
#define TYPED_LOOK_NS UINT64_C(10000000)

/* stop, snapshot-save, cont */
#define SAVE_COMMANDS 3

/* The tag of a snapshot of a ready guest also says whether the console showed a prompt. */
static const char *const console_tags[] = {
	[PROMPT_NONE] = SNAPSHOT_BUSY, [PROMPT_MAYBE] = SNAPSHOT_MAYBE, [PROMPT_SHOWN] = ""};

static void start(struct snapshot_work *w, enum snapshot_action job);
static void hold(struct snapshot_work *w);

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
	env_timer(w->env, TIMER_SNAPSHOT, 0);
	for (int i = SNAPSHOT_SAVE; i <= SNAPSHOT_DELETE; i++)
		env_condition(w->env, conditions[i], (int)action == i);
}

/* ---- the answer ------------------------------------------------------------------------- */

/* Whether client SLOT, which sent the request, is still connected. */
static bool is_there(const struct snapshot_work *w)
{
	const struct control_client *client = &w->env->control->clients[w->slot];

	return client->fd >= 0 && client->number == w->number;
}

/* The guest is (or not, HELD) stopped to be saved. */
static void set_held(struct snapshot_work *w, bool held)
{
	w->held = held;
	env_condition(w->env, COND_HELD, held);
}

/* A stop or a saved state that has begun meanwhile continues the guest itself. */
static void let_run(struct snapshot_work *w)
{
	const struct lifecycle *l = w->env->life;

	if (!w->held)
		return;
	set_held(w, false);
	if (l->rung == RUNG_NONE && !lifecycle_any(l, COND_ANY_SAVE | 1u << COND_CHECKING_WRITES))
		(void)env_continue(w->env);
}

static void answer(struct snapshot_work *w, int status, const char *line)
{
	let_run(w);
	set_action(w, SNAPSHOT_NONE);
	if (is_there(w))
		control_answer(w->env->control, w->slot, status, line);
}

/* The request was refused before anything was done. */
static void refuse(struct snapshot_work *w, const struct error *err)
{
	set_action(w, SNAPSHOT_NONE);
	if (is_there(w))
		control_answer_error(w->env->control, w->slot, err);
}

static const char *verb(enum snapshot_action action)
{
	static const char *const verbs[] = {[SNAPSHOT_SAVE] = "saved",
					    [SNAPSHOT_LOAD] = "loaded",
					    [SNAPSHOT_DELETE] = "deleted"};

	return verbs[action];
}

/* The job failed; WHY is the reason. */
static void fail(struct snapshot_work *w, const char *why, const char *fix)
{
	char line[700];

	(void)snprintf(line, sizeof line, "snapshot %s is not %s: %.400s%s%s\n", w->name,
		       verb(w->action), why, fix[0] ? "; " : "", fix);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("snapshot", J_TEXT("action", verb(w->action)), J_TEXT("name", w->name),
	      J_BOOL("ok", false));
	answer(w, EXIT_QEMU_FAILED, line);
}

static void tell_success(struct snapshot_work *w, uint64_t saved)
{
	bool throwaway = w->env->plan->s.disk_mode == DISK_MODE_THROWAWAY;
	double s = (double)w->took_ns / 1e9;
	char line[400];
	char memory[64] = "";

	if (w->action == SNAPSHOT_SAVE)
		(void)snprintf(memory, sizeof memory, ": %.1f MiB of memory",
			       (double)saved / 1048576);
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

/* The reply with the snapshot's size. */
static void on_size(void *arg, int status, const char *line)
{
	struct snapshot_work *w = arg;
	char tag[SNAPSHOT_TAG_MAX];
	uint64_t memory = 0;

	(void)line;
	if (w->action == SNAPSHOT_NONE)
		return;
	if (status == 0)
		(void)snapshot_parse_entry(w->said.text, tag, &memory);
	tell_success(w, memory);
}

static void succeed(struct snapshot_work *w)
{
	struct error err = {0};

	w->took_ns = clock_now() - w->since_ns;
	let_run(w);
	if (w->action != SNAPSHOT_SAVE ||
	    !snapshot_ask_table(w->env, "size", w->name, false, &w->said, on_size, w, &err))
		tell_success(w, 0);
}

/* ---- loading ------------------------------------------------------------------------------ */

/* The console is as it was when the snapshot was saved, which its tag tells. */
static void load_prompt(struct snapshot_work *w)
{
	const char *more = w->tag + strlen(w->name);

	prompt_reset(w->env->prompt);
	for (int i = PROMPT_NONE; i <= PROMPT_SHOWN; i++)
		if (strcmp(more, console_tags[i]) == 0)
			prompt_loaded(w->env->prompt, (enum prompt_state)i, "", clock_now());
}

/* QEMU continues the guest before the job ends, so output from here on is that of the loaded
 * guest. */
void snapshot_paused(struct snapshot_work *w)
{

	if (w->action != SNAPSHOT_LOAD || w->stopped)
		return;
	w->stopped = true;
	relay_flush(w->env->relays[RELAY_SERIAL]);
	load_prompt(w);
}

/* The guest's clock is not set: that would use the console, which the user may need now. */
static void loaded(struct snapshot_work *w)
{
	const char *more = w->tag + strlen(w->name);
	bool ready = strcmp(more, SNAPSHOT_BOOTING) != 0;

	if (!w->stopped) /* the guest was paused before */
		load_prompt(w);
	post(w->env, NOTICE_SNAPSHOT_LOADED, .on = ready);
	/* QEMU does not continue a guest that was not stopped on request. */
	if (lifecycle_any(w->env->life, COND_ANY_STUCK))
		(void)env_continue(w->env);
	succeed(w);
}

/* QEMU stops the guest, reverts the disk, then reads the memory, and does not report how far it
 * came (migration/savevm.c, load_snapshot()). A guest that still runs was not changed. Any other
 * is reset, because its disk is the snapshot's and its memory may be partly; it is continued after
 * the reset, not before. */
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
	fail(w, w->error,
	     whole ? ""
		   : "its memory may be half the snapshot's: the guest restarts from "
		     "its disk");
}

static void not_loaded(struct snapshot_work *w, const char *error)
{
	(void)snprintf(w->error, sizeof w->error, "%s", error);
	if (!qmp_send(w->env->qmp, "query-status", NULL, on_run_state, w))
		fail(w, error, "");
}

/* ---- QEMU's jobs -------------------------------------------------------------------------- */

static void concluded(struct snapshot_work *w, const char *error)
{
	if (error && w->action == SNAPSHOT_LOAD)
		not_loaded(w, error);
	else if (error)
		fail(w, error, "");
	else if (w->replacing) {
		w->replacing = false;
		hold(w);
	} else if (w->action == SNAPSHOT_LOAD)
		loaded(w);
	else
		succeed(w);
}

/* Our job in the reply to query-jobs; NULL if it is not there. */
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
	(void)json_write(dismiss, sizeof dismiss, JSON_LIST(J_TEXT("id", id)));
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
	/* QEMU refused the command: the guest is unchanged. */
	if (error && doc && w->action != SNAPSHOT_NONE)
		fail(w, error, "");
}

static void start(struct snapshot_work *w, enum snapshot_action job)
{
	static const char *const commands[] = {[SNAPSHOT_SAVE] = "snapshot-save",
					       [SNAPSHOT_LOAD] = "snapshot-load",
					       [SNAPSHOT_DELETE] = "snapshot-delete"};
	char arguments[256];
	char id[32];

	w->job++;
	if (job == SNAPSHOT_SAVE)
		(void)snprintf(w->tag, sizeof w->tag, "%s%s", w->name,
			       w->env->life->ready
				       ? console_tags[prompt_state(w->env->prompt, clock_now())]
				       : SNAPSHOT_BOOTING);
	(void)snprintf(id, sizeof id, JOB, w->job);
	(void)json_write(arguments, sizeof arguments,
			 JSON_LIST(J_TEXT("job-id", id), J_TEXT("tag", w->tag),
				   J_RAW("vmstate", job == SNAPSHOT_DELETE ? NULL : "\"disk0\""),
				   J_RAW("devices", "[\"disk0\"]")));
	if (!qmp_send(w->env->qmp, commands[job], arguments, on_started, w))
		fail(w, "QEMU does not answer", "");
}

static void on_held(struct qmp *q, const struct json *doc, const struct json_value *result,
		    const char *error, void *arg)
{
	struct snapshot_work *w = arg;
	struct error err = {0};

	(void)q, (void)result, (void)error;
	if (!doc || w->action == SNAPSHOT_NONE)
		return;
	relay_flush(w->env->relays[RELAY_SERIAL]);
	/* The last output may have begun something else. */
	if (snapshot_idle(w->env, SNAPSHOT_SAVE, &err))
		start(w, SNAPSHOT_SAVE);
	else
		fail(w, err.message, "");
}

/* Save it. The tag says whether the console shows a prompt, so the guest must not print one between
 * the choice of the tag and QEMU's stop: it is stopped first, and its output read. */
static void hold(struct snapshot_work *w)
{
	struct qmp *q = w->env->qmp;

	set_held(w, env_may_hold(w->env) && qmp_has_room(q, SAVE_COMMANDS) &&
			    qmp_send(q, "stop", NULL, on_held, w));
	if (!w->held)
		start(w, SNAPSHOT_SAVE);
}

/* Reasons why the memory cannot be saved; of the devices that we use, only a mounted 9p has one.
 * If a snapshot is to be replaced, QEMU would report it only after the old one was deleted. */
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
		fail(w, doc->values[reasons->first].text,
		     w->env->plan->s.share == SHARE_9P
			     ? "unmount the share in the guest (9p cannot be saved)"
			     : "");
	else if (error)
		fail(w, error, "");
	else if (w->replacing)
		start(w, SNAPSHOT_DELETE);
	else
		hold(w);
}

static void save(struct snapshot_work *w)
{
	if (!qmp_send(w->env->qmp, "query-migrate", NULL, on_blockers, w))
		fail(w, "QEMU does not answer", "");
}

void snapshot_ended(struct snapshot_work *w)
{
	helper_kill(w->env->helpers, HELPER_SNAPSHOT);
	if (w->action != SNAPSHOT_NONE)
		fail(w, "QEMU has ended", "");
}

/* ---- the request -------------------------------------------------------------------------- */

/* Input that QEMU has not read when it stops the guest would reach the guest that runs next: a
 * loaded guest would get input meant for the former one (such as the `exit` after vm exec). */
void snapshot_timer(struct snapshot_work *w)
{
	uint64_t now = clock_now();

	if (w->env->life->phase == LIFE_RUNNING && now < w->typed_end_ns &&
	    relay_unread(w->env->relays[RELAY_SERIAL]))
		env_timer(w->env, TIMER_SNAPSHOT, now + TYPED_LOOK_NS);
	else if (w->action == SNAPSHOT_SAVE)
		save(w);
	else
		start(w, w->action);
}

/* The helper has read the table of snapshots. */
static void on_table(void *arg, int status, const char *line)
{
	struct snapshot_work *w = arg;
	char tag[SNAPSHOT_TAG_MAX];
	uint64_t memory;
	struct error err = {0};

	(void)line;
	if (w->action == SNAPSHOT_NONE)
		return;
	if (status != 0 || !snapshot_parse_entry(w->said.text, tag, &memory)) {
		answer(w,
		       WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
								: EXIT_INTERNAL,
		       w->said.len ? w->said.text
				   : "the image's snapshots cannot be read; stop the guest and run "
				     "qemu-img check\n");
		return;
	}
	w->replacing = w->action == SNAPSHOT_SAVE && strcmp(tag, "-") != 0;
	(void)snprintf(w->tag, sizeof w->tag, "%s", tag);
	if (!snapshot_idle(w->env, w->action, &err) ||
	    (w->action == SNAPSHOT_SAVE && !snapshot_has_room(w->env, memory, &err)))
		refuse(w, &err);
	else {
		w->typed_end_ns = clock_now() + TYPED_NS;
		snapshot_timer(w);
	}
}

/* Copy the next word of TEXT, cut to SIZE - 1 bytes. Returns the rest. */
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
	struct error err = {0};
	size_t row = 0;

	(void)next_word(next_word(next_word(arg, word, sizeof word), name, sizeof name), option,
			sizeof option);
	while (row < 3 && strcmp(rows[row].word, word) != 0)
		row++;
	if (rows[row].action == SNAPSHOT_NONE) {
		if (!snapshot_answer_list(w->env, slot, strcmp(name, "--json") == 0, &err))
			control_answer_error(c, slot, &err);
		return;
	}
	if (!snapshot_possible(w->env, rows[row].action, name, &err)) {
		control_answer_error(c, slot, &err);
		return;
	}
	set_action(w, rows[row].action);
	(void)snprintf(w->name, sizeof w->name, "%.*s", SNAPSHOT_NAME_MAX, name);
	w->stopped = false;
	w->slot = slot;
	w->number = c->clients[slot].number;
	w->since_ns = clock_now();
	w->was_running = w->env->life->phase == LIFE_RUNNING ||
			 lifecycle_any(w->env->life, COND_ANY_STUCK | 1u << COND_HELD);
	if (!snapshot_ask_table(w->env, word, w->name, strcmp(option, "--force") == 0, &w->said,
				on_table, w, &err))
		refuse(w, &err);
}
