/* log_items.c - see log_items.h. */
#include "qemu/log_items.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "host/child.h"

#define BOUND_MS 5000
/* The column of the explanations in -d help (QEMU: util/log.c, qemu_print_log_usage()). */
#define COLUMN 16

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

static const struct {
	const char *option, *what;
} lists[] = {[LOG_LIST] = {"-d", "item of -d"}, [TRACE_LIST] = {"-trace", "trace event"}};

bool log_items_ask(const char *program, const struct identity *id, enum log_list list,
		   char buf[LOG_ITEMS_MAX], struct error *err)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)lists[list].option,
			(char *)"help", NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	struct child c = {.path = program,
			  .argv = argv,
			  .envp = envp,
			  .identity = id,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true};

	/* Its exit status is 1 after -d help, and 0 after -trace help. */
	return child_output(&c, buf, LOG_ITEMS_MAX, BOUND_MS, err);
}

/* The length of the name in LINE, 0 if there is none: -d help has headings and explanations of
 * several lines. */
static size_t name_length(enum log_list list, const char *line)
{
	size_t eol = strcspn(line, "\n");
	size_t len = strcspn(line, " \n");

	if (list == TRACE_LIST)
		return len == eol ? len : 0;
	if (strspn(line, NAME_CHARS) < len || eol <= COLUMN)
		return 0;
	return len + strspn(line + len, " ") >= COLUMN ? len : 0;
}

static bool is_known(enum log_list list, const char *text, const char *name, struct nearest *near)
{
	char known[128];

	while (*text) {
		size_t len = name_length(list, text);

		(void)snprintf(known, sizeof known, "%.*s", (int)len, text);
		if (len > 0 && fnmatch(name, known, 0) == 0)
			return true;
		if (len > 0)
			nearest_compare(near, known);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

void log_items_check(enum log_list list, const char *text, const char *setting, const char *value,
		     struct errors *errs)
{
	char name[128];
	char fix[200];
	size_t len;

	for (const char *p = value; *p; p += len + (p[len] == ',')) {
		struct nearest near = {.to = name};
		bool off = list == TRACE_LIST && *p == '-';

		len = strcspn(p, ",");
		(void)snprintf(name, sizeof name, "%.*s", (int)len - off, p + off);
		if (list == LOG_LIST && strcmp(name, "tid") == 0) {
			(void)errors_add(errs, EXIT_BAD_SETTING, "leave tid out",
					 "%s=%.200s: tid, a log for each thread, is not supported",
					 setting, value);
			continue;
		}
		if (len == 0 || (list == LOG_LIST &&
				 (strcmp(name, "all") == 0 || strncmp(name, "trace:", 6) == 0)))
			continue;
		if (is_known(list, text, name, &near))
			continue;
		(void)snprintf(fix, sizeof fix,
			       "the nearest one is %s; qemu-system-x86_64 %s help "
			       "lists all",
			       near.name, lists[list].option);
		(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%s=%.200s: this QEMU has no %s %s",
				 setting, value, lists[list].what, name);
	}
}
