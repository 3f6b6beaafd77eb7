/* cmd_profile.c - vm profile: arguments of the boot profiler; compare and report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "profile/profiler.h"
#include "vm/cmd.h"

static const char *const axis_options[AXES] = {
	[AXIS_CPUS] = "--cpus",	   [AXIS_CPU_MODEL] = "--cpu-models", [AXIS_RAM] = "--ram",
	[AXIS_ACCEL] = "--accels", [AXIS_MACHINE] = "--machines",     [AXIS_BUS] = "--buses",
	[AXIS_BOOT] = "--boot",
};

/* The words of LIST, which is cut up, separated by commas. False: none, or too many. */
static bool take_list(char *list, const char **values, size_t *count)
{
	*count = 0;
	for (char *word = list; *word;) {
		size_t n = strcspn(word, ",");
		bool last = word[n] == '\0';

		if (n == 0 || n >= AXIS_VALUE || *count == AXIS_VALUES)
			return false;
		word[n] = '\0';
		values[(*count)++] = word;
		word += n + (last ? 0 : 1);
	}
	return *count > 0;
}

static bool take_number(const char *text, long min, long max, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= min && *out <= max;
}

/* One option with its VALUE. 0: taken; 1: no such option; -1: a bad value. */
static int take_option(struct profiler_options *o, const char *option, char *value)
{
	const struct {
		const char *name;
		const char **out;
	} texts[] = {{"--until", &o->until},
		     {"--baseline", &o->baseline},
		     {"--out", &o->out},
		     {"--markers", &o->markers}};
	const struct {
		const char *name;
		long *out;
		long min, max;
	} numbers[] = {{"--samples", &o->samples, 1, REPORT_SAMPLES},
		       {"--warm-up", &o->warm_up, 0, 100},
		       {"--timeout", &o->timeout_s, 1, 86400},
		       {"--jobs", &o->jobs, 1, PROFILER_JOBS}};

	for (int a = 0; a < AXES; a++)
		if (strcmp(option, axis_options[a]) == 0)
			return take_list(value, o->values[a], &o->counts[a]) ? 0 : -1;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(option, texts[i].name) == 0) {
			*texts[i].out = value;
			return value[0] ? 0 : -1;
		}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(option, numbers[i].name) == 0)
			return take_number(value, numbers[i].min, numbers[i].max, numbers[i].out)
				       ? 0
				       : -1;
	return 1;
}

/* Counts that are none, and words that are no way to boot. */
static const char *bad_value(const struct profiler_options *o)
{
	long n;

	for (size_t i = 0; i < o->counts[AXIS_CPUS]; i++)
		if (!take_number(o->values[AXIS_CPUS][i], 1, 1024, &n))
			return o->values[AXIS_CPUS][i];
	for (size_t i = 0; i < o->counts[AXIS_BOOT]; i++)
		if (strcmp(o->values[AXIS_BOOT][i], "disk") != 0 &&
		    strcmp(o->values[AXIS_BOOT][i], "direct") != 0 &&
		    strcmp(o->values[AXIS_BOOT][i], "kernel") != 0)
			return o->values[AXIS_BOOT][i];
	return NULL;
}

/* The report in the file or directory PATH. */
static bool load(const char *path, struct report *r, struct error *err)
{
	static const char name[] = "/results.json";
	char file[4200];
	char *buf;
	size_t n;
	size_t len = strlen(path);
	bool is_file = len > 5 && strcmp(path + len - 5, ".json") == 0;
	struct error inner = {0};

	(void)snprintf(file, sizeof file, "%s%s", path, is_file ? "" : name);
	if (!file_read(file, &buf, &n, err))
		return false;
	bool ok = report_read(buf, n, r, &inner);

	free(buf);
	return ok || error_set(err, inner.status, inner.fix, "%s: %s", file, inner.message);
}

static int print(const struct text *t)
{
	if (t->bytes)
		(void)fwrite(t->bytes, 1, t->len, stdout);
	return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_INTERNAL;
}

static int compare(const char *a_path, const char *b_path, bool as_json)
{
	static struct report a;
	static struct report b;
	struct error err = {0};
	struct text t = {0};
	int status;

	if (!load(a_path, &a, &err) || !load(b_path, &b, &err)) {
		error_report(&err);
		return (int)err.status;
	}
	size_t common = (as_json ? report_compare_json : report_compare)(&a, &b, &t);

	status = print(&t);
	if (common == 0) {
		(void)error_set(&err, EXIT_BAD_IMAGE, "compare two reports of the same matrix",
				"%s and %s have no cell in common", a_path, b_path);
		error_report(&err);
		status = EXIT_BAD_IMAGE;
	}
	text_free(&t);
	report_free(&a);
	report_free(&b);
	return status;
}

static int again(const char *dir)
{
	static struct report r;
	struct error err = {0};
	struct text t = {0};

	if (!load(dir, &r, &err) || !profile_save(dir, &r, &err) ||
	    !profile_documents(dir, &r, &err)) {
		error_report(&err);
		return (int)err.status;
	}
	report_text(&r, &t);
	int status = print(&t);

	text_free(&t);
	report_free(&r);
	return status;
}

int cmd_profile(const struct command *self, int argc, char **argv, char **envp)
{
	static char cpus[] = "1,2,4,8";
	struct profiler_options o = {
		.samples = 3, .warm_up = 1, .timeout_s = 600, .jobs = 1, .until = "ready"};
	bool as_json = argc == 5 && strcmp(argv[4], "--json") == 0;

	if (argc > 1 && strcmp(argv[1], "compare") == 0)
		return argc == 4 || as_json ? compare(argv[2], argv[3], as_json)
					    : cmd_usage(self, "compare takes two reports", NULL);
	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return argc == 3 ? again(argv[2])
				 : cmd_usage(self, "report takes a directory", NULL);
	(void)take_list(cpus, o.values[AXIS_CPUS], &o.counts[AXIS_CPUS]);
	for (int i = 1; i < argc; i += 2) {
		char none[] = "";
		int taken = take_option(&o, argv[i], i + 1 < argc ? argv[i + 1] : none);

		if (taken > 0)
			return cmd_usage(self, "unknown argument", argv[i]);
		if (taken < 0)
			return cmd_usage(self, "a value is missing or invalid after", argv[i]);
	}
	const char *bad = bad_value(&o);

	return bad ? cmd_usage(self, "not a value for --cpus or --boot:", bad)
		   : profiler_run(&o, envp);
}
