/* snapshot_table.c - see snapshot_table.h. The table's format: QEMU's docs/interop/qcow2.txt,
 * "Snapshots". */
#include "host/snapshot_table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "format/bytes.h"
#include "format/json.h"

/* Descriptors that bypass the host's cache read whole blocks only. */
#define BLOCK 4096u
#define ENTRY (QCOW2_SNAPSHOT_ENTRY + 1024 + 2 * 65535)

/* The block of the file that was read last. */
struct window {
	int fd;
	uint64_t at;
	size_t n;
	_Alignas(BLOCK) uint8_t bytes[BLOCK];
};

static bool read_at(struct window *w, uint64_t at, uint8_t *buf, size_t n)
{
	while (n > 0) {
		uint64_t block = at & ~(uint64_t)(BLOCK - 1);
		size_t skip = (size_t)(at - block);

		if (w->n == 0 || w->at != block) {
			ssize_t got = pread(w->fd, w->bytes, BLOCK, (off_t)block);

			w->at = block;
			w->n = got > 0 ? (size_t)got : 0;
			if (got < 0)
				return false;
		}
		if (w->n <= skip) {
			errno = ENODATA;
			return false;
		}
		size_t take = w->n - skip < n ? w->n - skip : n;

		memcpy(buf, w->bytes + skip, take);
		buf += take;
		at += take;
		n -= take;
	}
	return true;
}

static bool read_table(int fd, const char *name, struct snapshots *out, struct error *err)
{
	static struct window w;
	static uint8_t entry[ENTRY];
	uint8_t head[12];
	uint64_t size = 0;

	w.fd = fd;
	w.n = 0;
	out->count = 0;
	if (!read_at(&w, 60, head, sizeof head))
		return error_set(err, EXIT_INTERNAL, "", "%s: %s", name, strerror(errno));
	uint32_t count = be32(head);
	uint64_t at = be64(head + 4);

	if (count > SNAPSHOTS_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "delete some of them with qemu-img snapshot -d",
				 "%s has %" PRIu32 " snapshots; at most %d can be handled here",
				 name, count, SNAPSHOTS_MAX);
	for (uint32_t i = 0; i < count; i++, at = (at + size + 7) & ~UINT64_C(7)) {
		if (!read_at(&w, at, entry, QCOW2_SNAPSHOT_ENTRY))
			return error_set(err, EXIT_INTERNAL, "", "%s: %s", name, strerror(errno));
		if (!qcow2_check_snapshot(entry, i, &size, name, err))
			return false;
		if (!read_at(&w, at, entry, (size_t)size))
			return error_set(err, EXIT_INTERNAL, "", "%s: %s", name, strerror(errno));
		qcow2_read_snapshot(entry, (size_t)size, &out->list[out->count++]);
	}
	return true;
}

bool snapshots_read(const struct disk *disk, struct snapshots *out, struct error *err)
{
	const char *name = disk->overlay[0] ? disk->overlay : disk->path;

	if (disk->count == 0)
		return error_set(err, EXIT_NO_IMAGE, "set QEMU_DRIVE",
				 "this guest has no disk, and a snapshot is kept in it");
	if (disk->layers[0].format != FORMAT_QCOW2)
		return error_set(err, EXIT_BAD_IMAGE,
				 "use QEMU_DISK_MODE=overlay, or convert it: qemu-img convert -O "
				 "qcow2 FILE NEW.qcow2",
				 "%s is a raw disk, which cannot keep a snapshot", name);
	return read_table(disk->layers[0].fd, name, out, err);
}

bool snapshot_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);
	bool good = len <= SNAPSHOT_NAME_MAX && isalpha((unsigned char)name[0]);

	for (size_t i = 0; good && i < len; i++)
		good = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	if (!good)
		return error_set(err, EXIT_BAD_USAGE, "",
				 "a snapshot's name begins with a letter and has at most %d "
				 "letters, digits and ._-",
				 SNAPSHOT_NAME_MAX);
	if (strcmp(name, "vm-boot") == 0)
		return error_set(err, EXIT_BAD_USAGE, "",
				 "the name vm-boot is that of VM_BOOT_RETRIES");
	return true;
}

/* What the tag TAG says behind the name, "" for nothing. */
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

bool snapshot_ready(const struct qcow2_snapshot *one)
{
	return strcmp(more_of(one->name), SNAPSHOT_BOOTING) != 0;
}

/* NAME without what the tag says more. */
static int name_length(const struct qcow2_snapshot *one)
{
	return (int)(strlen(one->name) - strlen(more_of(one->name)));
}

static int one_json(const struct qcow2_snapshot *one, char *buf, size_t size)
{
	char name[sizeof one->name];
	char quoted_name[6 * sizeof one->name + 8];
	char quoted_id[6 * sizeof one->id + 8];
	char memory[24] = "null";

	(void)snprintf(name, sizeof name, "%.*s", name_length(one), one->name);
	if (one->memory)
		(void)snprintf(memory, sizeof memory, "%" PRIu64, one->memory);
	return snprintf(buf, size,
			"{\"name\":%s,\"id\":%s,\"memory\":%s,\"saved\":%" PRIu32
			",\"guest_clock_s\":%.3f,\"ready\":%s}",
			json_quote(name, quoted_name, sizeof quoted_name),
			json_quote(one->id, quoted_id, sizeof quoted_id), memory, one->date,
			(double)one->clock_ns / 1e9,
			!one->memory	      ? "null"
			: snapshot_ready(one) ? "true"
					      : "false");
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
		one->memory && !snapshot_ready(one) ? "  booting" : "");
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
		n += (size_t)(json ? one_json(&s->list[i], buf + n, SNAPSHOTS_TEXT - n)
				   : one_line(&s->list[i], buf + n, SNAPSHOTS_TEXT - n));
	}
	if (json)
		n += (size_t)snprintf(buf + n, SNAPSHOTS_TEXT - n, "]\n");
	return n;
}
