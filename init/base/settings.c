/* settings.c - the table, the parsing of single values, and names that are not in the table.
 *
 * What a value means together with others is settle in settings_resolve.c.
 */
#include "base/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

const struct setting setting_table[SETTINGS_COUNT] = {
#define X(group_, name_, member_, type_, dflt_, min_, max_, choices_, help_)                       \
	[SETTING_##name_] = {.group = group_,                                                      \
			     .name = #name_,                                                       \
			     .type = SETTING_##type_,                                              \
			     .dflt = dflt_,                                                        \
			     .min = min_,                                                          \
			     .max = max_,                                                          \
			     .choices = choices_,                                                  \
			     .help = help_,                                                        \
			     .offset = offsetof(struct settings, member_)},
#include "base/settings.def"
#undef X
};

static void *member(const struct settings *s, const struct setting *row)
{
	return (char *)(uintptr_t)s + row->offset;
}

static bool parse_bool(const char *text, bool *out)
{
	static const char *const words[] = {"0", "1", "no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2;
			return true;
		}
	return false;
}

/* A decimal number, nothing before or after it; no sign. */
static bool parse_number(const char *text, const char **end, long *out)
{
	char *stop;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtol(text, &stop, 10);
	*end = stop;
	return errno == 0;
}

static bool parse_mem(const char *text, long *out)
{
	const char *end;
	long n;

	if (!parse_number(text, &end, &n) || n > 1L << 40)
		return false;
	if (strlen(end) > 1)
		return false;
	switch (*end) {
	case 'K':
	case 'k':
		if (n % 1024)
			return false;
		n /= 1024;
		break;
	case '\0':
	case 'M':
	case 'm': break;
	case 'G':
	case 'g': n *= 1024; break;
	case 'T':
	case 't': n *= 1024L * 1024; break;
	default: return false;
	}
	*out = n;
	return true;
}

static bool parse_choice(const char *choices, const char *text, int *out)
{
	size_t n = strlen(text);
	int i = 0;

	for (const char *c = choices; n; i++) {
		size_t len = strcspn(c, "|");

		if (len == n && memcmp(c, text, n) == 0) {
			*out = i;
			return true;
		}
		if (c[len] == '\0')
			break;
		c += len + 1;
	}
	return false;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* Say that TEXT is no value for ROW. ALLOWED is what would be. */
static bool bad_value(const struct setting *row, const char *text, const char *allowed,
		      struct errors *errs)
{
	char fix[256];

	if (row->dflt[0])
		(void)snprintf(fix, sizeof fix, "set %s to %.180s, or leave it unset for %s",
			       row->name, allowed, row->dflt);
	else
		(void)snprintf(fix, sizeof fix, "set %s to %.180s, or leave it unset", row->name,
			       allowed);
	return errors_add(errs, EXIT_BAD_SETTING, fix, "%s=%.200s is not %s", row->name, text,
			  allowed);
}

static bool parse_integer(const struct setting *row, const char *text, long *out,
			  struct errors *errs)
{
	char allowed[96];
	const char *end = "";
	const char *unit = row->type == SETTING_MEM ? " MiB (suffixes K, M, G, T)" : "";
	long n;
	bool ok = row->type == SETTING_MEM ? parse_mem(text, &n) : parse_number(text, &end, &n);

	if (ok && *end == '\0' && n >= row->min && n <= row->max) {
		*out = n;
		return true;
	}
	(void)snprintf(allowed, sizeof allowed, "a number from %ld to %ld%s", row->min, row->max,
		       unit);
	return bad_value(row, text, allowed, errs);
}

static bool parse_text(const struct setting *row, const char *text, const char **out,
		       struct errors *errs)
{
	char allowed[96];

	if (has_control(text) || strlen(text) > (size_t)row->max) {
		(void)snprintf(allowed, sizeof allowed,
			       "a text of at most %ld bytes without control characters", row->max);
		return bad_value(row, has_control(text) ? "(with control characters)" : text,
				 allowed, errs);
	}
	if (row->type == SETTING_PATH && text[0] != '/')
		return bad_value(row, text, "an absolute path", errs);
	*out = text;
	return true;
}

/* TEXT into ROW's member; the row's default counts as a value like any other. */
static bool set_value(struct settings *s, const struct setting *row, const char *text,
		      struct errors *errs)
{
	void *where = member(s, row);
	bool may_be_auto = strcmp(row->dflt, "auto") == 0;

	switch (row->type) {
	case SETTING_BOOL:
		return parse_bool(text, where) ? true : bad_value(row, text, "0 or 1", errs);
	case SETTING_ENUM:
		return parse_choice(row->choices, text, where)
			       ? true
			       : bad_value(row, text, row->choices, errs);
	case SETTING_INT:
	case SETTING_PORT:
	case SETTING_MEM:
		if (may_be_auto && strcmp(text, "auto") == 0) {
			*(long *)where = 0;
			return true;
		}
		return parse_integer(row, text, where, errs);
	case SETTING_TEXT:
	case SETTING_PATH:
		if (!text[0] || (may_be_auto && strcmp(text, "auto") == 0)) {
			*(const char **)where = NULL;
			return true;
		}
		return parse_text(row, text, where, errs);
	}
	return false;
}

static void unknown_name(const char *name, size_t len, struct errors *errs)
{
	char buf[64];
	char fix[160];
	struct nearest near = {.to = buf};

	(void)snprintf(buf, sizeof buf, "%.*s", (int)len, name);
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		nearest_offer(&near, setting_table[i].name);
	(void)snprintf(fix, sizeof fix, "the nearest setting is %s; vm settings lists all",
		       near.name);
	(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%s is not a setting", buf);
}

/* Names of ours by their prefix. Kubernetes and docker links announce services by variables of the
 * form NAME_SERVICE_HOST and NAME_PORT_…; a service that is called vm or qemu is no mistake. */
static bool claims_to_be_ours(const char *name, size_t len)
{
	if (strncmp(name, "QEMU_", 5) != 0 && strncmp(name, "VM_", 3) != 0)
		return false;
	const char *rest = strchr(name, '_') + 1;
	size_t n = len - (size_t)(rest - name);

	return !(strncmp(rest, "SERVICE_", 8) == 0 || strncmp(rest, "PORT_", 5) == 0 ||
		 (n == 4 && strncmp(rest, "PORT", 4) == 0));
}

static const struct setting *find(const char *name, size_t len)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strlen(setting_table[i].name) == len &&
		    memcmp(setting_table[i].name, name, len) == 0)
			return &setting_table[i];
	return NULL;
}

