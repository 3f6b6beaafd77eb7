/* log_file.c - see log_file.h. */
#include "console/log_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "console/log_dir.h"

void log_file_open(struct log_file *f)
{
	struct stat st;

	fd_close(&f->fd);
	f->fd = files_open(f->s, f->name);
	f->size = f->fd >= 0 && fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	f->failed = false;
}

/* Write as much of N bytes at BUF as the disk takes. Returns the number of bytes that are left. */
static size_t put(struct log_file *f, const uint8_t *buf, size_t n)
{
	while (n > 0 && f->fd >= 0) {
		ssize_t done = write(f->fd, buf, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		buf += done;
		n -= (size_t)done;
		f->size += (uint64_t)done;
	}
	return n;
}

/* Begin the new file with a line that says how many older files were removed. */
static void mark_gap(struct log_file *f)
{
	char line[160];
	int n = snprintf(line, sizeof line,
			 "vm: [full: %u older file%s of %ld MiB dropped so far; %s.%ld is the "
			 "oldest kept]\n",
			 f->dropped, f->dropped == 1 ? "" : "s", f->limit_mb, f->name, f->keep);

	(void)put(f, (const uint8_t *)line, (size_t)n);
}

static void rotate(struct log_file *f)
{
	bool drops = files_rotate_drops(f->s, f->name, f->keep);

	if (files_rotate(f->s, f->name, f->keep)) {
		log_file_open(f);
		f->dropped += drops;
		if (f->dropped && f->mark)
			mark_gap(f);
		return;
	}
	if (!f->failed) {
		log_warning("VM_LOG_DIR=%s: %s cannot be rotated (%s): it is not limited any more",
			    f->s->log_dir, f->name, strerror(errno));
		log_line(LOG_WARNING, "  fix: ", "give PID 1's user write access to VM_LOG_DIR");
	}
	f->failed = true;
	f->size = 0; /* rename failed: do not try again before limit_mb more bytes */
}

void log_file_append(struct log_file *f, const uint8_t *buf, size_t n)
{
	uint64_t limit = (uint64_t)f->limit_mb << 20;

	if (f->fd < 0)
		return;
	if (limit && f->size > 0 && f->size + n > limit)
		rotate(f);
	n = put(f, buf, n);
	if (n == 0)
		return;
	f->lost += n;
	if (!f->failed) {
		log_warning("VM_LOG_DIR=%s: %s cannot be written (%s): lost bytes are only counted",
			    f->s->log_dir, f->name, strerror(errno));
		log_line(LOG_WARNING, "  fix: ", "free space in VM_LOG_DIR");
	}
	f->failed = true;
}
