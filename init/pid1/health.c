/* health.c - see health.h. */
#include "pid1/health.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/cpu_state.h"
#include "pid1/cpu_query.h"
#include "pid1/env.h"

#define MS	  UINT64_C(1000000)
#define HEALTH_NS (4000 * MS) /* Docker's own timeout is 5 s (Dockerfile) */
#define AGAIN_NS  (150 * MS)

static void look(struct health *h);

void health_init(struct health *h, const struct env *env, struct port_probes *probes)
{
	*h = (struct health){.env = env, .probes = probes};
}

static void finish(struct health *h, const char *wrong)
{
	h->step = CHECK_NONE;
	env_timer(h->env, TIMER_HEALTH, 0);
	post(h->env, NOTICE_CHECKED, .text = wrong);
}

static void ask_service(struct health *h)
{
	enum ready by = (enum ready)h->env->plan->s.ready;
	enum probe_id which = by == READY_SSH ? PROBE_SSH : PROBE_HTTP;

	if (by != READY_SSH && by != READY_HTTP) {
		finish(h, NULL);
		return;
	}
	h->step = CHECK_SERVICE;
	env_timer(h->env, TIMER_HEALTH, h->end_ns);
	probe_want(h->probes, which);
}

static void on_registers(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct health *h = arg;
	struct cpu_states cpus;

	(void)q, (void)doc, (void)error;
	if (h->step != CHECK_CPUS) /* the answer came too late */
		return;
	if (!result || !result->text ||
	    !cpu_states_parse(result->text, strlen(result->text), &cpus) ||
	    !cpu_states_dead(&cpus)) {
		ask_service(h);
		return;
	}
	if (h->dead++ == 0) {
		h->step = CHECK_AGAIN;
		env_timer(h->env, TIMER_HEALTH, clock_now() + AGAIN_NS);
		return;
	}
	post(h->env, NOTICE_VERDICT, .value = VERDICT_DEAD);
	log_error("the guest is dead: every processor is halted with interrupts off");
	log_line(LOG_ERROR, "  fix: ", "vm reset restarts it");
	event("dead", J_INT("cpus", cpus.count));
	finish(h, NULL); /* the verdict has the reason */
}

static void look(struct health *h)
{
	h->step = CHECK_CPUS;
	env_timer(h->env, TIMER_HEALTH, h->end_ns);
	if (!cpu_query(h->env, on_registers, h))
		finish(h, "QEMU does not answer");
}

void health_check(struct health *h)
{
	if (h->step != CHECK_NONE) /* the check under way answers this request, too */
		return;
	h->dead = 0;
	h->end_ns = clock_now() + HEALTH_NS;
	look(h);
}

void health_timer(struct health *h)
{
	switch (h->step) {
	case CHECK_AGAIN: look(h); break;
	case CHECK_CPUS: finish(h, "QEMU does not answer"); break;
	case CHECK_SERVICE:
		finish(h, h->env->plan->s.ready == READY_SSH
				  ? "the guest's sshd does not answer any more"
				  : "the guest's web server does not answer any more");
		break;
	default: break;
	}
}

void health_answered(struct health *h, enum probe_id which)
{
	enum ready by = which == PROBE_SSH ? READY_SSH : READY_HTTP;

	if (h->step == CHECK_SERVICE && (enum ready)h->env->plan->s.ready == by)
		finish(h, NULL);
}