bool settings_parse(char *const envp[], struct settings *out, struct errors *errs)
{
	size_t before = errs->count;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		(void)set_value(out, &setting_table[i], setting_table[i].dflt, errs);
	for (; *envp; envp++) {
		const char *eq = strchr(*envp, '=');

		if (!eq)
			continue;
		size_t len = (size_t)(eq - *envp);
		const struct setting *row = find(*envp, len);

		if (row && eq[1])
			out->given[row - setting_table] = set_value(out, row, eq + 1, errs);
		else if (!row && claims_to_be_ours(*envp, len))
			unknown_name(*envp, len, errs);
	}
	return errs->count == before;
}

const char *run_path(const struct settings *s, const char *name, char buf[RUN_PATH_MAX])
{
	(void)snprintf(buf, RUN_PATH_MAX, "%s/%s", s->run_dir, name);
	return buf;
}

const char *setting_choice(enum setting_id id, int v, char *buf, size_t size)
{
	const char *c = setting_table[id].choices;

	for (; v > 0 && *c; v--) {
		c += strcspn(c, "|");
		c += *c == '|';
	}
	(void)snprintf(buf, size, "%.*s", (int)strcspn(c, "|"), c);
	return buf;
}

const char *setting_text(const struct settings *s, enum setting_id id, char *buf, size_t size)
{
	const struct setting *row = &setting_table[id];
	const void *where = member(s, row);
	const char *text;

	switch (row->type) {
	case SETTING_BOOL: (void)snprintf(buf, size, "%d", *(const bool *)where); break;
	case SETTING_ENUM: return setting_choice(id, *(const int *)where, buf, size);
	case SETTING_INT:
	case SETTING_PORT:
	case SETTING_MEM:
		if (*(const long *)where == 0 && strcmp(row->dflt, "auto") == 0)
			(void)snprintf(buf, size, "auto");
		else
			(void)snprintf(buf, size, "%ld", *(const long *)where);
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
		text = *(const char *const *)where;
		(void)snprintf(buf, size, "%s",
			       text ? text : (strcmp(row->dflt, "auto") == 0 ? "auto" : ""));
		break;
	}
	return buf;
}
