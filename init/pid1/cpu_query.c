/* cpu_query.c - see cpu_query.h. */
#include "pid1/cpu_query.h"

/* The answer for more than 8 processors does not fit QMP's buffer; then only one is asked for. */
#define ALL_UP_TO 8

bool cpu_query(const struct env *env, qmp_reply *reply, void *arg)
{
	return qmp_send(env->qmp, "human-monitor-command",
			env_settings(env)->cpus <= ALL_UP_TO
				? "{\"command-line\":\"info registers -a\"}"
				: "{\"command-line\":\"info registers\"}",
			reply, arg);
}
