/* reset.c - see reset.h. */
#include "pid1/reset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "console/debug_log.h"
#include "pid1/cpu_query.h"
#include "pid1/env.h"
#include "pid1/panic_check.h"

#define SECOND UINT64_C(1000000000)

/* This many resets within LOOP_NS, none of which reached a boot phase, are a loop. SeaBIOS adds a
 * reset of its own to each of the guest's. */
#define LOOP_RESETS 16
#define LOOP_NS	    (300 * SECOND)

/* From the moment that the machine runs after a reset, SeaBIOS needs a few milliseconds to find
 * that it has run before; a guest needs at least some 100 ms to be loaded. */
#define FIRMWARE_US 100000

#define FATAL_TEXT 256

/* stop, set-action, system_reset */
#define PRESS_COMMANDS 3

void reset_init(struct reset *r, const struct env *env, struct debug_log *debug_log,
		const struct panic_check *panic)
{
	*r = (struct reset){.env = env, .debug_log = debug_log, .panic = panic};
}

void reset_restart(struct reset *r)
{
	reset_init(r, r->env, r->debug_log, r->panic);
}

static void set_button(struct reset *r, int button)
{
	r->button = button;
	env_condition(r->env, COND_RESETTING, button != RESET_NONE);
}

static void set_held(struct reset *r, bool held)
{
	r->held = held;
	env_condition(r->env, COND_HELD, held);
}

/* ---- what a reset means ------------------------------------------------------------------ */

/* Whether the guest has reached a boot phase since it was started or reset. */
static bool has_reached_phase(const struct reset *r)
{
	return r->env->phases->current >= 0;
}

static bool is_loop(struct reset *r)
{
	uint64_t now = clock_now();

	if (has_reached_phase(r) || r->resets == 0 || now - r->since_ns > LOOP_NS) {
		r->resets = 0;
		r->since_ns = now;
		r->fault = (struct fault_text){0};
	}
	if (r->debug_log->fault.triple)
		r->fault = r->debug_log->fault;
	r->resets += !has_reached_phase(r);
	return r->resets >= LOOP_RESETS;
}

/* When SeaBIOS finds that it has run before, it resets once more through the keyboard controller,
 * the chip set and a triple fault, each of which may be reported as a reset. Until the guest
 * prints something, such a reset belongs to the one before it. If PID 1 is late, it may have read
 * the new boot's output before the event; US is the event's time. */
static bool is_by_firmware(const struct reset *r, int64_t us)
{
	return r->was_reset &&
	       ((r->env->phases->first_byte_ns == 0 && !r->env->life->ready) ||
		(us >= r->runs_us /* the host's clock may have been set back */ &&
		 us - r->runs_us < FIRMWARE_US && env_settings(r->env)->arch <= ARCH_I386));
}

/* Before anything is printed, a triple fault may be the firmware's way to reset, unless the guest
 * ends by it. */
static bool is_triple_fault(const struct reset *r)
{
	return r->debug_log->fault.triple &&
	       (r->env->life->cause != CAUSE_NONE || r->env->phases->first_byte_ns) &&
	       !phases_seen(r->env->phases, "stopping") &&
	       !phases_seen(r->env->phases, "restarting");
}

/* With several processors, QEMU's log does not say which one had the fault. */
static const char *triple_fault_text(const struct reset *r, const struct fault_text *f, char *buf,
				     size_t size)
{
	const char *where = r->env->plan->s.cpus == 1 ? f->where : "";

	(void)snprintf(buf, size,
		       "triple fault%s%s: its processor could not handle a fault and was reset",
		       where[0] ? " at " : "", where);
	return buf;
}

/* Output from before the reset is still in pipes. */
static void drain(struct reset *r)
{
	relay_flush(r->env->relays[RELAY_SERIAL]);
	debug_log_drain(r->debug_log);
}

