/* stats_dist.c - see stats_dist.h. */
#include "profile/stats_dist.h"

#include <math.h>

/* The continued fraction of DLMF 8.17.22, evaluated by Lentz's method. It converges in few steps
 * for X below (A + 1) / (A + B + 2). */
static double beta_fraction(double x, double a, double b)
{
	const double tiny = 1e-300;
	double c = 1;
	double d = 1 - (a + b) * x / (a + 1);
	double h;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m <= 1000; m++) {
		double step = 1;

		for (int odd = 0; odd < 2; odd++) {
			double term =
				odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
				    : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));

			d = 1 + term * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + term / c;
			c = fabs(c) < tiny ? tiny : c;
			step = c * d;
			h *= step;
		}
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return h;
}

/* The regularised incomplete beta function I_X(A, B). */
static double beta(double x, double a, double b)
{
	if (x <= 0 || x >= 1)
		return x >= 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));

	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(x, a, b) / a;
	return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stats_t_p(double t, double df)
{
	return beta(df / (df + t * t), df / 2, 0.5);
}

double stats_t_quantile(double p, double df)
{
	double low = 0;
	double high = 1;

	while (stats_t_p(high, df) > p)
		high *= 2;
	while (high - low > 1e-14 * high) {
		double middle = (low + high) / 2;

		if (middle == low || middle == high)
			break;
		if (stats_t_p(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double stats_f_p(double f, double df1, double df2)
{
	return f <= 0 ? 1 : beta(df2 / (df2 + df1 * f), df2 / 2, df1 / 2);
}

double stats_normal(double x)
{
	return erfc(-x / sqrt(2)) / 2;
}

double stats_normal_quantile(double p)
{
	double low = -40;
	double high = 40;

	/* Computed from the smaller tail, where no digits are lost. */
	if (p > 0.5)
		return -stats_normal_quantile(1 - p);
	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (stats_normal(middle) < p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* The probability of less than T (> 0) with DF degrees of freedom and non-centrality D (> 0). */
static double noncentral_t(double t, double df, double d)
{
	const double pi = 3.14159265358979323846;
	double x = t * t / (t * t + df);
	double half = d * d / 2;
	double p = exp(-half) / 2;
	double q = sqrt(2 / pi) * p * d;
	double left = -expm1(-half) / 2; /* of the Poisson weights */
	double a = 0.5;
	double b = df / 2;
	double rest = pow(df / (t * t + df), b);
	double odd = beta(x, a, b);
	double odd_step = 2 * rest * exp(a * log(x) - (log(pi) / 2 + lgamma(b) - lgamma(a + b)));
	double even = 1 - rest;
	double even_step = b * x * rest;
	double sum = p * odd + q * even;

	for (int i = 1; i < 5000; i++) {
		a += 1;
		odd -= odd_step;
		even -= even_step;
		odd_step *= x * (a + b - 1) / a;
		even_step *= x * (a + b - 0.5) / (a + 0.5);
		p *= half / i;
		q *= half / (i + 0.5);
		sum += p * odd + q * even;
		left -= p;
		if (left <= 0 || fabs(2 * left * (odd - odd_step)) < 1e-14)
			break;
	}
	return sum + stats_normal(-d);
}

double stats_power(double n, double d)
{
	double df = 2 * n - 2;

	return 1 - noncentral_t(stats_t_quantile(0.05, df), df, sqrt(n / 2) * d);
}

double stats_detectable(double n, double power)
{
	double low = 0;
	double high = 36 / sqrt(n / 2); /* exp(-d * d / 2) does not underflow up to here */

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (stats_power(n, middle) < power)
			low = middle;
		else
			high = middle;
	}
	return high;
}
