/* snapshot_list.c - see snapshot_list.h. */
#include "format/snapshot_list.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/json_write.h"

bool snapshot_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);
	bool good = len <= SNAPSHOT_NAME_MAX && isalpha((unsigned char)name[0]);

	for (size_t i = 0; good && i < len; i++)
		good = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	if (!good)
		return error_set(err, EXIT_BAD_USAGE, "choose another name",
				 "a snapshot's name begins with a letter and has at most %d "
				 "letters, digits and ._-",
				 SNAPSHOT_NAME_MAX);
	if (strcmp(name, "vm-boot") == 0)
		return error_set(err, EXIT_BAD_USAGE, "choose another name",
				 "the name vm-boot is that of VM_BOOT_RETRIES");
	return true;
}

/* The meaning of the tag TAG's suffix after the name, "" for none. */
static const char *more_of(const char *tag)
{
	static const char *const more[] = {SNAPSHOT_BOOTING, SNAPSHOT_BUSY, SNAPSHOT_MAYBE};
	const char *plus = strrchr(tag, '+');

	for (size_t i = 0; plus && i < sizeof more / sizeof *more; i++)
		if (strcmp(plus, more[i]) == 0)
			return plus;
	return "";
}

const struct qcow2_snapshot *snapshots_find(const struct snapshots *s, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < s->count; i++)
		if (strncmp(s->list[i].name, name, len) == 0 &&
		    strcmp(s->list[i].name + len, more_of(s->list[i].name)) == 0)
			return &s->list[i];
	return NULL;
}

const struct qcow2_snapshot *snapshots_get(const struct snapshots *s, const char *name,
					   struct error *err)
{
	const struct qcow2_snapshot *one = snapshots_find(s, name);

	if (!one)
		(void)error_set(err, EXIT_NO_IMAGE, "vm snapshot list shows those there are",
				"there is no snapshot %s", name);
	return one;
}

bool snapshots_free(const struct snapshots *s, const char *name, bool force, struct error *err)
{
	bool taken = snapshots_find(s, name) != NULL;

	if (taken && !force)
		return error_set(err, EXIT_BAD_IMAGE, "choose another name, or --force",
				 "there is a snapshot %s already", name);
	if (!taken && s->count == SNAPSHOTS_MAX)
		return error_set(err, EXIT_BAD_IMAGE, "delete one: vm snapshot delete NAME",
				 "there are %d snapshots already", SNAPSHOTS_MAX);
	return true;
}

/* Was the guest ready when it was saved? */
static bool was_ready(const struct qcow2_snapshot *one)
{
	return strcmp(more_of(one->name), SNAPSHOT_BOOTING) != 0;
}

/* NAME without the suffix of its tag. */
static int name_length(const struct qcow2_snapshot *one)
{
	return (int)(strlen(one->name) - strlen(more_of(one->name)));
}

static size_t one_json(const struct qcow2_snapshot *one, char *buf, size_t size)
{
	char memory[24] = "null";

	if (one->memory)
		(void)snprintf(memory, sizeof memory, "%" PRIu64, one->memory);
	return json_write(buf, size,
			  JSON_LIST(J_TEXT_N("name", name_length(one), one->name),
				    J_TEXT("id", one->id), J_RAW("memory", memory),
				    J_INT("saved", one->date),
				    J_NUMBER("guest_clock_s", 3, (double)one->clock_ns / 1e9),
				    J_RAW("ready", !one->memory	    ? "null"
						   : was_ready(one) ? "true"
								    : "false")));
}

static int one_line(const struct qcow2_snapshot *one, char *buf, size_t size)
{
	char name[ESCAPE_MAX * sizeof one->name];
	char memory[24] = "disk only";
	char date[32];
	time_t saved = one->date;
	uint64_t s = one->clock_ns / 1000000000u;
	struct tm tm;

	(void)escape_text(one->name, (size_t)name_length(one), "", name, sizeof name);
	(void)strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", localtime_r(&saved, &tm));
	if (one->memory)
		(void)snprintf(memory, sizeof memory, "%.1f MiB", (double)one->memory / 1048576);
	return snprintf(
		buf, size,
		"%-24s %s  %11s  %4" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64 "%s\n", name,
		date, memory, s / 3600, s / 60 % 60, s % 60, one->clock_ns / 1000000u % 1000,
		one->memory && !was_ready(one) ? "  booting" : "");
}

size_t snapshots_text(const struct snapshots *s, bool json, char buf[SNAPSHOTS_TEXT])
{
	size_t n = 0;

	if (json)
		buf[n++] = '[';
	else
		n = (size_t)snprintf(buf, SNAPSHOTS_TEXT, "%-24s %-19s  %11s  %14s\n", "NAME",
				     "SAVED", "MEMORY", "GUEST'S CLOCK");
	for (size_t i = 0; i < s->count; i++) {
		if (json && i > 0)
			buf[n++] = ',';
		n += json ? one_json(&s->list[i], buf + n, SNAPSHOTS_TEXT - n)
			  : (size_t)one_line(&s->list[i], buf + n, SNAPSHOTS_TEXT - n);
	}
	if (json)
		n += (size_t)snprintf(buf + n, SNAPSHOTS_TEXT - n, "]\n");
	return n;
}
