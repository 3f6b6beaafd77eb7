/* readiness.c - see readiness.h. */
#include "pid1/readiness.h"

#include <string.h>

#include "base/log.h"
#include "pid1/env.h"

#define SECOND	   UINT64_C(1000000000)
#define SILENCE_NS (20 * SECOND)

static enum ready wanted(const struct env *env)
{
	return (enum ready)env_settings(env)->ready;
}

/* Whether the condition of VM_READY is something on the serial line. */
static bool by_console(const struct env *env)
{
	return wanted(env) == READY_LOGIN || wanted(env) == READY_MARKER;
}

const char *readiness_name(const struct env *env)
{
	static const char *const names[] = {[READY_LOGIN] = "login",
					    [READY_SSH] = "ssh",
					    [READY_HTTP] = "http",
					    [READY_MARKER] = "marker",
					    [READY_RUNNING] = "running"};

	return names[wanted(env)];
}

const char *readiness_text(const struct env *env)
{
	static const char *const texts[] = {[READY_LOGIN] = "login prompt on the serial console",
					    [READY_SSH] = "the guest's sshd answers",
					    [READY_HTTP] = "the guest's web server answers",
					    [READY_MARKER] = "marker on the serial console",
					    [READY_RUNNING] = "the guest runs"};

	return texts[wanted(env)];
}

bool readiness_is_login(const struct marker *m)
{
	return m->name_len == 5 && memcmp(m->name, "login", 5) == 0;
}

void readiness_init(struct readiness *r, const struct env *env, struct port_probes *probes)
{
	*r = (struct readiness){.env = env, .probes = probes};
}

static void become_ready(struct readiness *r)
{
	const struct lifecycle *l = r->env->life;

	if (!l->ready && l->cause == CAUSE_NONE && l->verdict != VERDICT_LATE)
		post(r->env, NOTICE_READY);
}

static void no_deadlines(struct readiness *r)
{
	env_timer(r->env, TIMER_BOOT, 0);
	env_timer(r->env, TIMER_SILENCE, 0);
}

void readiness_reached(struct readiness *r)
{
	no_deadlines(r);
}

void readiness_runs(struct readiness *r)
{
	const struct env *env = r->env;
	const struct settings *s = env_settings(env);
	uint64_t now = clock_now();

	if (env->life->ready)
		return;
	if (wanted(env) == READY_RUNNING ||
	    (env->life->resumed && env->plan->resume.ready && by_console(env))) {
		become_ready(r);
		return;
	}
	if (wanted(env) == READY_SSH)
		probe_want(r->probes, PROBE_SSH);
	if (wanted(env) == READY_HTTP)
		probe_want(r->probes, PROBE_HTTP);
	if (s->boot_timeout && !env->timers->at[TIMER_BOOT])
		env_timer(env, TIMER_BOOT,
			  now + (r->boot_left_ns ? r->boot_left_ns
						 : (uint64_t)s->boot_timeout * SECOND));
	r->boot_left_ns = 0;
	if (env->phases->first_byte_ns == 0 && by_console(env) && !env->timers->at[TIMER_SILENCE])
		env_timer(env, TIMER_SILENCE, now + SILENCE_NS);
}

void readiness_paused(struct readiness *r)
{
	uint64_t now = clock_now();
	uint64_t end = r->env->timers->at[TIMER_BOOT];

	if (!env_settings(r->env)->gdb || lifecycle_is(r->env->life, COND_DISK_ERROR))
		return;
	if (end)
		r->boot_left_ns = end > now ? end - now : 1;
	no_deadlines(r);
}

void readiness_reset(struct readiness *r)
{
	r->boot_left_ns = 0;
	no_deadlines(r);
}

void readiness_marker(struct readiness *r, const struct marker *m)
{
	enum ready by = wanted(r->env);

	if (by == READY_MARKER || (by == READY_LOGIN && readiness_is_login(m)))
		become_ready(r);
}

void readiness_answered(struct readiness *r, enum probe_id which)
{
	if (wanted(r->env) == (which == PROBE_SSH ? READY_SSH : READY_HTTP))
		become_ready(r);
}

/* ---- deadlines --------------------------------------------------------------------------- */

void readiness_silence_timer(struct readiness *r)
{
	if (r->env->phases->first_byte_ns || r->env->life->ready)
		return;
	log_warning("nothing came on the serial console for %d s", (int)(SILENCE_NS / SECOND));
	log_line(LOG_WARNING, "  hint: ",
		 "the guest's console is not on its serial line: scripts/prepare-image puts it "
		 "there "
		 "(README, Your own guest); or see it with ENABLE_VNC=1, and say what ready means "
		 "with VM_READY");
	event("silence", J_INT("s", (SILENCE_NS / SECOND)));
}

void readiness_boot_timer(struct readiness *r)
{
	if (!r->env->life->ready && r->env->life->rung == RUNG_NONE)
		post(r->env, NOTICE_LATE);
}
