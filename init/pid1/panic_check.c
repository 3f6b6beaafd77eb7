/* panic_check.c - see panic_check.h. */
#include "pid1/panic_check.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/cpu_state.h"
#include "pid1/cpu_query.h"
#include "pid1/env.h"

#define MS	     UINT64_C(1000000)
#define LOOK_NS	     (150 * MS)
#define QUIET_NS     (300 * MS)
#define SAMPLES	     5
#define IDLE_SAMPLES 20 /* of a kernel that an interrupt may still wake */
#define FAILURE_NS                                                                                 \
	(1500 * MS) /* a boot has failed if nothing is printed for so long after the marker */
#define NEWS_NS	   (1000 * MS)
#define GIVE_UP_NS (10000 * MS) /* a guest that still prints after so long has not panicked */

static void again(struct panic_check *p)
{
	env_timer(p->env, TIMER_PANIC, clock_now() + LOOK_NS);
}

void panic_check_init(struct panic_check *p, const struct env *env)
{
	*p = (struct panic_check){.env = env};
}

static void stop_checking(struct panic_check *p)
{
	p->marker = NULL;
	p->by_device = p->down = p->idle = false;
	env_timer(p->env, TIMER_PANIC, 0);
}

void panic_check_drop(struct panic_check *p)
{
	stop_checking(p);
	p->told_ns[0] = p->told_ns[1] = 0;
}

void panic_check_ready(struct panic_check *p)
{
	if (p->marker && p->marker->kind == MARKER_FAILURE)
		stop_checking(p);
}

bool panic_check_pending(const struct panic_check *p)
{
	return p->marker && p->marker->kind == MARKER_PANIC;
}

bool panic_check_recent(const struct panic_check *p)
{
	return panic_check_pending(p) && clock_now() - p->since_ns < 2000 * MS;
}

/* The more severe marker wins: a kernel that has panicked may print that it is safe to power off,
 * and a failed boot may end in a panic. */
static int severity(const struct marker *m)
{
	return m->kind == MARKER_PANIC ? 3 : m->kind == MARKER_FAILURE ? 2 : 1;
}

void panic_check_begin(struct panic_check *p, const struct marker *m)
{
	if (lifecycle_over(p->env->life) || p->by_device)
		return;
	p->down |= m->kind == MARKER_DOWN;
	if (p->marker && (severity(m) < severity(p->marker) ||
			  (m->kind == MARKER_FAILURE && p->marker->kind == MARKER_FAILURE)))
		return;
	p->marker = m;
	p->idle = false;
	p->since_ns = clock_now();
	p->samples = 0;
	again(p);
}

static void believe(struct panic_check *p)
{
	const struct marker *m = p->marker;
	bool by_device = p->by_device;
	char what[120];

	stop_checking(p);
	(void)snprintf(what, sizeof what, "%.*s", (int)m->name_len, m->name);
	switch (m->kind) {
	case MARKER_DOWN: post(p->env, NOTICE_HALTED, .text = what); break;
	case MARKER_FAILURE:
		(void)snprintf(what, sizeof what, "its boot failed (%.*s)", (int)m->name_len,
			       m->name);
		post(p->env, NOTICE_PANIC, .text = what, .value = VERDICT_BOOT_FAILED);
		break;
	default:
		(void)snprintf(
			what, sizeof what, "%.*s%s", (int)m->name_len, m->name,
			by_device ? " reports it"
				  : " on the console, and no processor runs a program any more");
		post(p->env, NOTICE_PANIC, .text = what, .value = VERDICT_PANIC);
		break;
	}
}

static void disbelieve(struct panic_check *p, const char *why)
{
	const struct marker *m = p->marker;

	log_warning("%.*s on the console, but %s: ignored", (int)m->name_len, m->name, why);
	event("false_alarm", J_TEXT_N("name", (int)m->name_len, m->name));
	stop_checking(p);
}

/* Whether "halted, but an interrupt might wake it" with a silent console confirms the marker. A
 * kernel idles in its last loop, also one that asks for a key after a panic. But an idle guest
 * that is ready looks the same, and a program may have printed an old panic message there. So for
 * a ready guest this counts only if its kernels are known to stop in this way. */
static bool idle_confirms(const struct panic_check *p)
{
	const struct env *env = p->env;

	return p->marker->kind == MARKER_DOWN || p->down || !env->life->ready ||
	       env->plan->idle_panic;
}

static void on_registers(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	struct panic_check *p = arg;
	struct cpu_states cpus;

	(void)q, (void)doc, (void)error;
	p->asked = false;
	if (!p->marker || !result)
		return;
	if (!result->text || !cpu_states_parse(result->text, strlen(result->text), &cpus)) {
		disbelieve(p, "QEMU does not report the processors' state");
		return;
	}
	/* After an old message is printed again by a shell, a prompt follows it. */
	bool quiet = cpus.user == 0 && !p->env->phases->mid_line;
	bool stuck = p->marker->kind != MARKER_DOWN && cpu_states_stuck(&cpus);

	if (!stuck && quiet && cpus.masked && !idle_confirms(p) &&
	    clock_now() - p->since_ns <
		    GIVE_UP_NS) { /* in a timer interrupt, or idle: take more samples */
		p->samples -= p->samples > 0;
		return;
	}
	if (!stuck && !(quiet && idle_confirms(p))) {
		disbelieve(p, "the guest runs on");
		return;
	}
	p->idle |= !stuck && !p->down;
	if (++p->samples >= (p->idle ? IDLE_SAMPLES : SAMPLES))
		believe(p);
}

void panic_check_timer(struct panic_check *p)
{
	uint64_t now = clock_now();
	uint64_t quiet = now - p->env->phases->last_byte_ns;

	if (!p->marker || p->env->life->cause != CAUSE_NONE)
		return;
	again(p);
	if (p->env->life->phase == LIFE_PAUSED) /* a paused guest cannot prove anything now */
		return;
	/* A kernel prints the reason shortly before it reports the panic to the device, and for a
	 * moment after that. */
	if (p->marker->kind == MARKER_FAILURE || p->by_device) {
		if (quiet >= (p->by_device ? QUIET_NS : FAILURE_NS) ||
		    now - p->since_ns > GIVE_UP_NS)
			believe(p);
		return;
	}
	if (quiet < QUIET_NS) {
		p->samples = 0;
		p->idle = false;
		if (now - p->since_ns > GIVE_UP_NS)
			disbelieve(p, "the guest prints more");
		return;
	}
	if (!p->asked)
		p->asked = cpu_query(p->env, on_registers, p);
}

void panic_check_device(struct panic_check *p)
{
	static const struct marker device = {
		.kind = MARKER_PANIC, .name = "pvpanic", .name_len = 7};

	panic_check_begin(p, &device);
	p->by_device = p->marker == &device;
}

bool panic_check_is_news(struct panic_check *p, const struct marker *m, uint64_t at)
{
	uint64_t *told = &p->told_ns[m->kind == MARKER_DOWN];

	if (m->kind != MARKER_PANIC && m->kind != MARKER_DOWN)
		return true;
	if (*told && at - *told < NEWS_NS)
		return false;
	*told = at;
	return true;
}
