/* reset.c - the guest's machine is reset, or its guest has ended: by itself, by a fault, by us.
 *
 * QEMU is told to stand still at the end of its guest (-action shutdown=pause), which keeps the
 * processor as it was: where a triple fault was can be asked before QEMU is told to quit, and
 * VM_ON_PANIC can leave it for a debugger. Under VM_ON_REBOOT=restart the machine has been reset by
 * the time we hear of it; QEMU's log has the processor's state (format/fault_text.h), but for QEMU
 * 11. Where that does not say where the faults are, the last one before they are called a loop is
 * made to stop the machine, as under VM_ON_REBOOT=exit, and is looked at there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/supervisor.h"

#define SECOND UINT64_C(1000000000)

/* So many resets within such a time, none of which came to any phase, are a loop. SeaBIOS adds one
 * of its own to each. */
#define LOOP_RESETS 16
#define LOOP_NS	    (300 * SECOND)

#define FATAL_TEXT 256

/* ---- what a reset means ------------------------------------------------------------------ */

/* Has the guest come to a phase since it was started or reset? */
static bool got_anywhere(const struct supervisor *v)
{
	return v->phases.current >= 0;
}

static bool is_loop(struct supervisor *v)
{
	struct life *l = &v->life;
	uint64_t now = clock_now();

	if (got_anywhere(v) || l->resets == 0 || now - l->resets_since_ns > LOOP_NS) {
		l->resets = 0;
		l->resets_since_ns = now;
		l->fault = (struct fault_text){0};
	}
	if (v->debug_log.fault.triple)
		l->fault = v->debug_log.fault;
	l->resets += !got_anywhere(v);
	return l->resets >= LOOP_RESETS;
}

/* SeaBIOS, when it finds that it has run before, resets once more, by the keyboard's controller,
 * the chip set and a fault, each of which may be a reset of its own. Before the guest was seen they
 * are part of the reset before them. */
static bool is_firmwares(const struct supervisor *v)
{
	return v->life.was_reset && v->phases.first_byte_ns == 0 && !v->life.ready;
}

/* Before anything was printed a fault is no one's mistake, unless it is the end. */
static bool is_triple_fault(const struct supervisor *v)
{
	return v->debug_log.fault.triple && (v->cause != CAUSE_NONE || v->phases.first_byte_ns) &&
	       !phases_have(&v->phases, "stopping") && !phases_have(&v->phases, "restarting");
}

/* Of several processors the log does not say which one it was. */
static const char *triple_fault_text(const struct supervisor *v, const struct fault_text *f,
				     char *buf, size_t size)
{
	const char *where = v->plan->s.cpus == 1 ? f->where : "";

	(void)snprintf(buf, size,
		       "triple fault%s%s: its processor could not handle a fault and was reset",
		       where[0] ? " at " : "", where);
	return buf;
}

/* What came before the reset is on its way in pipes of their own. */
static void drain(struct supervisor *v)
{
	relay_flush(v->relays[RELAY_SERIAL]);
	debug_log_drain(&v->debug_log);
}

static void loop_text(const struct supervisor *v, char *what, size_t size)
{
	char fault[120] = "";

	if (v->life.fault.triple)
		(void)triple_fault_text(v, &v->life.fault, fault, sizeof fault);
	(void)snprintf(what, size,
		       "its machine was reset %u times in %" PRIu64
		       " s without coming to any phase%s%s",
		       v->life.resets, (clock_now() - v->life.resets_since_ns) / SECOND,
		       fault[0] ? "; last by a " : "", fault);
}

/* A reset that no guest asks for, into WHAT: after a panic, because it cannot even handle its
 * faults, or one of many. */
static bool is_fatal(struct supervisor *v, char *what, size_t size)
{
	const struct marker *m = v->life.suspicion.marker;
	bool loop = is_loop(v);

	if (is_triple_fault(v)) {
		(void)triple_fault_text(v, &v->debug_log.fault, what, size);
		return true;
	}
	if (m && m->kind == MARKER_PANIC) {
		(void)snprintf(what, size, "it said so and reset the machine");
		return true;
	}
	if (loop)
		loop_text(v, what, size);
	return loop;
}

/* ---- the end of the guest ---------------------------------------------------------------- */

void resets_end(struct supervisor *v)
{
	if (!v->life.panicked || v->plan->s.on_panic == PANIC_EXIT || v->ladder.rung != RUNG_NONE) {
		(void)qmp_send(&v->qmp, "quit", NULL, NULL, NULL);
		return;
	}
	supervisor_set_state(v, VM_PAUSED);
	log_info("the guest stands still as it was (VM_ON_PANIC); vm monitor and GDB see it, vm "
		 "stop ends it");
}

static void say(struct supervisor *v, const char *what)
{
	log_error("the guest panicked: %s", what);
	event("panic", "\"action\":\"reset\"");
	life_log_console(v);
	requests_trouble(v);
}

/* The general, segment and control registers: the rest says little of a kernel's first fault. */
static void log_registers(const char *text)
{
	log_info("the processor as it was:");
	for (const char *line = text + strspn(text, "\r\n");
	     *line && strncmp(line, "FCW=", 4) != 0;) {
		size_t len = strcspn(line, "\r\n");

		log_line(LOG_INFO, "  | ", "%.*s", (int)len, line);
		line += len;
		line += strspn(line, "\r\n");
	}
}

