/* health.c - is a guest that was ready still well? Asked by `vm health`, which Docker runs.
 *
 * Three things are looked at, in this order, and within HEALTH_NS: QEMU answers on QMP; at least
 * one processor can still run (all of them halted with interrupts off, twice in a row, is a dead
 * guest); and where ready means that the guest's sshd or web server answers, it answers now.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/cpu_state.h"
#include "pid1/supervisor.h"

#define MS	  UINT64_C(1000000)
#define HEALTH_NS (4000 * MS) /* Docker's own timeout is 5 s (Dockerfile) */
#define AGAIN_NS  (150 * MS)

static void look(struct supervisor *v);

static void finish(struct supervisor *v, const char *wrong)
{
	v->checkup.step = CHECK_NONE;
	timers_set(&v->timers, TIMER_HEALTH, 0);
	requests_checked(v, wrong);
}

static void ask_service(struct supervisor *v)
{
	enum ready by = (enum ready)v->plan->s.ready;
	enum probe_id which = by == READY_SSH ? PROBE_SSH : PROBE_HTTP;

	if (by != READY_SSH && by != READY_HTTP) {
		finish(v, NULL);
		return;
	}
	v->checkup.step = CHECK_SERVICE;
	timers_set(&v->timers, TIMER_HEALTH, v->checkup.end_ns);
	probe_want(v, which);
}

static void on_registers(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct supervisor *v = arg;
	struct cpu_states cpus;

	(void)q, (void)doc, (void)error;
	if (v->checkup.step != CHECK_CPUS) /* too late */
		return;
	if (!result || !result->text ||
	    !cpu_states_parse(result->text, strlen(result->text), &cpus) ||
	    !cpu_states_dead(&cpus)) {
		ask_service(v);
		return;
	}
	if (v->checkup.dead++ == 0) {
		v->checkup.step = CHECK_AGAIN;
		timers_set(&v->timers, TIMER_HEALTH, clock_now() + AGAIN_NS);
		return;
	}
	v->life.dead = true;
	log_error("the guest is dead: every processor is halted with interrupts off");
	event("dead", "\"cpus\":%d", cpus.count);
	finish(v, NULL); /* supervisor_ready() knows now */
}

static void look(struct supervisor *v)
{
	v->checkup.step = CHECK_CPUS;
	timers_set(&v->timers, TIMER_HEALTH, v->checkup.end_ns);
	if (!cpus_ask(v, on_registers))
		finish(v, "QEMU does not answer");
}

void health_check(struct supervisor *v)
{
	if (v->checkup.step != CHECK_NONE) /* one is under way: it answers both */
		return;
	v->checkup = (struct checkup){.end_ns = clock_now() + HEALTH_NS};
	look(v);
}

void health_timer(struct supervisor *v)
{
	switch (v->checkup.step) {
	case CHECK_AGAIN: look(v); break;
	case CHECK_CPUS: finish(v, "QEMU does not answer"); break;
	case CHECK_SERVICE:
		finish(v, v->plan->s.ready == READY_SSH
				  ? "the guest's sshd does not answer any more"
				  : "the guest's web server does not answer any more");
		break;
	default: break;
	}
}

void health_answered(struct supervisor *v, enum probe_id which)
{
	enum ready by = which == PROBE_SSH ? READY_SSH : READY_HTTP;

	if (v->checkup.step == CHECK_SERVICE && (enum ready)v->plan->s.ready == by)
		finish(v, NULL);
}
