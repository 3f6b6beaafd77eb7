/* power_button.c - see power_button.h. */
#include "pid1/power_button.h"

#include <stdlib.h>
#include <string.h>

#define PWRBTN_EN 0x100u
#define SCI_EN	  0x10000u

bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg)
{
	const char *machine = env_settings(env)->machine;

	/* pc, pc-q35-9.2, q35; isapc and microvm have no such register. */
	return (strncmp(machine, "pc", 2) == 0 || strncmp(machine, "q35", 3) == 0) &&
	       qmp_send(env->qmp, "human-monitor-command", "{\"command-line\":\"i/w 0x602\"}",
			reply, arg);
}

/* The text is "portl[0x0602] = 0x00010100"; the value is the last number. */
enum power_button power_button_state(const struct json_value *result)
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

	if (end - value != 8 || strspn(end, "\r\n") != strlen(end) || n & PWRBTN_EN)
		return BUTTON_ON;
	return n & SCI_EN ? BUTTON_OFF : BUTTON_NO_ACPI;
}