static void loop_text(const struct reset *r, char *what, size_t size)
{
	char fault[120] = "";

	if (r->fault.triple)
		(void)triple_fault_text(r, &r->fault, fault, sizeof fault);
	(void)snprintf(what, size,
		       "its machine was reset %u times in %" PRIu64
		       " s without coming to any phase%s%s",
		       r->resets, (clock_now() - r->since_ns) / SECOND,
		       fault[0] ? "; last by a " : "", fault);
}

/* Whether the reset was not intended by the guest: after a panic, by a triple fault, or in a loop.
 * WHAT gets the reason. */
static bool is_fatal(struct reset *r, char *what, size_t size)
{
	bool loop = is_loop(r);

	if (is_triple_fault(r)) {
		(void)triple_fault_text(r, &r->debug_log->fault, what, size);
		return true;
	}
	if (panic_check_pending(r->panic)) {
		(void)snprintf(what, size, "it printed the panic and reset the machine");
		return true;
	}
	if (loop)
		loop_text(r, what, size);
	return loop;
}

/* ---- the end of the guest ---------------------------------------------------------------- */

void reset_end(struct reset *r)
{
	if (!lifecycle_panicked(r->env->life) || r->env->plan->s.on_panic == PANIC_EXIT ||
	    r->env->life->rung != RUNG_NONE) {
		(void)env_qmp(r->env, "quit");
		return;
	}
	post(r->env, NOTICE_KEPT);
	log_info("the guest is paused (VM_ON_PANIC): inspect it with vm monitor or GDB, end it "
		 "with vm "
		 "stop");
}

static void say(struct reset *r, const char *what)
{
	post(r->env, NOTICE_FATAL_RESET, .text = what);
}

/* General, segment and control registers; others say little about a kernel's first fault. */
static void log_registers(const char *text)
{
	log_info("the processor's registers:");
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
	struct reset *r = arg;
	struct fault_text fault = r->debug_log->fault;
	char what[FATAL_TEXT];

	(void)q, (void)doc, (void)error;
	if (result && result->text && r->env->plan->s.cpus == 1)
		(void)fault_where(result->text, strlen(result->text), fault.where);
	say(r, triple_fault_text(r, &fault, what, sizeof what));
	if (result && result->text)
		log_registers(result->text);
	reset_end(r);
}

bool reset_was_fatal(struct reset *r)
{
	char what[FATAL_TEXT];

	drain(r);
	if (lifecycle_panicked(r->env->life) || !is_fatal(r, what, sizeof what))
		return false;
	post(r->env, NOTICE_VERDICT, .value = VERDICT_PANIC);
	if (r->debug_log->fault.triple && cpu_query(r->env, on_registers, r))
		return true;
	say(r, what);
	return false;
}

/* ---- resets ------------------------------------------------------------------------------ */

/* Whether the guest may be stopped meanwhile. */
static bool may_hold(const struct reset *r)
{
	return env_may_hold(r->env) &&
	       !lifecycle_any(r->env->life, COND_ANY_SNAPSHOT | COND_ANY_SAVE);
}

/* With -no-reboot QEMU treats its own reset as an end, too, so the action is changed during the
 * reset (QEMU: system/runstate.c, qemu_system_reset_request()): until the guest prints something,
 * because SeaBIOS resets once more when it finds that it has run before.
 *
 * The guest's output and the event RESET come from two descriptors, so the processors are stopped
 * until the output from before the reset has been read. */
bool reset_press(struct reset *r, enum reset_then then)
{
	const struct env *env = r->env;

	if (env->qmp->state != QMP_READY || !qmp_has_room(env->qmp, PRESS_COMMANDS))
		return false;
	set_button(r, RESET_ASKED);
	post(env, NOTICE_RESET_PRESSED);
	if (may_hold(r))
		set_held(r, env_qmp(env, "stop"));
	else if (lifecycle_any(env->life, COND_ANY_STUCK)) /* not stopped at our request */
		set_held(r, true);
	bool sent = qmp_send(env->qmp, "set-action", "{\"reboot\":\"reset\"}", NULL, NULL) &&
		    env_qmp(env, "system_reset");

	if (sent && then != THEN_AS_BEFORE)
		set_held(r, then == THEN_RUNS);
	return sent;
}

