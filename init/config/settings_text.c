/* settings_text.c - quotes and blanks around a value, and unknown names (settings_internal.h).
 *
 * `docker run --env-file` passes everything after = unchanged: quotes, trailing blanks, a comment
 * and a carriage return become part of the value. CI systems and Kubernetes set variables of their
 * own in every container, some with our prefixes.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "config/retired.h"
#include "config/settings_internal.h"

/* Settings in which quotes and blanks are significant. */
static bool is_free_text(const struct setting *row)
{
	static const enum setting_id free_texts[] = {SETTING_QEMU_APPEND, SETTING_QEMU_EXTRA_ARGS,
						     SETTING_QEMU_INITRD, SETTING_VM_FETCH_OPTIONS};

	for (size_t i = 0; i < sizeof free_texts / sizeof *free_texts; i++)
		if (row == &setting_table[free_texts[i]])
			return true;
	return false;
}

/* Is the TEXT of N bytes enclosed in one pair of quotes and does not contain others? */
static bool is_quoted(const char *text, size_t n)
{
	return n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0] &&
	       !memchr(text + 1, text[0], n - 2);
}

const char *settings_clean(struct settings *s, const struct setting *row, const char *text)
{
	size_t n = strlen(text);
	bool free_text = is_free_text(row);

	while (n > 0 &&
	       (text[n - 1] == '\r' || (!free_text && (text[n - 1] == ' ' || text[n - 1] == '\t'))))
		n--;
	const char *start = text;

	if (!free_text && is_quoted(text, n)) {
		start++;
		n -= 2;
	}
	if (start[n] == '\0')
		return start;
	if (n >= sizeof s->cleaned - s->cleaned_used)
		return text;
	char *copy = s->cleaned + s->cleaned_used;

	memcpy(copy, start, n);
	copy[n] = '\0';
	s->cleaned_used += n + 1;
	return copy;
}

const char *settings_hint(const char *text)
{
	size_t n = strlen(text);
	const char *hash = strchr(text, '#');

	if (n == 0)
		return NULL;
	if (hash && hash > text && (hash[-1] == ' ' || hash[-1] == '\t'))
		return "the comment is part of the value (docker --env-file does not remove it): "
		       "give it a line of its own";
	if (text[0] == '"' || text[0] == '\'' || text[n - 1] == '"' || text[n - 1] == '\'')
		return "the quotes are part of the value: docker --env-file does not remove them";
	if (text[0] == ' ' || text[0] == '\t')
		return "the value begins with a blank";
	return NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool contains(const char *name, size_t len, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(name + i, part, n) == 0)
			return true;
	return false;
}

static bool is_address(const char *value)
{
	return strncmp(value, "tcp://", 6) == 0 || strncmp(value, "udp://", 6) == 0 ||
	       strncmp(value, "sctp://", 7) == 0;
}

/* Kubernetes and docker links announce a service NAME by NAME_SERVICE_HOST, NAME_SERVICE_PORT,
 * NAME_PORT=tcp://ADDRESS:PORT and NAME_PORT_5555_TCP_ADDR. A service that is called serial or vm
 * is not a mistake. */
bool settings_is_service_variable(const char *name, size_t len, const char *value)
{
	return contains(name, len, "_SERVICE_HOST") || contains(name, len, "_SERVICE_PORT") ||
	       contains(name, len, "_PORT_") ||
	       (len > 5 && memcmp(name + len - 5, "_PORT", 5) == 0 && is_address(value)) ||
	       (len == 7 && memcmp(name, "VM_PORT", 7) == 0) ||
	       (len == 9 && memcmp(name, "QEMU_PORT", 9) == 0);
}

/* Does NAME begin with a prefix that only our settings use? The others begin with common words
 * (SERIAL_, VNC_), which other programs use, too. */
static bool has_our_prefix(const char *name)
{
	return strncmp(name, "QEMU_", 5) == 0 || strncmp(name, "VM_", 3) == 0;
}

/* Offer NEAR the setting CANDIDATE and prefixes of it: QEMU_DISK is near QEMU_DISK_BUS. */
static void compare(struct nearest *near, const char *candidate, bool *beginning)
{
	char part[64];
	const char *first = strchr(candidate, '_');

	for (const char *end = first ? strchr(first + 1, '_') : NULL; end;
	     end = strchr(end + 1, '_')) {
		struct nearest one = {.to = near->to};

		(void)snprintf(part, sizeof part, "%.*s", (int)(end - candidate), candidate);
		nearest_compare(&one, part);
		if (end - first > 4 && one.edits <= 1 && near->edits > 1) {
			*near = (struct nearest){.to = near->to, .edits = 1};
			(void)snprintf(near->name, sizeof near->name, "%s", candidate);
			*beginning = true;
		}
	}
	nearest_compare(near, candidate);
}

