/* power_button.c - see power_button.h. */
#include "pid1/power_button.h"

#include <stdlib.h>
#include <string.h>

bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg)
{
	const struct plan_button *b = &env->plan->button;

	return *b->query && qmp_send(env->qmp, "human-monitor-command", b->query, reply, arg);
}

/* The text is "portl[0x0602] = 0x00010100" or "0000000009030410: 0x00000008"; the value is the last
 * number. */
enum power_button power_button_state(const struct plan_button *b, const struct json_value *result)
{
	const char *value = NULL;
	char *end;

	if (!result || !result->text)
		return BUTTON_ON;
	for (const char *at = result->text; (at = strstr(at, "0x")) != NULL; at += 2)
		value = at + 2;
	if (!value)
		return BUTTON_ON;
	unsigned long n = strtoul(value, &end, 16);

	if (end - value != 8 || strspn(end, "\r\n") != strlen(end) || n & b->enabled)
		return BUTTON_ON;
	return b->acpi && !(n & b->acpi) ? BUTTON_NO_ACPI : BUTTON_OFF;
}
