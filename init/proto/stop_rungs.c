/* stop_rungs.c - see stop_rungs.h. */
#include "proto/stop_rungs.h"

#include <string.h>

/* WORD is the name in VM_STOP_LADDER. */
struct rung_row {
	const char *name, *word;
};

static const struct rung_row rungs[RUNG_COUNT] = {
	[RUNG_NONE] = {"no stop", NULL},
	[RUNG_SUSPEND] = {"suspend", NULL},
	[RUNG_ACPI] = {"ACPI power button", "acpi"},
	[RUNG_SSH] = {"power off over ssh", "ssh"},
	[RUNG_SERIAL] = {"power off on the serial console", "serial"},
	[RUNG_QUIT] = {"QMP quit", NULL},
	[RUNG_TERM] = {"SIGTERM to QEMU", NULL},
	[RUNG_KILL] = {"SIGKILL to QEMU", NULL},
	[RUNG_DOWN] = {"down", NULL},
};

bool rung_is_gentle(enum rung rung)
{
	return rung >= RUNG_ACPI && rung <= RUNG_SERIAL;
}

const char *rung_name(enum rung rung)
{
	return rungs[rung].name;
}

unsigned rungs_parse(const char *text, const char **bad)
{
	unsigned bits = 1u << RUNG_QUIT | 1u << RUNG_TERM | 1u << RUNG_KILL;

	if (strcmp(text, "none") == 0)
		return bits;
	for (*bad = text;; *bad += 1) {
		size_t len = strcspn(*bad, ",");
		int r = RUNG_ACPI;

		while (r < RUNG_QUIT &&
		       (strlen(rungs[r].word) != len || memcmp(rungs[r].word, *bad, len) != 0))
			r++;
		if (r == RUNG_QUIT)
			return 0;
		bits |= 1u << r;
		*bad += len;
		if (!**bad)
			return bits;
	}
}
