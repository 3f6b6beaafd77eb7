/* script_report.c - see script_report.h.
 *
 * JUnit has no standard; the output is what Jenkins, GitLab and others read: one test suite, a test
 * case for each step, <failure> for an expectation that was not met, <error> for a guest that has
 * ended, <skipped> for the steps after either. TAP is version 14 (testanything.org): the reason is
 * a YAML block with JSON strings. Console output is escaped first (base/escape.h), so that all
 * bytes are valid in both formats.
 */
#include "vm/script_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json_write.h"
#include "format/text.h"

#define SECOND 1e9

void steps_feed(struct script_report *r, const uint8_t *buf, size_t n)
{
	uint8_t copy[4096];

	for (size_t piece; n > 0; buf += piece, n -= piece) {
		piece = n < sizeof copy ? n : sizeof copy;
		memcpy(copy, buf, piece);
		top_tail_feed(&r->tail, copy, piece);
	}
}

void steps_add(struct script_report *r, unsigned line, const char *verb, const char *text)
{
	char name[2 * REPORT_NAME];

	if (r->count == REPORT_STEPS)
		return;
	int n = snprintf(name, sizeof name, "%u: %s %s", line, verb, text);

	(void)escape_text(name, (size_t)n < sizeof name ? (size_t)n : sizeof name - 1, "",
			  r->names[r->count++], REPORT_NAME);
}

static bool cannot_write(const char *path, struct error *err)
{
	return error_set(err, EXIT_NO_PERMISSION, "name a file in a directory that can be written",
			 "--junit %s: %s", path, strerror(errno));
}

bool steps_begin(struct script_report *r, struct error *err)
{
	char part[4200];

	if (r->junit) {
		struct stat st;

		errno = EISDIR; /* the report could not be renamed over it */
		if (stat(r->junit, &st) == 0 && S_ISDIR(st.st_mode))
			return cannot_write(r->junit, err);
		int fd = file_begin(r->junit, 0644, part, sizeof part);

		if (fd < 0)
			return cannot_write(r->junit, err);
		(void)close(fd);
		(void)unlink(part);
	}
	clock_utc(r->begun);
	r->began_ns = r->step_ns = clock_now();
	if (r->tap)
		(void)printf("TAP version 14\n1..%zu\n", r->count);
	return true;
}

/* ---- TAP ----------------------------------------------------------------------------------- */

/* In a description # starts a directive, and a backslash escapes. */
static void print_description(const char *name)
{
	for (; *name; name++)
		(void)printf(*name == '#' || *name == '\\' ? "\\%c" : "%c", *name);
}

static void tap_line(const struct script_report *r, size_t i, const char *result,
		     const char *directive)
{
	if (!r->tap)
		return;
	(void)printf("%s %zu - ", result, i + 1);
	print_description(r->names[i]);
	(void)printf("%s\n", directive);
	(void)fflush(stdout);
}

/* The console line BACK lines above the last one, escaped. False: there is none. */
static bool console_line(const struct script_report *r, size_t back, char *out, size_t size)
{
	size_t len;
	const char *text = top_tail_line(&r->tail, back, &len);

	if (text)
		(void)escape_text(text, len, "", out, size);
	return text;
}

static void tap_reason(const struct script_report *r)
{
	char line[ESCAPE_MAX * TOP_LINE + 1];
	char quoted[6 * REPORT_REASON + 8];

	(void)printf("  ---\n  message: %s\n  severity: %s\n  console:\n",
		     json_quote(r->reason, quoted, sizeof quoted),
		     r->end == REPORT_FAILURE ? "fail" : "error");
	for (size_t back = REPORT_LINES; back-- > 0;)
		if (console_line(r, back, line, sizeof line))
			(void)printf("    - %s\n", json_quote(line, quoted, sizeof quoted));
	(void)printf("  ...\n");
}

/* ---- steps --------------------------------------------------------------------------------- */

void steps_next(struct script_report *r)
{
	r->step_ns = clock_now();
}

static void took(struct script_report *r)
{
	if (r->done < r->count)
		r->took_s[r->done] = (double)(clock_now() - r->step_ns) / SECOND;
}

void steps_passed(struct script_report *r)
{
	took(r);
	if (r->done < r->count)
		tap_line(r, r->done++, "ok", "");
}

void steps_failed(struct script_report *r, enum report_end end, const char *fmt, ...)
{
	char text[REPORT_REASON];
	va_list ap;

	if (r->end != REPORT_OK)
		return;
	took(r);
	r->end = end;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)escape_text(text, strlen(text), "", r->reason, sizeof r->reason);
}

