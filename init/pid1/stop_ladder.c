/* stop_ladder.c - see stop_ladder.h. */
#include "pid1/stop_ladder.h"

#include <stddef.h>
#include <string.h>

/* The time that a rung that cuts the guest off keeps at the end of the budget, scaled down for a
 * short budget. The gentle rungs share the rest. */
static const unsigned reserve_ms[RUNG_COUNT] = {
	[RUNG_QUIT] = 10000,
	[RUNG_TERM] = 3000,
	[RUNG_KILL] = 2000,
};

/* The next rung, before inapplicable ones are skipped. STAY: the event has no effect here. MORE:
 * the guest is shutting down, and gets the time of all gentle rungs. */
#define STAY RUNG_COUNT
#define MORE (RUNG_COUNT + 1)
static const int table[RUNG_COUNT][LADDER_EVENTS] = {
	/*                 STOP         NOW         ACCEPTED TIMEOUT    FAILED       GONE */
	[RUNG_NONE] = {RUNG_SUSPEND, RUNG_QUIT, STAY, STAY, STAY, RUNG_DOWN},
	[RUNG_SUSPEND] = {RUNG_ACPI, RUNG_QUIT, STAY, RUNG_ACPI, RUNG_ACPI, RUNG_DOWN},
	[RUNG_ACPI] = {RUNG_SSH, RUNG_QUIT, MORE, RUNG_SSH, RUNG_SSH, RUNG_DOWN},
	[RUNG_SSH] = {RUNG_SERIAL, RUNG_QUIT, MORE, RUNG_SERIAL, RUNG_SERIAL, RUNG_DOWN},
	[RUNG_SERIAL] = {RUNG_QUIT, RUNG_QUIT, MORE, RUNG_QUIT, RUNG_QUIT, RUNG_DOWN},
	[RUNG_QUIT] = {RUNG_TERM, RUNG_TERM, STAY, RUNG_TERM, RUNG_TERM, RUNG_DOWN},
	[RUNG_TERM] = {RUNG_KILL, RUNG_KILL, STAY, RUNG_KILL, RUNG_KILL, RUNG_DOWN},
	[RUNG_KILL] = {STAY, STAY, STAY, STAY, RUNG_DOWN, RUNG_DOWN},
	[RUNG_DOWN] = {STAY, STAY, STAY, STAY, STAY, STAY},
};

void ladder_init(struct ladder *l, unsigned applies, long budget_s)
{
	*l = (struct ladder){.rung = RUNG_NONE,
			     .applies = applies | 1u << RUNG_KILL | 1u << RUNG_DOWN,
			     .budget_ns = (uint64_t)budget_s * 1000000000u};
}

static bool applies(const struct ladder *l, int rung)
{
	return l->applies & 1u << rung;
}

/* What the rungs after RUNG keep of the budget, in ns: at most a third of it in all. */
static uint64_t reserved_behind(const struct ladder *l, enum rung rung)
{
	uint64_t all = 0;
	uint64_t behind = 0;

	for (int r = RUNG_SUSPEND; r < RUNG_DOWN; r++) {
		if (!applies(l, r))
			continue;
		all += reserve_ms[r] * UINT64_C(1000000);
		if (r > (int)rung)
			behind += reserve_ms[r] * UINT64_C(1000000);
	}
	if (all > l->budget_ns / 3)
		behind = (uint64_t)((double)behind * ((double)l->budget_ns / 3) / (double)all);
	return behind;
}

/* The latest end of RUNG. */
static uint64_t asking_ends(const struct ladder *l, enum rung rung)
{
	uint64_t end = l->end_ns - reserved_behind(l, rung);

	return rung_is_gentle(rung) && !l->accepted && l->hurry_ns && l->hurry_ns < end
		       ? l->hurry_ns
		       : end;
}

void ladder_cut(struct ladder *l, uint64_t ns)
{
	if (l->deadline_ns > ns)
		l->deadline_ns = ns;
}

/* The deadline of the present rung: the gentle rungs that are still to come share their time
 * equally. */
static uint64_t deadline(const struct ladder *l, uint64_t now)
{
	uint64_t end = asking_ends(l, l->rung);
	unsigned shares = 1;

	if (l->rung >= RUNG_KILL)
		return 0;
	if (end <= now)
		return now;
	if ((rung_is_gentle(l->rung) || l->rung == RUNG_SUSPEND) && !l->accepted)
		for (int r = (int)l->rung + 1; r <= RUNG_SERIAL; r++)
			shares += applies(l, r);
	return now + (end - now) / shares;
}

void ladder_hurry(struct ladder *l, uint64_t ns, uint64_t now)
{
	l->hurry_ns = ns;
	if (rung_is_gentle(l->rung) && !l->accepted)
		ladder_cut(l, deadline(l, now));
}

/* Whether the time for asking is over, so that RUNG would end as soon as it began. */
static bool too_late(const struct ladder *l, int rung, uint64_t now)
{
	return l->end_ns && rung_is_gentle((enum rung)rung) &&
	       asking_ends(l, (enum rung)rung) <= now;
}

enum rung ladder_event(struct ladder *l, enum ladder_event event, uint64_t now)
{
	int next = table[l->rung][event];

	if (next == STAY)
		return RUNG_NONE;
	if (next == MORE) {
		l->asked = l->accepted = true;
		l->deadline_ns = deadline(l, now);
		return RUNG_NONE;
	}
	while (!applies(l, next) || too_late(l, next, now))
		next++;
	/* The last way to ask has failed, but an earlier one may still take effect. */
	if (event == LADDER_FAILED && l->asked && rung_is_gentle(l->rung) &&
	    !rung_is_gentle((enum rung)next)) {
		l->deadline_ns = asking_ends(l, l->rung);
		return RUNG_NONE;
	}
	if (l->end_ns == 0)
		l->end_ns = now + l->budget_ns;
	/* Pressing the button cannot fail later; the other rungs report a failure. */
	if (l->rung == RUNG_ACPI && event != LADDER_FAILED)
		l->asked = true;
	l->rung = (enum rung)next;
	l->accepted = false;
	l->deadline_ns = deadline(l, now);
	return l->rung;
}
