/* report_label.c - readable names of cells (report.h). */
#include <stdio.h>
#include <string.h>

#include "profile/report.h"

int report_key_width(const struct report *r)
{
	size_t width = 4;

	for (size_t i = 0; i < r->cells; i++)
		if (strlen(r->cell[i].key) > width)
			width = strlen(r->cell[i].key);
	return (int)width;
}

static bool same(const struct report *r, size_t i, size_t k, enum axis a)
{
	return strcmp(r->cell[i].value[a], r->cell[k].value[a]) == 0;
}

/* Do cells differ in A? What follows from another emulator or accelerator (the processor's model,
 * TCG's threads) is not worth a word. */
static bool differs(const struct report *r, enum axis a)
{
	for (size_t i = 1; i < r->cells; i++)
		for (size_t k = 0; k < i; k++)
			if (!same(r, i, k, a) &&
			    (a == AXIS_ARCH || a == AXIS_ACCEL ||
			     (same(r, i, k, AXIS_ARCH) && same(r, i, k, AXIS_ACCEL))))
				return true;
	return false;
}

/* Format the value V of axis A as a part of a label. */
static void word_of(enum axis a, const char *v, char *out, size_t size)
{
	if (a == AXIS_RAM)
		(void)snprintf(out, size, "%s MiB", v);
	else if (a == AXIS_ACCEL)
		(void)snprintf(out, size, "%s", strcmp(v, "kvm") == 0 ? "KVM" : "TCG");
	else if (a == AXIS_CACHE)
		(void)snprintf(out, size, "cache %s", v);
	else if (a == AXIS_AIO)
		(void)snprintf(out, size, "aio %s", v);
	else if (a == AXIS_THREADS)
		(void)snprintf(out, size, "%s-threaded", v);
	else if (a == AXIS_IOTHREADS)
		(void)snprintf(out, size, "%s", v[0] == '1' ? "I/O thread" : "no I/O thread");
	else if (a == AXIS_BOOT)
		(void)snprintf(out, size, "boot by %s",
			       strcmp(v, "disk") == 0	  ? "firmware"
			       : strcmp(v, "direct") == 0 ? "direct load"
							  : v);
	else
		(void)snprintf(out, size, "%s", v);
}

const char *report_label(const struct report *r, size_t cell, char buf[LABEL_MAX])
{
	const struct cell *c = &r->cell[cell];
	const char *topology = c->value[AXIS_TOPOLOGY];
	long cpus = report_cpus(r, cell);
	size_t n = (size_t)snprintf(buf, LABEL_MAX, "%ld CPU%s", cpus, cpus == 1 ? "" : "s");
	char word[AXIS_VALUE + 16];

	if (strchr(topology, '='))
		n += (size_t)snprintf(buf + n, LABEL_MAX - n, " (%s)", topology);
	for (int a = AXIS_CPUS + 1; a < AXIS_TOPOLOGY; a++) {
		if (!differs(r, (enum axis)a) || !c->value[a][0])
			continue;
		word_of((enum axis)a, c->value[a], word, sizeof word);
		if (n + 2 + strlen(word) < LABEL_MAX)
			n += (size_t)snprintf(buf + n, LABEL_MAX - n, ", %s", word);
	}
	return buf;
}

double report_label_width(const struct report *r)
{
	char label[LABEL_MAX];
	size_t longest = 6;

	for (size_t i = 0; i < r->cells; i++)
		if (strlen(report_label(r, i, label)) > longest)
			longest = strlen(label);
	return (double)longest;
}

const char *report_group_label(const struct report *r, size_t cell, char buf[LABEL_MAX])
{
	const char *rest = strstr(report_label(r, cell, buf), ", ");

	return rest ? rest + 2 : NULL;
}

bool report_has_topology(const struct report *r, size_t cell)
{
	return strchr(r->cell[cell].value[AXIS_TOPOLOGY], '=') != NULL;
}