void reset_on_serial(struct reset *r)
{
	if (r->button != RESET_SEEN)
		return;
	set_button(r, RESET_NONE);
	if (env_settings(r->env)->on_reboot == REBOOT_EXIT || r->env->plan->boot.restarts)
		(void)qmp_send(r->env->qmp, "set-action", "{\"reboot\":\"shutdown\"}", NULL, NULL);
}

static void continue_guest(struct reset *r)
{
	r->continued = r->held && !lifecycle_any(r->env->life, COND_ANY_SAVE);
	if (r->continued)
		(void)env_continue(r->env);
	set_held(r, false);
}

void reset_resumed(struct reset *r, int64_t us)
{
	if (r->continued)
		r->runs_us = us;
	r->continued = false;
}

/* ---- the last of a loop ------------------------------------------------------------------- */

/* The firmware adds a reset after each one of the guest's, so the next one is the firmware's, and
 * the one after that, the guest's, is the one to catch. */
static void watch(struct reset *r)
{

	if (r->env->plan->s.on_reboot == REBOOT_RESTART && !r->env->plan->boot.restarts &&
	    !r->env->plan->s.gdb && r->env->plan->s.cpus == 1 && r->resets == LOOP_RESETS - 2 &&
	    r->fault.triple && !r->fault.where[0])
		r->watching = qmp_send(r->env->qmp, "set-action", "{\"reboot\":\"shutdown\"}", NULL,
				       NULL);
}

static void on_last_registers(struct qmp *q, const struct json *doc,
			      const struct json_value *result, const char *error, void *arg)
{
	struct reset *r = arg;
	struct fault_text *fault = &r->fault;
	char what[FATAL_TEXT];

	(void)q, (void)doc, (void)error;
	if (result && result->text &&
	    fault_where(result->text, strlen(result->text), fault->where) &&
	    fault_in_firmware(fault))
		fault->where[0] = '\0';
	loop_text(r, what, sizeof what);
	post(r->env, NOTICE_PANIC, .text = what, .value = VERDICT_PANIC);
	if (env_settings(r->env)->on_panic == PANIC_KEEP)
		(void)reset_press(r, THEN_AS_BEFORE);
}

bool reset_caught(struct reset *r, const char *reason)
{

	if (!r->watching ||
	    (strcmp(reason, "guest-reset") != 0 && strcmp(reason, "host-qmp-system-reset") != 0))
		return false;
	r->watching = false;
	drain(r);
	if (r->debug_log->fault.triple && !has_reached_phase(r) &&
	    !lifecycle_panicked(r->env->life) && r->env->life->rung == RUNG_NONE) {
		r->resets++;
		event("reset", J_BOOL("guest", true));
		if (cpu_query(r->env, on_last_registers, r))
			return true;
	}
	return reset_press(r, THEN_AS_BEFORE);
}

void reset_on_event(struct reset *r, bool guest, int64_t us)
{
	char what[FATAL_TEXT];
	bool by_firmware = guest && is_by_firmware(r, us);

	r->runs_us = us;

	if (by_firmware) /* output in the serial line's pipe may be from after the reset */
		debug_log_drain(r->debug_log);
	else
		drain(r);
	if (!guest) {
		if (r->button == RESET_ASKED)
			set_button(r, RESET_SEEN);
		r->resets = 0; /* a reset from outside: not part of a loop */
	}
	bool fatal = guest && is_fatal(r, what, sizeof what);

	event("reset", J_BOOL("guest", guest));
	debug_log_forget_fault(r->debug_log);
	r->was_reset = true;
	if (r->env->life->cause != CAUSE_NONE) /* the guest ends by it */
		return;
	if (!by_firmware) {
		log_info(guest ? "the guest rebooted" : "the machine was reset");
		post(r->env, NOTICE_RESTARTED);
	}
	if (!guest)
		continue_guest(r);
	if (fatal && !lifecycle_panicked(r->env->life))
		post(r->env, NOTICE_PANIC, .text = what, .value = VERDICT_PANIC);
	else if (guest)
		watch(r);
}
