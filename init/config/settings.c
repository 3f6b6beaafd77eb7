/* settings.c - parses single values, and handles names that are not in the table.
 *
 * settings_resolve.c checks combinations of values.
 */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/choices.h"
#include "config/retired.h"
#include "config/settings_internal.h"

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

/* Parse a decimal number without a sign and without surrounding characters. */
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

/* Parse the fraction after the dot at *AT, in millionths; *AT becomes its end. */
static bool parse_millionths(const char **at, long *out)
{
	long place = 100000;
	const char *digit = *at + 1;

	for (; *digit >= '0' && *digit <= '9' && place > 0; digit++, place /= 10)
		*out += (*digit - '0') * place;
	if (digit == *at + 1)
		return false;
	*at = digit;
	return true;
}

/* Parse a size in MiB. K, KB, Ki and KiB are all 1024 bytes, like QEMU's K; 1.5G is 1536. The size
 * must be a whole number of MiB. */
static bool parse_mem(const char *text, long *out)
{
	const char *end;
	long millionths = 0;
	long n;
	long scale = 1;

	if (!parse_number(text, &end, &n) || n > 1L << 40 ||
	    (*end == '.' && !parse_millionths(&end, &millionths)))
		return false;
	size_t unit = strcspn(end, "iIbB");

	if (unit > 1 || (end[unit] && unit == 0))
		return false;
	if (end[unit] && strcasecmp(end + unit, "i") != 0 && strcasecmp(end + unit, "b") != 0 &&
	    strcasecmp(end + unit, "ib") != 0)
		return false;
	switch (*end) {
	case 'K':
	case 'k':
		if (n % 1024 || millionths)
			return false;
		n /= 1024;
		break;
	case '\0':
	case 'M':
	case 'm': break;
	case 'G':
	case 'g': scale = 1024; break;
	case 'T':
	case 't': scale = 1024L * 1024; break;
	default: return false;
	}
	if (millionths * scale % 1000000)
		return false;
	*out = n * scale + millionths * scale / 1000000;
	return true;
}

static bool parse_choice(const char *choices, const char *text, int *out)
{
	int i = choice_index(choices, text);

	if (i >= 0)
		*out = i;
	return i >= 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* Report that TEXT is invalid for ROW. ALLOWED describes valid values. */
static bool bad_value(const struct setting *row, const char *text, const char *allowed,
		      struct errors *errs)
{
	char fix[384];
	const char *hint = settings_hint(text);

	if (hint)
		(void)snprintf(fix, sizeof fix, "%s; set %s to %.180s", hint, row->name, allowed);
	else if (row->dflt[0])
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
	bool none = (row == &setting_table[SETTING_QEMU_DRIVE] ||
		     row == &setting_table[SETTING_QEMU_BIOS]) &&
		    strcmp(text, "none") == 0;

	if (row->type == SETTING_PATH && text[0] != '/' && !none)
		return bad_value(row, text, "an absolute path", errs);
	*out = text;
	return true;
}

/* Store TEXT in ROW's member. Defaults are parsed like other values. */
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
			*(long *)where = row->type == SETTING_PORT ? PORT_AUTO : 0;
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
	char near[64];
	char fix[192];

	if (settings_nearest(name, len, near) != LIKE_SLIP)
		return; /* reported as a warning (settings_warn_values()) */
	(void)snprintf(fix, sizeof fix,
		       "the nearest setting is %s; vm settings lists all; VM_FORCE=1 ignores it",
		       near);
	(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%.*s is not a setting", (int)len, name);
}

static void removed_name(const struct retired *r, struct errors *errs)
{
	char fix[384];

	(void)snprintf(fix, sizeof fix, "%s; vm settings lists all; VM_FORCE=1 ignores it",
		       r->instead);
	(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%s was removed in version %s", r->name,
			 r->since);
}

/* A name that is not in the table. */
static void other_name(const char *assignment, const char *value, struct errors *errs)
{
	size_t len = (size_t)(value - assignment) - 1;
	const struct retired *gone = retired_removed(assignment, len);

	if (gone)
		removed_name(gone, errs);
	else
		unknown_name(assignment, len, errs);
}

/* Parse one assignment NAME=VALUE of the environment. */
static void take(struct settings *out, const char *assignment, struct errors *errs)
{
	const char *eq = strchr(assignment, '=');
	size_t len = eq ? (size_t)(eq - assignment) : 0;
	const struct setting *row = eq ? setting_find(assignment, len) : NULL;

	if (!row || settings_is_service_variable(assignment, len, eq + 1))
		return;
	const char *text = settings_clean(out, row, eq + 1);

	if (text[0])
		out->given[row - setting_table] = set_value(out, row, text, errs);
}

bool settings_parse(char *const envp[], struct settings *out, struct errors *errs)
{
	size_t before = errs->count;

	memset(out, 0, sizeof *out);
	out->environment = envp;
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		(void)set_value(out, &setting_table[i], setting_table[i].dflt, errs);
	for (char *const *e = envp; *e; e++)
		take(out, *e, errs);
	for (char *const *e = envp; *e && !out->force; e++) {
		const char *eq = strchr(*e, '=');
		size_t len = eq ? (size_t)(eq - *e) : 0;

		if (eq && eq[1] && !setting_find(*e, len) &&
		    !settings_is_service_variable(*e, len, eq + 1))
			other_name(*e, eq + 1, errs);
	}
	out->no_disk = out->drive && strcmp(out->drive, "none") == 0;
	if (out->no_disk)
		out->drive = NULL;
	return errs->count == before;
}
