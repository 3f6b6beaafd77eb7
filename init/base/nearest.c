/* nearest.c - see nearest.h: the optimal string alignment distance, row by row. */
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

/* The edit distance of two names; at most MAX bytes of each count. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 40 };
	unsigned char d[MAX + 1][MAX + 1];
	size_t n = strnlen(a, MAX);
	size_t m = strnlen(b, MAX);

	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned char)(i + j);
				continue;
			}
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1u < best)
				best = d[i - 1][j] + 1u;
			if (d[i][j - 1] + 1u < best)
				best = d[i][j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1u < best)
				best = d[i - 2][j - 2] + 1u;
			d[i][j] = (unsigned char)best;
		}
	return d[n][m];
}

void nearest_compare(struct nearest *n, const char *candidate)
{
	unsigned edits = distance(n->to, candidate);

	if (n->name[0] && edits >= n->edits)
		return;
	n->edits = edits;
	(void)snprintf(n->name, sizeof n->name, "%s", candidate);
}
