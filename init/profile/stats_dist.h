/* stats_dist.h - the distributions of the profiler's statistics. tests/69-statistics.bats compares
 * all of them with R. */
#ifndef VM_PROFILE_STATS_DIST_H
#define VM_PROFILE_STATS_DIST_H

/* The two-sided probability of |T| or more under Student's distribution with DF degrees of freedom
 * (DF > 0, not necessarily an integer), by the incomplete beta function: DLMF 8.17.22. */
double stats_t_p(double t, double df);
/* The T whose two-sided probability is P (0 < P < 1): 0.05 for a 95 % interval. */
double stats_t_quantile(double p, double df);

/* The probability of F or more under Fisher's distribution. */
double stats_f_p(double f, double df1, double df2);

/* The standard normal distribution, and its inverse (0 < P < 1). */
double stats_normal(double x);
double stats_normal_quantile(double p);

/* The power of a two-sided t-test at 5 % of two groups of N samples each whose means are D standard
 * deviations apart, by the non-central t distribution (Lenth, AS 243, Appl. Statist. 38 (1989));
 * equals R's power.t.test(). */
double stats_power(double n, double d);
/* The D that such a test detects with this POWER. */
double stats_detectable(double n, double power);

#endif
