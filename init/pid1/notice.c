/* notice.c - see notice.h. */
#include "pid1/notice.h"

#include "pid1/env.h"

void notice_post(const struct env *env, const struct notice *n)
{
	env->handler(n, env->handler_arg);
}
