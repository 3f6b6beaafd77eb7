/* fuzz_report.c - libFuzzer target for the parser of the profiler's reports.
 *
 * A report that is accepted can be written as every document, and its JSON is accepted again and
 * gives the same text. As a baseline, every input sets times above 0 or none.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static char *copy_of(const void *bytes, size_t n)
{
	char *copy = malloc(n + 1);

	check(copy != NULL);
	memcpy(copy, bytes, n);
	return copy;
}

static void all_documents(const struct report *r)
{
	struct text t = {0};

	report_csv(r, &t);
	report_text(r, &t);
	report_timeline(r, &t);
	report_boxes(r, &t);
	(void)report_speedup(r, &t);
	(void)report_compare(r, r, &t);
	(void)report_compare_json(r, r, &t);
	text_free(&t);
}

/* Merged with itself it is complete, and its samples are there once, if its parts have names. */
static void merged(const struct report *r)
{
	static struct merge_origin origin[REPORT_SAMPLES];
	struct report *out = calloc(1, sizeof *out);
	struct merge_input in[] = {{r, "a"}, {r, "b"}};
	struct error err;

	check(out != NULL);
	if (report_merge(in, 2, false, out, origin, &err)) {
		check(out->count <= 2 * r->count);
		all_documents(out);
	}
	report_free(out);
	free(out);
}

/* Figures are rounded to thousandths once; a text made from rounded figures does not change. */
static struct text written_again(const struct text *text)
{
	struct report *r = calloc(1, sizeof *r);
	struct text t = {0};
	struct error err;
	char *copy = copy_of(text->bytes, text->len);

	check(r && report_read(copy, text->len, r, &err));
	report_json(r, &t);
	report_free(r);
	free(r);
	free(copy);
	return t;
}

static void baseline(const struct report *r, const uint8_t *data, size_t n)
{
	struct report *other = calloc(1, sizeof *other);
	struct error err;
	char *copy = copy_of(data, n);

	check(other != NULL);
	memcpy(other->cell, r->cell, sizeof other->cell);
	other->cells = r->cells;
	(void)report_baseline(other, copy, n, &err);
	for (size_t i = 0; i < other->cells; i++)
		check(isnan(other->cell[i].estimated_ms) || other->cell[i].estimated_ms > 0);
	free(other);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct report *r = calloc(1, sizeof *r);
	struct error err;
	char *input = copy_of(data, n);

	check(r != NULL);
	if (report_read(input, n, r, &err)) {
		struct text one = {0};

		all_documents(r);
		merged(r);
		baseline(r, data, n);
		report_json(r, &one);
		struct text two = written_again(&one);
		struct text three = written_again(&two);

		check(strcmp(two.bytes, three.bytes) == 0);
		text_free(&one);
		text_free(&two);
		text_free(&three);
	}
	report_free(r);
	free(r);
	free(input);
	return 0;
}
