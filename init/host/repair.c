/* repair.c - see repair.h. */
#include "host/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "format/repair_log.h"
#include "host/lazy_file.h"
#include "host/nbd.h"

/* More than any unattended repair changes, 4 KiB each. */
#define PIECES_MAX 32768u
#define LOG_MAX	   ((off_t)PIECES_MAX * (2 * REPAIR_PIECE_MAX + REPAIR_LOG_PIECE) + 4096)
#define MEMORY_MAX ((size_t)1 << 30)

bool repair_succeeded(int status)
{
	/* e2fsck(8): 1, errors were corrected; 2, the system should be rebooted, which does not
	 * apply here. */
	return (status & ~3) == 0;
}

/* ---- the log ------------------------------------------------------------------------------ */

struct log {
	int fd;
	char part[4400];
	uint64_t count;
	const uint8_t *map;
	size_t size;
};

static bool log_failed(const struct repair *r, struct error *err)
{
	return error_set(err, EXIT_NO_PERMISSION,
			 "make room there, or set VM_STATE_DIR to a directory that this user may "
			 "write to; VM_FSCK=off leaves the repair to the guest",
			 "%s: no log of its repair can be kept in %s: %s", r->name,
			 r->log ? r->log : r->s->tmp_dir, strerror(errno));
}

static bool log_begin(const struct repair *r, struct log *log, struct error *err)
{
	char dir[4400];
	uint8_t head[REPAIR_LOG_HEAD] = {0};

	if (r->log && path_dir(r->log, dir, sizeof dir))
		(void)mkdir(dir, 0755);
	log->fd = r->log ? file_begin_new(r->log, 0600, log->part, sizeof log->part)
			 : disk_open_anonymous(r->s->tmp_dir, 0600);
	return (log->fd >= 0 && write_all(log->fd, head, sizeof head)) || log_failed(r, err);
}

struct logging {
	const struct repair *r;
	struct log *log;
};

static bool log_piece(void *arg, uint64_t offset, const uint8_t *was, const uint8_t *is, size_t n,
		      struct error *err)
{
	const struct logging *l = arg;
	uint8_t piece[REPAIR_LOG_PIECE];

	if (++l->log->count > PIECES_MAX)
		return error_set(
			err, EXIT_BAD_IMAGE, "set VM_FSCK=off, and run e2fsck in the guest",
			"%s: the repair changes more than %u MiB", l->r->name, PIECES_MAX / 256);
	repair_log_piece(piece, offset, n);
	return (write_all(l->log->fd, piece, sizeof piece) && write_all(l->log->fd, was, n) &&
		write_all(l->log->fd, is, n)) ||
	       log_failed(l->r, err);
}

static bool log_map(const struct repair *r, struct log *log, struct error *err)
{
	struct stat st;

	if (fstat(log->fd, &st) != 0 || st.st_size <= 0 || st.st_size > LOG_MAX) {
		errno = EFBIG;
		return log_failed(r, err);
	}
	log->size = (size_t)st.st_size;
	void *map = mmap(NULL, log->size, PROT_READ, MAP_SHARED, log->fd, 0);

	log->map = map == MAP_FAILED ? NULL : map;
	return log->map || log_failed(r, err);
}

static void sync_directory(const char *path)
{
	char dir[4400];
	_cleanup_fd_ int fd = path_dir(path, dir, sizeof dir)
				      ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				      : -1;

	if (fd >= 0)
		(void)fsync(fd);
}

/* Write header and checksum and, if the log is kept, link its name: this commits the repair. */
static bool log_commit(const struct repair *r, struct log *log, uint64_t disk_size,
		       struct error *err)
{
	uint8_t head[REPAIR_LOG_HEAD];
	uint8_t tail[REPAIR_LOG_TAIL];

	repair_log_head(head, disk_size, log->count);
	if (!write_all_at(log->fd, head, sizeof head, 0) || !log_map(r, log, err))
		return log_failed(r, err);
	repair_log_tail(tail, log->map, log->size);
	(void)munmap((void *)log->map, log->size);
	log->map = NULL;
	if (!write_all(log->fd, tail, sizeof tail) || !log_map(r, log, err))
		return log_failed(r, err);
	if (!r->log)
		return true;
	if (!file_commit_new(log->fd, log->part, r->log))
		return log_failed(r, err);
	log->part[0] = '\0';
	sync_directory(r->log);
	return true;
}

static void log_end(struct log *log)
{
	if (log->map)
		(void)munmap((void *)log->map, log->size);
	if (log->part[0])
		file_drop(log->part);
	fd_close(&log->fd);
}

static bool log_remove(const struct repair *r, struct error *err)
{
	if (!r->log)
		return true;
	if (unlink(r->log) != 0 && errno != ENOENT)
		return error_set(err, EXIT_NO_PERMISSION, "remove it", "%s: %s", r->log,
				 strerror(errno));
	sync_directory(r->log);
	return true;
}

/* ---- writing to the disk --------------------------------------------------------------------- */

/* Does each piece on the disk equal the log's old or new contents? */
static bool log_fits(struct nbd *n, const struct log *log, bool *fits, struct error *err)
{
	uint8_t buf[REPAIR_PIECE_MAX];
	struct repair_piece p;
	size_t at = 0;

	*fits = true;
	while (*fits && repair_log_next(log->map, log->size, &at, &p)) {
		if (!nbd_read(n, p.offset, buf, p.n, err))
			return false;
		*fits = memcmp(buf, p.was, p.n) == 0 || memcmp(buf, p.is, p.n) == 0;
	}
	return true;
}

