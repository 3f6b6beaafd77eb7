/* ladder.c - see ladder.h. */
#include "guest/ladder.h"

#include <stddef.h>

/* What each rung may take of the budget: all but what the later ones need. RESERVE_MS is what a
 * rung keeps for itself at the end of the budget, scaled down when the budget is short. */
struct rung_row {
	const char *name;
	unsigned reserve_ms;
};

static const struct rung_row rungs[RUNG_COUNT] = {
	[RUNG_NONE] = {"no stop", 0},
	[RUNG_ACPI] = {"ACPI power button", 0},
	[RUNG_QUIT] = {"QMP quit", 10000},
	[RUNG_TERM] = {"SIGTERM to QEMU", 3000},
	[RUNG_KILL] = {"SIGKILL to QEMU", 2000},
	[RUNG_DOWN] = {"down", 0},
};

/* The next state before rungs that do not apply are passed over. STAY: the event means nothing
 * here. */
#define STAY RUNG_COUNT
static const enum rung table[RUNG_COUNT][LADDER_EVENTS] = {
	/*               STOP       NOW        TIMEOUT    FAILED     GONE */
	[RUNG_NONE] = {RUNG_ACPI, RUNG_QUIT, STAY, STAY, RUNG_DOWN},
	[RUNG_ACPI] = {RUNG_QUIT, RUNG_QUIT, RUNG_QUIT, RUNG_QUIT, RUNG_DOWN},
	[RUNG_QUIT] = {RUNG_TERM, RUNG_TERM, RUNG_TERM, RUNG_TERM, RUNG_DOWN},
	[RUNG_TERM] = {RUNG_KILL, RUNG_KILL, RUNG_KILL, RUNG_KILL, RUNG_DOWN},
	[RUNG_KILL] = {STAY, STAY, STAY, RUNG_DOWN, RUNG_DOWN},
	[RUNG_DOWN] = {STAY, STAY, STAY, STAY, STAY},
};

void ladder_init(struct ladder *l, unsigned applies, long budget_s)
{
	*l = (struct ladder){.rung = RUNG_NONE,
			     .applies = applies | 1u << RUNG_KILL | 1u << RUNG_DOWN,
			     .budget_ns = (uint64_t)budget_s * 1000000000u};
}

/* What the rungs behind RUNG keep of the budget, in ns: at most a third of it in all. */
static uint64_t reserved_behind(const struct ladder *l, enum rung rung)
{
	uint64_t all = 0;
	uint64_t behind = 0;

	for (int r = RUNG_ACPI; r < RUNG_DOWN; r++) {
		if (!(l->applies & 1u << r))
			continue;
		all += rungs[r].reserve_ms * UINT64_C(1000000);
		if (r > (int)rung)
			behind += rungs[r].reserve_ms * UINT64_C(1000000);
	}
	if (all > l->budget_ns / 3)
		behind = (uint64_t)((double)behind * ((double)l->budget_ns / 3) / (double)all);
	return behind;
}

enum rung ladder_event(struct ladder *l, enum ladder_event event, uint64_t now)
{
	int next = (int)table[l->rung][event];

	if (next == (int)STAY)
		return RUNG_NONE;
	while (!(l->applies & 1u << next))
		next++;
	if (l->end_ns == 0)
		l->end_ns = now + l->budget_ns;
	l->rung = (enum rung)next;
	l->rung_started_ns = now;
	l->deadline_ns = 0;
	if (next < RUNG_KILL) {
		uint64_t behind = reserved_behind(l, l->rung);

		l->deadline_ns = l->end_ns - behind;
		if (l->deadline_ns < now)
			l->deadline_ns = now;
	}
	return l->rung;
}

const char *rung_name(enum rung rung)
{
	return rungs[rung].name;
}
