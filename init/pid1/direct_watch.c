/* direct_watch.c - see direct_watch.h. */
#include "pid1/direct_watch.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/env.h"

#define SECOND UINT64_C(1000000000)
/* GNU Mach and Linux were heard within 1 to 4 s under TCG on a busy machine. */
#define KERNEL_S 60

/* Of a boot with a deadline, no more than half. */
static long limit_s(const struct env *env)
{
	long boot = env_settings(env)->boot_timeout;

	return boot > 0 && boot < 2 * KERNEL_S ? (boot + 1) / 2 : KERNEL_S;
}

static bool has_kernel_marker(const struct phases *p)
{
	for (size_t i = 0; i < p->markers->count; i++)
		if (p->markers->list[i].name_len == 6 &&
		    memcmp(p->markers->list[i].name, "kernel", 6) == 0)
			return true;
	return false;
}

static bool heard(const struct phases *p)
{
	return p->seen > 0 || (p->first_byte_ns && !has_kernel_marker(p));
}

void direct_watch_init(struct direct_watch *w, const struct env *env)
{
	*w = (struct direct_watch){.env = env};
}

void direct_watch_runs(struct direct_watch *w)
{
	const struct env *env = w->env;

	if (env->plan->boot.automatic && !heard(env->phases) && !env->timers->at[TIMER_DIRECT])
		env_timer(env, TIMER_DIRECT, clock_now() + (uint64_t)limit_s(env) * SECOND);
}

bool direct_watch_timer(struct direct_watch *w)
{
	const struct lifecycle *l = w->env->life;

	/* A guest that is paused says nothing; it gets its time when it runs again. */
	w->late = w->env->plan->boot.automatic && l->phase == LIFE_RUNNING &&
		  l->rung == RUNG_NONE && !heard(w->env->phases);
	return w->late;
}

bool direct_watch_again(struct direct_watch *w)
{
	const struct env *env = w->env;
	struct plan *plan = env->plan;
	const struct lifecycle *l = env->life;
	char why[160];

	env_timer(env, TIMER_DIRECT, 0);
	if (!plan->boot.automatic || l->signalled || heard(env->phases))
		return false;
	if (w->late)
		(void)snprintf(why, sizeof why, "nothing was heard of its kernel within %ld s",
			       limit_s(env));
	else if (!l->ran)
		(void)snprintf(why, sizeof why, "QEMU ended before its kernel ran");
	else if (l->cause == CAUSE_GUEST_RESET)
		(void)snprintf(why, sizeof why, "its kernel reset the machine before it was heard");
	else
		return false;
	w->late = false;
	args_by_firmware(&plan->args);
	args_by_firmware(&plan->args_tcg);
	plan->boot.direct = plan->boot.automatic = false;
	(void)snprintf(plan->boot.text, sizeof plan->boot.text, "firmware: booted directly, %s",
		       why);
	log_warning("boot: %s", plan->boot.text);
	event("boot", J_TEXT("way", "firmware"), J_TEXT("why", why));
	return true;
}
