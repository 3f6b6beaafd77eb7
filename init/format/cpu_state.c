/* cpu_state.c - see cpu_state.h. */
#include "format/cpu_state.h"

#include <stdlib.h>
#include <string.h>

#define EFLAGS_IF 0x200u /* Intel SDM, volume 1, 3.4.3 */

/* The number in BASE behind NAME in the N bytes at TEXT. */
static bool field(const char *text, size_t n, const char *name, int base, unsigned long *out)
{
	const char *at = memmem(text, n, name, strlen(name));
	char digits[17] = {0};

	if (!at)
		return false;
	at += strlen(name);
	size_t left = n - (size_t)(at - text);
	char *end;

	memcpy(digits, at, left < 16 ? left : 16);
	*out = strtoul(digits, &end, base);
	return end != digits;
}

static void add(struct cpu_states *s, unsigned long flags, unsigned long cpl, unsigned long hlt)
{
	s->count++;
	if (hlt && flags & EFLAGS_IF)
		s->idle++;
	else if (hlt)
		s->dead++;
	else if (cpl == 3)
		s->user++;
	else
		s->busy++;
}

bool cpu_states_parse(const char *text, size_t n, struct cpu_states *out)
{
	const char *end = text + n;

	*out = (struct cpu_states){0};
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);
		unsigned long flags;
		unsigned long cpl;
		unsigned long hlt;

		if ((field(text, len, " EFL=", 16, &flags) ||
		     field(text, len, " RFL=", 16, &flags)) &&
		    field(text, len, " CPL=", 10, &cpl) && field(text, len, " HLT=", 10, &hlt))
			add(out, flags, cpl, hlt);
		text += len + 1;
	}
	return out->count > 0;
}

bool cpu_states_dead(const struct cpu_states *s)
{
	return s->dead == s->count;
}

bool cpu_states_stuck(const struct cpu_states *s)
{
	return s->user == 0 && s->idle == 0;
}
