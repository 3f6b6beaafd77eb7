/* panic_check.c - is it true that the guest is at its end, as it says? (readiness.h)
 *
 * A line on the console proves little: `dmesg` repeats an old panic, and any user can type one. So
 * after such a line PID 1 waits until the console is quiet, and then looks several times at what
 * the processors do (format/cpu_state.h). A kernel that has panicked, or stopped in its tight loop,
 * runs no program and waits for no interrupt; one that lives shows either sooner or later, most
 * often at once. One that has shut
 * down may idle for ever, and leaves the console at the start of a line, which no prompt does. A
 * boot that says it failed needs no such proof: the line is believed when nothing but quiet follows
 * it.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/cpu_state.h"
#include "pid1/supervisor.h"

#define MS	   UINT64_C(1000000)
#define LOOK_NS	   (150 * MS)
#define QUIET_NS   (300 * MS)
#define SAMPLES	   5
#define FAILURE_NS (1500 * MS)	/* how long a boot that failed is quiet */
#define GIVE_UP_NS (10000 * MS) /* a guest that goes on printing for so long lives */

static void again(struct supervisor *v)
{
	timers_set(&v->timers, TIMER_PROOF, clock_now() + LOOK_NS);
}

void proof_drop(struct supervisor *v)
{
	v->life.suspicion.marker = NULL;
	timers_set(&v->timers, TIMER_PROOF, 0);
}

void proof_begin(struct supervisor *v, const struct marker *m)
{
	struct suspicion *s = &v->life.suspicion;

	if (v->life.panicked || v->life.halted || v->life.failed || s->told)
		return;
	/* A panic behind a failed boot is the better explanation; a second panic is the same. */
	if (s->marker && m->kind == MARKER_FAILURE)
		return;
	*s = (struct suspicion){.marker = m, .since_ns = clock_now(), .asked = s->asked};
	again(v);
}

void proof_panicked(struct supervisor *v, const char *what)
{
	static const char *const actions[] = {"exit", "keep", "pause"};
	int action = v->plan->s.on_panic;

	v->life.panicked = true;
	log_error("the guest panicked: %s", what);
	event("panic", "\"action\":\"%s\"", actions[action]);
	life_log_console(v);
	requests_trouble(v);
	if (v->ladder.rung != RUNG_NONE) {
		supervisor_stop(v, LADDER_NOW);
		return;
	}
	switch (action) {
	case PANIC_EXIT: supervisor_stop(v, LADDER_NOW); break;
	case PANIC_PAUSE:
		(void)qmp_send(&v->qmp, "stop", NULL, NULL, NULL);
		log_info("VM_ON_PANIC=pause: the guest stands still; vm monitor and GDB see it as "
			 "it "
			 "is");
		break;
	default: log_info("VM_ON_PANIC=keep: QEMU runs on"); break;
	}
}

static void believe(struct supervisor *v)
{
	const struct marker *m = v->life.suspicion.marker;
	bool told = v->life.suspicion.told;
	char what[120];

	proof_drop(v);
	switch (m->kind) {
	case MARKER_DOWN:
		v->life.halted = true;
		log_info("the guest has shut down (%.*s); ending QEMU", (int)m->name_len, m->name);
		event("down", "\"name\":\"%.*s\"", (int)m->name_len, m->name);
		supervisor_stop(v, LADDER_NOW);
		break;
	case MARKER_FAILURE:
		v->life.failed = true;
		(void)snprintf(what, sizeof what, "its boot failed (%.*s)", (int)m->name_len,
			       m->name);
		proof_panicked(v, what);
		break;
	default:
		(void)snprintf(what, sizeof what, "%.*s%s", (int)m->name_len, m->name,
			       told ? " tells so"
				    : " on the console, and no processor runs a program any more");
		proof_panicked(v, what);
		break;
	}
}

static void disbelieve(struct supervisor *v, const char *why)
{
	const struct marker *m = v->life.suspicion.marker;

	log_warning("%.*s on the console, but %s: taken for text", (int)m->name_len, m->name, why);
	event("false_alarm", "\"name\":\"%.*s\"", (int)m->name_len, m->name);
	proof_drop(v);
}

static void on_registers(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct supervisor *v = arg;
	struct suspicion *s = &v->life.suspicion;
	struct cpu_states cpus;

	(void)q, (void)doc, (void)error;
	s->asked = false;
	if (!s->marker || !result)
		return;
	if (!result->text || !cpu_states_parse(result->text, strlen(result->text), &cpus)) {
		disbelieve(v, "QEMU does not tell what its processors do");
		return;
	}
	/* A kernel in its last loop idles; a shell that has shown its last words again has a prompt
	 * behind them. */
	bool end = s->marker->kind == MARKER_DOWN ? cpus.user == 0 && !v->phases.mid_line
						  : cpu_states_stuck(&cpus);

	if (!end) {
		disbelieve(v, "the guest goes on");
		return;
	}
	if (++s->samples >= SAMPLES)
		believe(v);
}

void proof_timer(struct supervisor *v)
{
	struct suspicion *s = &v->life.suspicion;
	uint64_t now = clock_now();
	uint64_t quiet = now - v->phases.last_byte_ns;

	if (!s->marker || v->cause != CAUSE_NONE)
		return;
	again(v);
	if (v->state == VM_PAUSED) /* it cannot show anything now */
		return;
	/* Its kernel prints why before it tells the device, and a little behind. */
	if (s->marker->kind == MARKER_FAILURE || s->told) {
		if (quiet >= (s->told ? QUIET_NS : FAILURE_NS) || now - s->since_ns > GIVE_UP_NS)
			believe(v);
		return;
	}
	if (quiet < QUIET_NS) {
		s->samples = 0;
		if (now - s->since_ns > GIVE_UP_NS)
			disbelieve(v, "it goes on printing");
		return;
	}
	if (!s->asked)
		s->asked = cpus_ask(v, on_registers);
}

void proof_pvpanic(struct supervisor *v)
{
	static const struct marker device = {
		.kind = MARKER_PANIC, .name = "pvpanic", .name_len = 7};

	proof_begin(v, &device);
	v->life.suspicion.told = true;
}

/* One processor asked for costs little; of more than 8 the answer would not fit QMP's buffer. */
bool cpus_ask(struct supervisor *v, qmp_reply *reply)
{
	return qmp_send(&v->qmp, "human-monitor-command",
			v->plan->s.cpus <= 8 ? "{\"command-line\":\"info registers -a\"}"
					     : "{\"command-line\":\"info registers\"}",
			reply, v);
}
