/* figures.c - the profiler's statistics for check.R: a request a line on standard input, its
 * figures on standard output, to the last digit. Lists begin with their length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/stats.h"

static double number(void)
{
	double x;

	if (scanf("%lf", &x) != 1) {
		fprintf(stderr, "figures: a number is missing\n");
		exit(1);
	}
	return x;
}

static double *list(size_t n)
{
	double *x = calloc(n + 1, sizeof *x);

	for (size_t i = 0; x && i < n; i++)
		x[i] = number();
	return x;
}

static void say(double x)
{
	printf("%.17g ", x);
}

static void say_estimate(struct estimate e)
{
	say(e.value);
	say(e.low);
	say(e.high);
}

static void one_list(const char *what)
{
	size_t n = (size_t)number();
	double *x = list(n);
	struct summary s;
	struct bootstrap b;
	static double means[BOOTSTRAP_ROUNDS];

	if (strcmp(what, "holm") == 0) {
		stats_holm(x, n);
		for (size_t i = 0; i < n; i++)
			say(x[i]);
	} else if (strcmp(what, "boot") == 0) {
		stats_bootstrap(x, n, 20251101, means, &b);
		say(b.bias);
		say(b.acceleration);
		say(b.p_low);
		say(b.p_high);
		say(b.low);
		say(b.high);
		for (size_t i = 0; i < BOOTSTRAP_ROUNDS; i++)
			say(means[i]);
	} else {
		stats_summarise(x, n, &s);
		say(s.mean);
		say(s.median);
		say(s.stdev);
		say(s.q1);
		say(s.q3);
		say(s.ci_low);
		say(s.ci_high);
	}
	free(x);
}

static void two_lists(const char *what)
{
	size_t na = (size_t)number();
	double *a = list(na);
	size_t nb = (size_t)number();
	double *b = list(nb);
	struct summary sa;
	struct summary sb;
	struct welch w;

	if (strcmp(what, "shift") == 0) {
		say_estimate(stats_shift(a, na, b, nb));
	} else {
		stats_summarise(a, na, &sa);
		stats_summarise(b, nb, &sb);
		stats_welch(&sa, &sb, &w);
		say(w.difference);
		say(w.t);
		say(w.df);
		say(w.p);
		say(w.low);
		say(w.high);
		say_estimate(stats_ratio(&sa, &sb));
	}
	free(a);
	free(b);
}

static void models(const char *what)
{
	size_t n = (size_t)number();
	double *y = list(n);
	double *x = list(n);
	size_t *cell = calloc(n, sizeof *cell);
	size_t *level = calloc(n, sizeof *level);
	struct amdahl a;
	struct factor f;

	if (strcmp(what, "amdahl") == 0) {
		stats_amdahl(x, y, n, &a);
		say(a.serial);
		say(a.parallel);
		say(a.residual);
		say_estimate(a.share);
	} else if (cell && level) {
		for (size_t i = 0; i < n; i++) {
			cell[i] = (size_t)x[i];
			level[i] = (size_t)number();
		}
		stats_factor(y, cell, level, n, &f);
		say(f.sum);
		say(f.df);
		say(f.residual);
		say(f.df_residual);
		say(f.f);
		say(f.p);
		for (size_t i = 0; i < 3; i++)
			say(f.effect[i]);
	}
	free(x);
	free(y);
	free(cell);
	free(level);
}

static double distribution(const char *what)
{
	double a = number();

	if (strcmp(what, "normal") == 0)
		return stats_normal(a);
	if (strcmp(what, "normalq") == 0)
		return stats_normal_quantile(a);
	double b = number();

	return strcmp(what, "t") == 0	     ? stats_t_p(a, b)
	       : strcmp(what, "tq") == 0     ? stats_t_quantile(a, b)
	       : strcmp(what, "power") == 0  ? stats_power(a, b)
	       : strcmp(what, "needed") == 0 ? (double)stats_samples_needed(a, b, 1000000)
					     : stats_f_p(a, b, number());
}

int main(void)
{
	char what[16];

	while (scanf("%15s", what) == 1) {
		if (strchr("nthpf", what[0]) && strcmp(what, "holm") != 0 &&
		    strcmp(what, "factor") != 0)
			say(distribution(what));
		else if (strcmp(what, "amdahl") == 0 || strcmp(what, "factor") == 0)
			models(what);
		else if (strcmp(what, "shift") == 0 || strcmp(what, "welch") == 0)
			two_lists(what);
		else
			one_list(what);
		printf("\n");
	}
	return 0;
}
