/* cmd_profile.c - vm profile: arguments of the boot profiler; compare and report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/log.h"
#include "profile/profiler.h"
#include "vm/cmd.h"

static const char *const axis_options[AXES] = {
	[AXIS_CPUS] = "--cpus",	       [AXIS_CPU_MODEL] = "--cpu-models",
	[AXIS_RAM] = "--ram",	       [AXIS_ACCEL] = "--accels",
	[AXIS_MACHINE] = "--machines", [AXIS_BUS] = "--buses",
	[AXIS_BOOT] = "--boot",	       [AXIS_ARCH] = "--archs",
	[AXIS_CACHE] = "--caches",     [AXIS_AIO] = "--aio",
	[AXIS_THREADS] = "--threads",  [AXIS_IOTHREADS] = "--iothreads",
	[AXIS_TOPOLOGY] = NULL,
};

/* Separates the values of LIST: values may contain commas themselves (sockets=1,cores=4). */
static const char *separator(const char *list)
{
	return strchr(list, ';') ? ";" : strchr(list, '=') ? "" : ",";
}

/* Split LIST into words, in place. False: none, or too many. */
static bool take_list(char *list, const char **values, size_t *count)
{
	const char *between = separator(list);

	*count = 0;
	for (char *word = list; *word;) {
		size_t n = strcspn(word, between);
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

/* I/N */
static bool take_shard(char *text, struct profiler_options *o)
{
	char *slash = strchr(text, '/');

	if (!slash)
		return false;
	*slash = '\0';
	return take_number(slash + 1, 1, REPORT_SAMPLES, &o->shards) &&
	       take_number(text, 1, o->shards, &o->shard);
}

static bool take_shard_by(const char *text, struct profiler_options *o)
{
	o->by_cells = strcmp(text, "cells") == 0;
	return o->by_cells || strcmp(text, "samples") == 0;
}

/* Parse one option with its VALUE. 0: taken; 1: unknown option; -1: invalid value. */
static int take_option(struct profiler_options *o, const char *option, char *value)
{
	const struct {
		const char *name;
		const char **out;
	} texts[] = {{"--until", &o->until},	 {"--baseline", &o->baseline},
		     {"--out", &o->out},	 {"--resume", &o->resume},
		     {"--install", &o->install}, {"--install-size", &o->install_size},
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
		if (axis_options[a] && strcmp(option, axis_options[a]) == 0)
			return take_list(value, o->values[a], &o->counts[a]) ? 0 : -1;
	if (strcmp(option, "--names") == 0) {
		o->paper = strcmp(value, "paper") == 0;
		return o->paper ? 0 : -1;
	}
	if (strcmp(option, "--shard") == 0)
		return take_shard(value, o) ? 0 : -1;
	if (strcmp(option, "--shard-by") == 0)
		return take_shard_by(value, o) ? 0 : -1;
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

/* The first value of AXIS that is not one of WORDS. */
static const char *none_of(const struct profiler_options *o, enum axis axis,
			   const char *const *words)
{
	for (size_t i = 0; i < o->counts[axis]; i++) {
		size_t k = 0;

		while (words[k] && strcmp(words[k], o->values[axis][i]) != 0)
			k++;
		if (!words[k])
			return o->values[axis][i];
	}
	return NULL;
}

/* Reject invalid counts and boot methods; the plan checks the rest. */
static const char *bad_value(const struct profiler_options *o, const char **option)
{
	static const struct {
		enum axis axis;
		const char *words[4];
	} lists[] = {{AXIS_BOOT, {"disk", "direct", "kernel", NULL}},
		     {AXIS_THREADS, {"single", "multi", NULL}},
		     {AXIS_IOTHREADS, {"0", "1", NULL}}};
	long n;

	*option = axis_options[AXIS_CPUS];
	for (size_t i = 0; i < o->counts[AXIS_CPUS]; i++)
		if (!strchr(o->values[AXIS_CPUS][i], '=') &&
		    !take_number(o->values[AXIS_CPUS][i], 1, 1024, &n))
			return o->values[AXIS_CPUS][i];
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const char *bad = none_of(o, lists[i].axis, lists[i].words);

		*option = axis_options[lists[i].axis];
		if (bad)
			return bad;
	}
	return NULL;
}

static int print(const struct text *t)
{
	if (t->bytes)
		escape_print(stdout, t->bytes); /* reports may be another user's */
	return fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_INTERNAL;
}

typedef size_t compare_form(const struct report *a, const struct report *b, struct text *t);

/* The output format that the last argument of compare names; NULL: unknown. */
static compare_form *form_of(int argc, char **argv)
{
	return argc == 4			? report_compare
	       : argc != 5			? NULL
	       : strcmp(argv[4], "--json") == 0 ? report_compare_json
	       : strcmp(argv[4], "--svg") == 0	? report_compare_svg
						: NULL;
}

static int compare(const char *a_path, const char *b_path, compare_form *form)
{
	static struct report a;
	static struct report b;
	struct error err = {0};
	struct text t = {0};
	int status;

	if (!profile_load(a_path, &a, &err) || !profile_load(b_path, &b, &err)) {
		error_report(&err);
		return (int)err.status;
	}
	size_t common = form(&a, &b, &t);

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

static int again(const char *dir, bool paper)
{
	static struct report r;
	struct error err = {0};
	struct text t = {0};

	if (!profile_load(dir, &r, &err) || !profile_save(dir, &r, &err) ||
	    !profile_documents(dir, &r, &err) || (paper && !profile_paper_names(dir, &r, &err))) {
		error_report(&err);
		return (int)err.status;
	}
	report_text(&r, &t);
	int status = print(&t);

	text_free(&t);
	report_free(&r);
	return status;
}

static int merge(const struct command *self, int argc, char **argv)
{
	bool force = argc > 2 && strcmp(argv[2], "--force") == 0;
	int first = force ? 3 : 2;

	for (int i = first; i < argc; i++)
		if (argv[i][0] == '-')
			return cmd_usage(self, "unknown argument", argv[i]);
	return argc - first < 2
		       ? cmd_usage(self, "merge takes a new directory and those of reports", NULL)
		       : profile_merge(argv[first], argv + first + 1, (size_t)(argc - first - 1),
				       force);
}

static int status(const struct command *self, int argc, char **argv)
{
	bool follow = false;
	bool json = false;
	const char *dir = NULL;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--follow") == 0)
			follow = true;
		else if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-' || dir)
			return cmd_usage(self, "unknown argument", argv[i]);
		else
			dir = argv[i];
	}
	return dir ? profile_status(dir, follow, json)
		   : cmd_usage(self, "status takes a directory", NULL);
}

/* With more shards than blocks, some shards would have no sample. */
static const char *too_many_shards(const struct profiler_options *o)
{
	size_t cells = 1;

	for (int a = 0; a < AXES; a++)
		cells *= o->counts[a] ? o->counts[a] : 1;
	return o->by_cells && o->shards > (long)cells ? "more shards than cells in --shard I/N"
	       : !o->by_cells && o->shards > o->samples
		       ? "more shards than --samples in --shard I/N"
		       : NULL;
}

static int measure(const struct command *self, int argc, char **argv, char **envp)
{
	static char cpus[] = "1,2,4,8";
	struct profiler_options o = {.samples = 3,
				     .warm_up = 1,
				     .timeout_s = 600,
				     .jobs = 1,
				     .until = "ready",
				     .shard = 1,
				     .shards = 1};

	(void)take_list(cpus, o.values[AXIS_CPUS], &o.counts[AXIS_CPUS]);
	for (int i = 1; i < argc; i += 2) {
		char none[] = "";

		if (strcmp(argv[i], "--pin") == 0) {
			o.pin = true;
			i--;
			continue;
		}
		int taken = take_option(&o, argv[i], i + 1 < argc ? argv[i + 1] : none);

		if (taken > 0)
			return cmd_usage(self, "unknown argument", argv[i]);
		if (taken < 0)
			return cmd_usage(self, "a value is missing or invalid after", argv[i]);
	}
	if (o.install_size && !o.install)
		return cmd_usage(self, "--install-size without --install", NULL);
	if (o.install &&
	    o.counts[AXIS_BOOT] == 0) /* boot the installed system, not an external kernel */
		o.values[AXIS_BOOT][o.counts[AXIS_BOOT]++] = "disk";
	const char *option;
	const char *bad = bad_value(&o, &option);
	char what[64];

	if (bad) {
		(void)snprintf(what, sizeof what, "not a value for %s:", option);
		return cmd_usage(self, what, bad);
	}
	if (o.pin && o.jobs > 1)
		return cmd_usage(self, "--pin and --jobs: samples would share processors", NULL);
	if (too_many_shards(&o))
		return cmd_usage(self, too_many_shards(&o), NULL);
	if (o.resume && o.out)
		return cmd_usage(self, "--resume names the directory: leave out --out", NULL);
	return profiler_run(&o, envp);
}

int cmd_profile(const struct command *self, int argc, char **argv, char **envp)
{
	const char *what = argc > 1 ? argv[1] : "";
	compare_form *form = form_of(argc, argv);
	bool paper = argc == 5 && strcmp(argv[3], "--names") == 0 && strcmp(argv[4], "paper") == 0;

	if (strcmp(what, "compare") == 0)
		return form ? compare(argv[2], argv[3], form)
			    : cmd_usage(self, "compare takes two reports", NULL);
	if (strcmp(what, "report") == 0)
		return argc == 3 || paper ? again(argv[2], paper)
					  : cmd_usage(self, "report takes a directory", NULL);
	if (strcmp(what, "merge") == 0)
		return merge(self, argc, argv);
	if (strcmp(what, "status") == 0)
		return status(self, argc, argv);
	return measure(self, argc, argv, envp);
}