/* ---- JUnit --------------------------------------------------------------------------------- */

/* S is escaped UTF-8; U+FFFE and U+FFFF are not valid in XML. */
static void add_xml(struct text *t, const char *s)
{
	char copy[ESCAPE_MAX * TOP_LINE + REPORT_REASON];

	(void)snprintf(copy, sizeof copy, "%s", s);
	for (char *at = copy; (at = strstr(at, "\xef\xbf")) != NULL; at += 2)
		if (at[2] == '\xbe' || at[2] == '\xbf')
			at[2] = '\xbd';
	text_add_xml(t, copy);
}

static void add_console(struct text *t, const struct script_report *r)
{
	char line[ESCAPE_MAX * TOP_LINE + 1];

	for (size_t back = REPORT_LINES; back-- > 0;)
		if (console_line(r, back, line, sizeof line)) {
			add_xml(t, line);
			text_add(t, "\n");
		}
}

static void add_case(struct text *t, const struct script_report *r, size_t i)
{
	static const char *const elements[] = {
		[REPORT_FAILURE] = "failure", [REPORT_ERROR] = "error"};
	bool ended = i == r->done && r->end != REPORT_OK;

	text_add(t, "    <testcase classname=\"");
	add_xml(t, r->script);
	text_add(t, "\" name=\"");
	add_xml(t, r->names[i]);
	text_add(t, "\" time=\"%.3f\"", i < r->done || ended ? r->took_s[i] : 0.0);
	if (i < r->done) {
		text_add(t, "/>\n");
		return;
	}
	if (!ended) {
		text_add(t, "><skipped/></testcase>\n");
		return;
	}
	text_add(t, ">\n      <%s message=\"", elements[r->end]);
	add_xml(t, r->reason);
	text_add(t, "\" type=\"%s\">", elements[r->end]);
	add_xml(t, r->reason);
	text_add(t, "\n\nThe console's last lines:\n");
	add_console(t, r);
	text_add(t, "</%s>\n    </testcase>\n", elements[r->end]);
}

static void add_counts(struct text *t, const struct script_report *r)
{
	size_t ended = r->end != REPORT_OK && r->done < r->count;

	text_add(t, " tests=\"%zu\" failures=\"%d\" errors=\"%d\" skipped=\"%zu\" time=\"%.3f\"",
		 r->count, r->end == REPORT_FAILURE, r->end == REPORT_ERROR,
		 r->count - r->done - ended, (double)(clock_now() - r->began_ns) / SECOND);
}

static void write_junit(struct text *t, const struct script_report *r)
{
	char host[256] = "";

	(void)gethostname(host, sizeof host - 1);
	text_add(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"vm script\"");
	add_counts(t, r);
	text_add(t, ">\n  <testsuite name=\"");
	add_xml(t, r->script);
	text_add(t, "\" timestamp=\"%.19s\" hostname=\"", r->begun);
	add_xml(t, host[0] ? host : "localhost");
	text_add(t, "\"");
	add_counts(t, r);
	text_add(t, ">\n");
	for (size_t i = 0; i < r->count; i++)
		add_case(t, r, i);
	text_add(t, "    <system-out>");
	add_console(t, r);
	text_add(t, "</system-out>\n  </testsuite>\n</testsuites>\n");
}

static bool save_junit(const struct script_report *r, struct error *err)
{
	struct text t = {0};
	char part[4200];
	int fd = file_begin(r->junit, 0644, part, sizeof part);

	if (fd < 0)
		return cannot_write(r->junit, err);
	write_junit(&t, r);
	bool ok = !t.failed && t.bytes && write_all(fd, t.bytes, t.len);

	text_free(&t);
	if (ok)
		ok = file_commit(fd, part, r->junit);
	else
		(void)unlink(part);
	int why = errno;

	(void)close(fd);
	errno = why;
	return ok || cannot_write(r->junit, err);
}

bool steps_finish(struct script_report *r, struct error *err)
{
	if (r->tap) {
		size_t next = r->done;

		if (r->end != REPORT_OK && next < r->count) {
			tap_line(r, next++, "not ok", "");
			tap_reason(r);
		}
		for (; next < r->count; next++)
			tap_line(r, next, "ok", " # SKIP not reached");
		(void)fflush(stdout);
	}
	return !r->junit || save_junit(r, err);
}
