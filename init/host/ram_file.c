/* ram_file.c - see ram_file.h. */
#include "host/ram_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/zeros.h"

static const char magic[8] = "VMRAM1\n";

struct piece {
	uint64_t at, length;
};

/* Handle N non-zero bytes at TEXT, which belong at AT of the memory. */
typedef bool on_run(void *arg, const char *text, size_t n, off_t at);

/* Find the runs of non-zero pages in the N bytes at TEXT, which begin at AT of the memory. */
static bool each_run(const char *text, size_t n, off_t at, on_run *run, void *arg)
{
	size_t end;

	for (size_t i = 0; i < n; i = end) {
		bool zero = is_zeros(text + i, RAM_PAGE);

		for (end = i + RAM_PAGE; end < n && is_zeros(text + end, RAM_PAGE) == zero;)
			end += RAM_PAGE;
		if (!zero && !run(arg, text + i, end - i, at + (off_t)i))
			return false;
	}
	return true;
}

/* Size of one mapping. */
#define WINDOW ((off_t)64 << 20)

/* Mappings begin at a multiple of the host's page size, which is at most 64 KiB. */
#define ALIGNED 65536

/* Process the memory FROM of SIZE bytes. It is mapped to avoid copies; if the file is truncated
 * meanwhile, SIGBUS ends this process, which is a helper. */
static bool all_runs(int from, off_t size, on_run *run, void *arg)
{
	off_t end = 0;

	while (end < size) {
		off_t at = lseek(from, end, SEEK_DATA);

		if (at < 0)
			return errno == ENXIO;
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return false;
		at -= at % RAM_PAGE;
		end += (RAM_PAGE - end % RAM_PAGE) % RAM_PAGE;
		for (off_t n; at < end; at += n) {
			off_t before = at % ALIGNED; /* not read, because reading would fill a hole
							of a memfd */
			size_t mapped;

			n = end - at < WINDOW ? end - at : WINDOW;
			mapped = (size_t)(before + n);
			char *text = mmap(NULL, mapped, PROT_READ, MAP_SHARED, from, at - before);

			if (text == MAP_FAILED)
				return false;
			bool ok = each_run(text + before, (size_t)n, at, run, arg);

			(void)munmap(text, mapped);
			if (!ok)
				return false;
		}
	}
	return true;
}

static off_t memory_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	errno = EINVAL;
	return st.st_size % RAM_PAGE == 0 ? st.st_size : -1;
}

static bool copy_run(void *arg, const char *text, size_t n, off_t at)
{
	return write_all_at(*(int *)arg, text, n, at);
}

bool ram_copy(int from, int to)
{
	off_t size = memory_size(from);

	return size >= 0 && ftruncate(to, size) == 0 && all_runs(from, size, copy_run, &to);
}

/* ---- packed ------------------------------------------------------------------------------- */

struct packing {
	struct piece *pieces;
	size_t count, room;
	int to;
	off_t end; /* end of the written part */
};

static bool note_run(void *arg, const char *text, size_t n, off_t at)
{
	struct packing *p = arg;
	struct piece *last = p->count ? &p->pieces[p->count - 1] : NULL;

	(void)text;
	if (last && last->at + last->length == (uint64_t)at) {
		last->length += n;
		return true;
	}
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 4096;
		struct piece *more = realloc(p->pieces, room * sizeof *more);

		if (!more)
			return false;
		p->pieces = more;
		p->room = room;
	}
	p->pieces[p->count++] = (struct piece){(uint64_t)at, n};
	return true;
}

static bool append_run(void *arg, const char *text, size_t n, off_t at)
{
	struct packing *p = arg;

	(void)at;
	if (!write_all_at(p->to, text, n, p->end))
		return false;
	p->end += (off_t)n;
	return true;
}

/* Offset of the data of COUNT pieces. */
static uint64_t bytes_at(uint64_t count)
{
	uint64_t head = sizeof magic + 2 * sizeof(uint64_t) + count * sizeof(struct piece);

	return (head + RAM_PAGE - 1) / RAM_PAGE * RAM_PAGE;
}

bool ram_pack(int from, int to)
{
	struct packing p = {.to = to};
	off_t size = memory_size(from);
	bool ok = size >= 0 && all_runs(from, size, note_run, &p);
	const uint64_t numbers[] = {(uint64_t)size, p.count};

	p.end = (off_t)bytes_at(p.count);
	ok = ok && write_all_at(to, magic, sizeof magic, 0) &&
	     write_all_at(to, numbers, sizeof numbers, sizeof magic) &&
	     write_all_at(to, p.pieces, p.count * sizeof *p.pieces,
			  sizeof magic + sizeof numbers) &&
	     all_runs(from, size, append_run, &p);
	free(p.pieces);
	return ok;
}