/* The last piece contains the superblock, which marks the file system clean: write the others
 * first. */
static bool log_write(struct nbd *n, const struct log *log, uint64_t *pieces, struct error *err)
{
	struct repair_piece p;
	size_t at = 0;

	while (repair_log_next(log->map, log->size, &at, &p)) {
		bool last = at == log->size - REPAIR_LOG_TAIL;

		if ((last && !nbd_flush(n, err)) || !nbd_write(n, p.offset, p.is, p.n, err))
			return false;
		++*pieces;
	}
	return nbd_flush(n, err);
}

/* Apply LOG, if it fits the disk's contents. */
static bool carry_out(const struct repair *r, struct log *log, uint64_t *pieces, bool *fits,
		      struct error *err)
{
	static struct nbd n;
	bool ok = nbd_start(&n, r->disk, r->name, true, r->s, r->identity, REPAIR_WALL_S, err);

	*fits = ok && repair_log_is_complete(log->map, log->size, n.size);
	ok = ok && (!*fits ||
		    (log_fits(&n, log, fits, err) && (!*fits || log_write(&n, log, pieces, err))));
	nbd_end(&n);
	return ok && log_remove(r, err);
}

bool repair_apply_log(const struct repair *r, uint64_t *pieces, bool *stale, struct error *err)
{
	struct log log = {.fd = -1};
	struct stat st;
	bool fits = false;

	*pieces = 0;
	*stale = false;
	log.fd = r->log ? open_regular(AT_FDCWD, r->log, O_RDONLY | O_NOFOLLOW, false, &st) : -1;
	if (log.fd < 0)
		return !r->log || errno == ENOENT || errno == ENOTDIR || log_failed(r, err);
	/* Other users may have write access to the directory. */
	bool ours = (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & 022) == 0;
	bool ok = ours ? log_map(r, &log, err) && carry_out(r, &log, pieces, &fits, err)
		       : error_set(err, EXIT_NO_PERMISSION, "remove it",
				   "%s belongs to another user and is not applied", r->log);

	log_end(&log);
	*stale = ok && !fits;
	return ok;
}

/* ---- e2fsck ------------------------------------------------------------------------------- */

static int run_once(const struct repair *r, struct lazy_file *f, const char *option, bool watched,
		    struct qemu_img *q, struct error *err)
{
	qemu_img_begin_tool(q, "e2fsck", option, r->name);
	qemu_img_word(q, "-f");
	qemu_img_new(q, f->fd);
	q->cpu_s = REPAIR_CPU_S;
	q->wall_s = REPAIR_WALL_S;
	q->file_max = (size_t)f->size;
	q->memory = MEMORY_MAX;
	q->watched = watched ? lazy_handle_call : NULL;
	q->watched_arg = f;
	return qemu_img_run(q, r->s, r->identity, err);
}

static bool run_e2fsck(const struct repair *r, struct lazy_file *f, const char *option,
		       struct repair_result *out, struct error *err)
{
	static struct qemu_img q;

	out->status = run_once(r, f, option, true, &q, err);
	if (q.unwatched) {
		text_free(&q.out);
		*err = (struct error){0};
		if (!lazy_fill(f, err))
			return false;
		out->status = run_once(r, f, option, false, &q, err);
	}
	if (f->failed.message[0])
		*err = f->failed;
	if (q.out.bytes)
		qemu_img_names(&q, q.out.bytes, false, &out->said);
	if (!repair_succeeded(out->status) && q.said[0])
		qemu_img_names(&q, q.said, false, &out->said);
	text_free(&q.out);
	return out->status >= 0 && !f->failed.message[0];
}

/* Put e2fsck's changes of the part into LOG. */
static bool log_part(const struct repair *r, uint64_t start, uint64_t size, const char *option,
		     struct log *log, struct repair_result *out, struct error *err)
{
	static struct nbd n;
	struct lazy_file f = {.fd = -1};
	struct logging logging = {r, log};
	bool ok = nbd_start(&n, r->disk, r->name, false, r->s, r->identity, REPAIR_WALL_S, err) &&
		  lazy_begin(&f, &n, start, size, r->s->tmp_dir, err) &&
		  run_e2fsck(r, &f, option, out, err);

	if (ok && repair_succeeded(out->status))
		ok = log_begin(r, log, err) && lazy_changes(&f, log_piece, &logging, err) &&
		     (log->count == 0 || log_commit(r, log, n.size, err));
	lazy_end(&f);
	nbd_end(&n);
	return ok;
}

bool repair_part(const struct repair *r, uint64_t start, uint64_t size, const char *option,
		 struct repair_result *out, struct error *err)
{
	struct log log = {.fd = -1};
	bool fits = true;

	*out = (struct repair_result){0};
	bool ok = log_part(r, start, size, option, &log, out, err);

	out->decided = ok && log.count > 0;
	if (out->decided)
		ok = carry_out(r, &log, &out->pieces, &fits, err) &&
		     (fits ||
		      error_set(err, EXIT_BAD_IMAGE, "end what else writes to it, then start again",
				"%s: the disk has changed while it was repaired", r->name));
	log_end(&log);
	return ok;
}