static void on_registers(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct supervisor *v = arg;
	char what[FATAL_TEXT];

	(void)q, (void)doc, (void)error;
	if (result && result->text && v->plan->s.cpus == 1)
		(void)fault_where(result->text, strlen(result->text), v->debug_log.fault.where);
	say(v, triple_fault_text(v, &v->debug_log.fault, what, sizeof what));
	if (result && result->text)
		log_registers(result->text);
	resets_end(v);
}

bool resets_last(struct supervisor *v)
{
	char what[FATAL_TEXT];

	drain(v);
	if (v->life.panicked || !is_fatal(v, what, sizeof what))
		return false;
	v->life.panicked = true;
	if (v->debug_log.fault.triple && cpus_ask(v, on_registers))
		return true;
	say(v, what);
	return false;
}

/* ---- resets ------------------------------------------------------------------------------ */

/* The guest may be held while it is reset; a debugger would take that for an interruption. */
static bool may_hold(const struct supervisor *v)
{
	return v->state == VM_RUNNING && !v->plan->s.gdb && v->snapshot.action == SNAPSHOT_NONE &&
	       v->save.saving == SAVING_NOTHING;
}

/* Under no-reboot QEMU takes its own reset for an end too, so the action is changed for as long as
 * it takes (QEMU: system/runstate.c, qemu_system_reset_request()). That is until the guest prints
 * something: SeaBIOS resets once more by itself when it finds that it has run before.
 *
 * What the guest prints and the word of its reset come on two ways: the processors stand still
 * until the old bytes are told from the new ones. */
bool supervisor_reset(struct supervisor *v)
{
	if (v->qmp.state != QMP_READY)
		return false;
	v->resetting = RESET_ASKED;
	/* Who begins to wait for the guest now waits for the new one. */
	v->life.ready = v->login_seen = false;
	if (may_hold(v))
		v->held = qmp_send(&v->qmp, "stop", NULL, NULL, NULL);
	else if (v->trouble.stuck) /* it was not stopped by anybody's wish */
		v->held = true;
	return qmp_send(&v->qmp, "set-action", "{\"reboot\":\"reset\"}", NULL, NULL) &&
	       qmp_send(&v->qmp, "system_reset", NULL, NULL, NULL);
}

void supervisor_reset_done(struct supervisor *v)
{
	v->resetting = RESET_NONE;
	if (v->plan->s.on_reboot == REBOOT_EXIT)
		(void)qmp_send(&v->qmp, "set-action", "{\"reboot\":\"shutdown\"}", NULL, NULL);
}

static void let_run(struct supervisor *v)
{
	if (v->held && v->save.saving == SAVING_NOTHING)
		(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	v->held = false;
}

/* ---- the last of a loop ------------------------------------------------------------------- */

/* The firmware resets the machine behind every reset of the guest's, so the one after next is its
 * own: it is the guest's that is to be caught. */
static void watch(struct supervisor *v)
{
	struct life *l = &v->life;

	if (v->plan->s.on_reboot == REBOOT_RESTART && !v->plan->s.gdb && v->plan->s.cpus == 1 &&
	    l->resets == LOOP_RESETS - 2 && l->fault.triple && !l->fault.where[0])
		l->watching =
			qmp_send(&v->qmp, "set-action", "{\"reboot\":\"shutdown\"}", NULL, NULL);
}

static void on_last_registers(struct qmp *q, const struct json *doc,
			      const struct json_value *result, const char *error, void *arg)
{
	struct supervisor *v = arg;
	struct fault_text *fault = &v->life.fault;
	char what[FATAL_TEXT];

	(void)q, (void)doc, (void)error;
	if (result && result->text &&
	    fault_where(result->text, strlen(result->text), fault->where) &&
	    fault_in_firmware(fault))
		fault->where[0] = '\0';
	loop_text(v, what, sizeof what);
	proof_panicked(v, what);
	if (v->plan->s.on_panic == PANIC_KEEP)
		(void)supervisor_reset(v);
}

bool resets_caught(struct supervisor *v, const char *reason)
{
	struct life *l = &v->life;

	if (!l->watching ||
	    (strcmp(reason, "guest-reset") != 0 && strcmp(reason, "host-qmp-system-reset") != 0))
		return false;
	l->watching = false;
	drain(v);
	if (v->debug_log.fault.triple && !got_anywhere(v) && !l->panicked &&
	    v->ladder.rung == RUNG_NONE) {
		l->resets++;
		event("reset", "\"guest\":true");
		if (cpus_ask(v, on_last_registers))
			return true;
	}
	return supervisor_reset(v);
}

void resets_on_event(struct supervisor *v, bool guest)
{
	char what[FATAL_TEXT];
	bool firmwares = guest && is_firmwares(v);

	if (firmwares) /* what is on its way may have come behind it already */
		debug_log_drain(&v->debug_log);
	else
		drain(v);
	if (!guest) {
		v->resetting = v->resetting == RESET_ASKED ? RESET_SEEN : v->resetting;
		v->life.resets = 0; /* whatever the guest was at, this one is not its */
	}
	bool fatal = guest && is_fatal(v, what, sizeof what);

	event("reset", "\"guest\":%s", guest ? "true" : "false");
	v->debug_log.fault = (struct fault_text){0};
	v->life.was_reset = true;
	if (v->cause != CAUSE_NONE) /* it is its end here */
		return;
	if (!firmwares) {
		log_info(guest ? "the guest rebooted" : "the machine was reset");
		life_restart(v);
		prompt_reset(&v->prompt);
	}
	if (!guest)
		let_run(v);
	if (fatal && !v->life.panicked)
		proof_panicked(v, what);
	else if (guest)
		watch(v);
}
