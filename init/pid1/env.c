/* env.c - see env.h. */
#include "pid1/env.h"

#include <stdint.h>

void env_condition(const struct env *env, enum condition c, bool on)
{
	post(env, NOTICE_CONDITION, .value = (int)c, .on = on);
}

/* The event RESUME came before this reply (QEMU: qmp_cont() emits it), or there was an error. */
static void on_continued(struct qmp *q, const struct json *doc, const struct json_value *result,
			 const char *error, void *arg)
{
	const struct env *env = arg;

	(void)q, (void)doc, (void)result, (void)error;
	env_condition(env, COND_CONTINUING, false);
}

bool env_continue(const struct env *env)
{
	bool sent = qmp_send(env->qmp, "cont", NULL, on_continued, (void *)(uintptr_t)env);

	env_condition(env, COND_CONTINUING, sent);
	return sent;
}