/* The length of the first word of NAME, with its underscore; 0: it has none. */
static size_t first_word(const char *name)
{
	const char *end = strchr(name, '_');

	return end ? (size_t)(end + 1 - name) : 0;
}

/* The length of the words with which both names begin. */
static size_t same_words(const char *a, const char *b)
{
	size_t same = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '_')
			same = i + 1;
	return same;
}

enum likeness settings_nearest(const char *name, size_t len, char nearest[64])
{
	char buf[64];
	struct nearest near = {.to = buf, .edits = 64};
	bool ours = has_our_prefix(name);
	bool beginning = false;

	(void)snprintf(buf, sizeof buf, "%.*s", (int)len, name);
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const char *candidate = setting_table[i].name;

		if (ours ? has_our_prefix(candidate) : same_words(buf, candidate) > 0)
			compare(&near, candidate, &beginning);
	}
	(void)snprintf(nearest, 64, "%s", near.name);
	if (beginning)
		return ours ? LIKE_SLIP : LIKE_PART;
	/* Allow one edit for three letters after the prefix. Other programs have variables like
	 * CONSOLE_LOG_LEVEL: of a common word's settings only what follows the same words counts.
	 */
	size_t rest = strlen(buf) - (ours ? first_word(buf) : same_words(buf, near.name));
	size_t most = rest / 3 < 3 ? rest / 3 : 3;

	return near.name[0] && near.edits <= most ? LIKE_SLIP : LIKE_NONE;
}

static void warn_removed(const struct retired *r, struct errors *warnings)
{
	char fix[384];

	(void)snprintf(fix, sizeof fix, "%s; vm settings lists all", r->instead);
	(void)errors_add(warnings, EXIT_BAD_SETTING, fix,
			 "%s was removed in version %s (VM_FORCE=1: ignored)", r->name, r->since);
}

/* Without FORCE a slip is an error (settings.c). */
static void warn_name(const char *name, size_t len, bool force, struct errors *warnings)
{
	char near[64];
	enum likeness like = settings_nearest(name, len, near);

	if (like == LIKE_SLIP && !force)
		return;
	if (like == LIKE_SLIP)
		(void)errors_add(warnings, EXIT_BAD_SETTING, "",
				 "%.*s is not a setting (the nearest is %s; VM_FORCE=1: ignored)",
				 (int)len, name, near);
	else if (like == LIKE_PART)
		(void)errors_add(warnings, EXIT_BAD_SETTING, "",
				 "%.*s is not a setting and is not used (the nearest is %s)",
				 (int)len, name, near);
	else if (has_our_prefix(name))
		(void)errors_add(warnings, EXIT_BAD_SETTING, "",
				 "%.*s is not a setting and is not used (vm settings lists all)",
				 (int)len, name);
}

/* Warn about settings that docker-compose.yml fixes and that its environment sets differently. */
static void warn_not_passed(const struct settings *s, struct errors *warnings)
{
	char value[4096];

	for (const char *p = s->not_passed ? s->not_passed : ""; *p;) {
		size_t n = strcspn(p, ";");
		size_t name = strcspn(p, "=;");
		const struct setting *row = setting_find(p, name);
		const char *given = p + name + 1;

		if (row && name + 1 < n) {
			(void)setting_text(s, (enum setting_id)(row - setting_table), value,
					   sizeof value);
			if (strlen(value) != n - name - 1 ||
			    memcmp(value, given, strlen(value)) != 0)
				(void)errors_add(warnings, EXIT_BAD_SETTING, "",
						 "%.*s is not passed into the container by "
						 "docker-compose.yml, where it is %s=%.200s%s",
						 (int)(n < 200 ? n : 200), p, row->name, value,
						 row->type == SETTING_PORT
							 ? " (HOST_*_PORT chooses the host's port)"
							 : "");
		}
		p += n + (p[n] == ';');
	}
}

void settings_warn_values(const struct settings *s, struct errors *warnings)
{
	warn_not_passed(s, warnings);
	retired_warn(s, warnings);
	for (char *const *e = s->environment; e && *e; e++) {
		const char *eq = strchr(*e, '=');

		if (!eq || !eq[1])
			continue;
		size_t len = (size_t)(eq - *e);
		const struct setting *row = setting_find(*e, len);

		const struct retired *gone = row ? NULL : retired_removed(*e, len);

		if (gone && s->force)
			warn_removed(gone, warnings);
		else if (!row && !gone && !settings_is_service_variable(*e, len, eq + 1))
			warn_name(*e, len, s->force, warnings);
		else if (row && is_free_text(row) && is_quoted(eq + 1, strcspn(eq + 1, "\r")))
			(void)errors_add(warnings, EXIT_BAD_SETTING, "",
					 "%s: the quotes around it are part of the value: docker "
					 "--env-file does not remove them",
					 row->name);
	}
}