/* Size of one read. */
static _Alignas(RAM_PAGE) char buffer[64 * RAM_PAGE];

/* Copy the piece P of FROM, whose data begins at AT. */
static bool unpack_piece(int from, int to, const struct piece *p, off_t at)
{
	for (uint64_t done = 0; done < p->length;) {
		uint64_t left = p->length - done;
		size_t want = left < sizeof buffer ? (size_t)left : sizeof buffer;
		ssize_t n = pread(from, buffer, want, at + (off_t)done);

		if (n <= 0 || !write_all_at(to, buffer, (size_t)n, (off_t)(p->at + done))) {
			errno = n == 0 ? EIO : errno;
			return false;
		}
		done += (uint64_t)n;
	}
	return true;
}

static bool whole_pages(const struct piece *p, uint64_t from, uint64_t size)
{
	return p->at % RAM_PAGE == 0 && p->length % RAM_PAGE == 0 && p->length > 0 &&
	       p->at >= from && p->at < size && p->length <= size - p->at;
}

bool ram_unpack(int from, int to, uint64_t size, struct error *err)
{
	static struct piece pieces[1024];
	char head[sizeof magic];
	uint64_t numbers[2];
	uint64_t end = 0;
	const off_t table = sizeof head + sizeof numbers;

	if (pread(from, head, sizeof head, 0) != (ssize_t)sizeof head ||
	    memcmp(head, magic, sizeof magic) != 0 ||
	    pread(from, numbers, sizeof numbers, sizeof head) != (ssize_t)sizeof numbers)
		return error_set(err, EXIT_BAD_IMAGE,
				 "save the state again (vm warm), or remove its directory",
				 "it is not in the packed form");
	if (numbers[0] != size || numbers[1] > size / RAM_PAGE)
		return error_set(err, EXIT_BAD_IMAGE,
				 "save the state again (vm warm), or remove its directory",
				 "it is the memory of a machine with %" PRIu64
				 " bytes, not %" PRIu64,
				 numbers[0], size);
	off_t at = (off_t)bytes_at(numbers[1]);

	for (uint64_t i = 0; i < numbers[1]; i++) {
		const struct piece *p = &pieces[i % 1024];

		if (i % 1024 == 0 &&
		    pread(from, pieces, sizeof pieces, table + (off_t)(i * sizeof *p)) <= 0)
			return error_set(err, EXIT_BAD_IMAGE,
					 "save the state again (vm warm), or remove its directory",
					 "it is truncated");
		if (!whole_pages(p, end, size))
			return error_set(err, EXIT_BAD_IMAGE,
					 "save the state again (vm warm), or remove its directory",
					 "piece %" PRIu64 " of it is outside the memory", i);
		if (!unpack_piece(from, to, p, at))
			return error_set(err, EXIT_BAD_IMAGE,
					 "save the state again (vm warm), or remove its directory",
					 "piece %" PRIu64 " of it: %s", i, strerror(errno));
		end = p->at + p->length;
		at += (off_t)p->length;
	}
	return true;
}

/* ---- mapped ------------------------------------------------------------------------------- */

/* Local file systems, by their magic number (statfs(2), linux/magic.h): no other machine can change
 * their files without this kernel. */
static bool is_local(int fd)
{
	static const uint32_t local[] = {
		0x0000EF53, /* ext2, ext3, ext4 */
		0x58465342, /* XFS */
		0x9123683E, /* Btrfs */
		0xCA451A4E, /* bcachefs */
		0xF2F52010, /* F2FS */
		0x2FC12FC1, /* ZFS */
		0x01021994, /* tmpfs */
		0x794C7630, /* overlay */
		0x73717368, /* SquashFS */
		0xE0F5E1E2, /* EROFS */
	};
	struct statfs st;

	if (fstatfs(fd, &st) != 0)
		return false;
	for (size_t i = 0; i < sizeof local / sizeof *local; i++)
		if ((uint32_t)st.f_type == local[i])
			return true;
	return false;
}

bool ram_mappable(int fd, uint64_t size, const struct identity *qemu, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size != size)
		*why = "its size is not the memory's";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		*why = "it belongs to another user";
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		*why = "others may write to it";
	else if (!identity_allowed(qemu, &st, S_IROTH))
		*why = "QEMU's user may not read it";
	else if (!is_local(fd))
		*why = "its file system may be another machine's";
	else
		return true;
	return false;
}
