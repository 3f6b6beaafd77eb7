/* boot_phases.c - see boot_phases.h. */
#include "format/boot_phases.h"

#include <string.h>

bool phases_init(struct phases *p, const struct markers *m, const struct pattern_program *program,
		 struct error *err)
{
	memset(p, 0, sizeof *p);
	p->current = -1;
	p->markers = m;
	p->matcher = matcher_of(program, err);
	return p->matcher != NULL;
}

void phases_restart(struct phases *p)
{
	p->first_byte_ns = p->last_byte_ns = 0;
	memset(p->seen_ns, 0, sizeof p->seen_ns);
	p->seen = 0;
	p->current = -1;
	p->mid_line = false;
	matcher_reset(p->matcher);
}

static void reach(struct phases *p, size_t i, uint64_t now, phase_reached *reached, void *arg)
{
	const struct marker *m = &p->markers->list[i];
	bool again = m->kind == MARKER_PANIC || m->kind == MARKER_DOWN;

	if (p->seen_ns[i] && !again)
		return;
	if (!p->seen_ns[i]) {
		p->seen_ns[i] = now;
		p->order[p->seen++] = (uint8_t)i;
	}
	if (m->kind == MARKER_PROGRESS || m->kind == MARKER_READY)
		p->current = (int)i;
	reached(m, now, arg);
}

void phases_feed(struct phases *p, const uint8_t *buf, size_t n, uint64_t now,
		 phase_reached *reached, void *arg)
{
	if (n > 0 && p->first_byte_ns == 0)
		p->first_byte_ns = now;
	if (n > 0)
		p->mid_line = buf[n - 1] != '\n' && buf[n - 1] != '\r';
	p->last_byte_ns = now;
	while (n > 0) {
		struct pattern_bits fired;
		size_t taken = matcher_feed(p->matcher, buf, n, &fired);

		for (size_t i = 0; i < p->markers->count; i++)
			if (fired.bits[i / 64] >> i % 64 & 1)
				reach(p, i, now, reached, arg);
		buf += taken;
		n -= taken;
	}
}

bool phases_seen(const struct phases *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < p->seen; i++) {
		const struct marker *m = &p->markers->list[p->order[i]];

		if (m->name_len == len && memcmp(m->name, name, len) == 0)
			return true;
	}
	return false;
}
