/* schedule.c - which samples a run takes, and in which order (profiler.h).
 *
 * Samples are interleaved: every round boots each cell once, beginning one cell later than the
 * previous round, so that drift (a warming processor, a filling cache, other work on the machine)
 * affects all cells equally. A shard omits the samples of others and keeps the order.
 */
#include <stdlib.h>

#include "profile/profiler.h"

static bool is_there(const struct report *r, const struct slot *s)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->sample[i].cell == s->cell && r->sample[i].round == s->round &&
		    r->sample[i].warm_up == s->warm_up)
			return true;
	return false;
}

bool schedule_make(const struct report *r, struct schedule *out)
{
	size_t all = r->cells * (size_t)(r->samples + r->warm_up);

	*out = (struct schedule){.slot = calloc(all + 1, sizeof *out->slot)};
	for (size_t i = 0; out->slot && r->shard > 0 && i < all; i++) {
		long turn = (long)(i / r->cells);
		struct slot s = {.cell = (i + (size_t)turn) % r->cells,
				 .warm_up = turn < r->warm_up,
				 .index = i};

		s.round = (s.warm_up ? turn : turn - r->warm_up) + 1;
		if (report_in_shard(r, r->shard, s.cell, s.round, s.warm_up) && !is_there(r, &s))
			out->slot[out->count++] = s;
	}
	return out->slot != NULL;
}
