/* progress.c - estimates the remaining time of a run from its samples (profiler.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/profiler.h"

double progress_time_ms(const char *when)
{
	struct tm tm = {0};
	const char *rest = strptime(when, "%Y-%m-%dT%H:%M:%S", &tm);
	char *end;

	if (!rest || *rest != '.')
		return NAN;
	double part = strtod(rest, &end);

	return strcmp(end, "Z") == 0 ? ((double)timegm(&tm) + part) * 1e3 : NAN;
}

double progress_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct span {
	double from, to;
	size_t part;
};

static int by_start(const void *a, const void *b)
{
	double x = ((const struct span *)a)->from;
	double y = ((const struct span *)b)->from;

	return (x > y) - (x < y);
}

/* The median time between the end of a sample and the start of the next. *LAST is the end of the
 * last sample. */
static double between(const struct report *r, double *last)
{
	struct span *all = calloc(r->count + 1, sizeof *all);
	double *gap = calloc(r->count + 1, sizeof *gap);
	struct summary s = {0};
	size_t n = 0;
	size_t gaps = 0;

	*last = NAN;
	for (size_t i = 0; all && i < r->count; i++) {
		double from = progress_time_ms(r->sample[i].started);

		if (isfinite(from) && isfinite(r->sample[i].total_ms))
			all[n++] = (struct span){from, from + r->sample[i].total_ms,
						 r->sample[i].part};
	}
	if (n > 0) {
		qsort(all, n, sizeof *all, by_start);
		*last = all[n - 1].to;
	}
	for (size_t i = 1; gap && i < n; i++)
		if (all[i].part == all[i - 1].part && all[i].from > all[i - 1].to)
			gap[gaps++] = all[i].from - all[i - 1].to;
	if (gaps > 0)
		stats_summarise(gap, gaps, &s);
	free(all);
	free(gap);
	return gaps > 0 ? s.median : 0;
}

/* The expected duration of a sample of each cell, whatever its result: that of earlier samples and
 * warm-ups, that of the baseline, or that of other cells. False: unknown. */
static bool expect(const struct report *r, double ms[REPORT_CELLS])
{
	size_t n[REPORT_CELLS] = {0};
	double sum = 0;
	size_t known = 0;

	for (size_t c = 0; c < r->cells; c++)
		ms[c] = 0;
	for (size_t i = 0; i < r->count; i++)
		if (isfinite(r->sample[i].total_ms)) {
			ms[r->sample[i].cell] += r->sample[i].total_ms;
			n[r->sample[i].cell]++;
		}
	for (size_t c = 0; c < r->cells; c++) {
		ms[c] = n[c] ? ms[c] / (double)n[c] : r->cell[c].estimated_ms;
		if (isfinite(ms[c])) {
			sum += ms[c];
			known++;
		}
	}
	for (size_t c = 0; known && c < r->cells; c++)
		if (!isfinite(ms[c]))
			ms[c] = sum / (double)known;
	return known > 0;
}

double progress_left_ms(const struct report *r, const struct slot *left, size_t n, double now_ms)
{
	double ms[REPORT_CELLS];
	double last;
	double gap = between(r, &last);
	double sum = 0;

	if (n == 0)
		return 0;
	if (!expect(r, ms))
		return NAN;
	if (r->jobs > 1) { /* several samples run at once */
		for (size_t i = 0; i < n; i++)
			sum += ms[left[i].cell] / (double)r->jobs;
		return sum;
	}
	for (size_t i = 0; i < n; i++)
		sum += ms[left[i].cell] + gap;
	/* The first of them began after the last finished sample, in this process. */
	double began = r->parts ? progress_time_ms(r->part[r->parts - 1].created) : NAN;
	double spent = fmax(0, now_ms - fmax(last, began));

	return isfinite(spent) ? sum - fmin(spent, ms[left[0].cell] + gap) : sum;
}
