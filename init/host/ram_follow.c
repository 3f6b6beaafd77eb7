/* ram_follow.c - see ram_follow.h.
 *
 * The table has a checksum of each page that TO has, 0 for a hole. A checksum of 64 bits takes one
 * changed page in 2^64 for an old one; a guest that makes such pages deceives itself only.
 */
#include "host/ram_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/zeros.h"
#include "host/ram_file.h"

/* Processes take turns at pieces of the memory. One page of the table is for one piece. */
#define PIECE	    (RAM_PAGE / sizeof(uint64_t) * RAM_PAGE)
#define BLOCK	    ((size_t)16 * RAM_PAGE)
#define WORKERS_MAX 4

struct follow {
	int from, to, table_fd;
	bool still;
	off_t size;
	const char *memory;
	uint64_t *table;
	off_t data; /* where the next data of FROM begins, as far as is known */
};

static uint64_t turn(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

/* xxHash's 64-bit sum of a page, which reads four words at once (xxhash.com, the specification). */
static uint64_t checksum(const char *page)
{
	static const uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F,
			      p3 = 0x165667B19E3779F9, p4 = 0x85EBCA77C2B2AE63;
	uint64_t lane[4] = {p1 + p2, p2, 0, -p1};
	uint64_t sum;

	for (size_t i = 0; i < RAM_PAGE; i += sizeof lane) {
		uint64_t w[4];

		memcpy(w, page + i, sizeof w);
		for (int k = 0; k < 4; k++)
			lane[k] = turn(lane[k] + w[k] * p2, 31) * p1;
	}
	sum = turn(lane[0], 1) + turn(lane[1], 7) + turn(lane[2], 12) + turn(lane[3], 18);
	for (int k = 0; k < 4; k++)
		sum = (sum ^ turn(lane[k] * p2, 31) * p1) * p1 + p4;
	sum += RAM_PAGE;
	sum = (sum ^ sum >> 33) * p2;
	sum = (sum ^ sum >> 29) * p3;
	sum ^= sum >> 32;
	return sum ? sum : 1;
}

static bool make_hole(int fd, off_t at)
{
	static const char zeros[RAM_PAGE];

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, RAM_PAGE) == 0 ||
	       write_all_at(fd, zeros, sizeof zeros, at);
}

/* The N bytes of the memory from AT on, a block or less. */
static bool follow_block(struct follow *f, off_t at, size_t n)
{
	static _Alignas(RAM_PAGE) char copy[BLOCK];
	uint64_t *table = f->table + at / RAM_PAGE;
	const char *text = f->memory + at;
	size_t end;

	/* What is written has to be what the checksum is of. */
	if (!f->still)
		text = memcpy(copy, text, n);
	for (size_t i = 0; i < n; i = end) {
		end = i;
		while (end < n) {
			uint64_t sum = is_zeros(text + end, RAM_PAGE) ? 0 : checksum(text + end);
			uint64_t *was = &table[end / RAM_PAGE];

			if (sum == 0 || sum == *was) {
				if (sum != *was && !make_hole(f->to, at + (off_t)end))
					return false;
				*was = sum;
				break;
			}
			*was = sum;
			end += RAM_PAGE;
		}
		if (end > i && !write_all_at(f->to, text + i, end - i, at + (off_t)i))
			return false;
		end += RAM_PAGE;
	}
	return true;
}

/* Nothing is there any more, or never was. */
static bool follow_hole(struct follow *f, off_t at, off_t end)
{
	off_t entry = at / RAM_PAGE * (off_t)sizeof *f->table;
	off_t used = lseek(f->table_fd, entry, SEEK_DATA);

	if (used < 0 || used >= end / RAM_PAGE * (off_t)sizeof *f->table)
		return used >= 0 || errno == ENXIO;
	for (; at < end; at += RAM_PAGE) {
		uint64_t *was = &f->table[at / RAM_PAGE];

		if (*was && !make_hole(f->to, at))
			return false;
		*was = 0;
	}
	return true;
}

static bool follow_piece(struct follow *f, off_t at, off_t end)
{
	while (at < end) {
		if (f->data < at) {
			f->data = lseek(f->from, at, SEEK_DATA);
			if (f->data < 0 && errno != ENXIO)
				return false;
			if (f->data < 0)
				f->data = f->size;
			f->data -= f->data % RAM_PAGE;
		}
		off_t data = f->data < end ? f->data : end;

		if (data > at && !follow_hole(f, at, data))
			return false;
		off_t hole = data < end ? lseek(f->from, data, SEEK_HOLE) : end;

		if (hole < 0)
			return false;
		hole += (RAM_PAGE - hole % RAM_PAGE) % RAM_PAGE;
		hole = hole < end ? hole : end;
		for (at = data; at < hole;) {
			size_t n = (size_t)(hole - at) < BLOCK ? (size_t)(hole - at) : BLOCK;

			if (!follow_block(f, at, n))
				return false;
			at += (off_t)n;
		}
		f->data = at < end ? -1 : f->data;
	}
	return true;
}

static bool follow_as(struct follow *f, long worker, long workers)
{
	f->data = -1;
	for (off_t at = worker * (off_t)PIECE; at < f->size; at += workers * (off_t)PIECE) {
		off_t left = f->size - at;

		if (!follow_piece(f, at, at + (left < (off_t)PIECE ? left : (off_t)PIECE)))
			return false;
	}
	return true;
}

/* The first worker is this process. */
static bool follow_all(struct follow *f)
{
	long workers = f->still ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
	pid_t pids[WORKERS_MAX];
	int status;

	workers = workers > WORKERS_MAX ? WORKERS_MAX : workers < 1 ? 1 : workers;
	for (long i = 1; i < workers; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(follow_as(f, i, workers) ? 0 : errno);
		}
	}
	bool ok = follow_as(f, 0, workers);
	int why = errno;

	for (long i = 1; i < workers; i++) {
		if (pids[i] < 0) { /* nobody does its part */
			ok = ok && follow_as(f, i, workers);
			why = errno;
			continue;
		}
		if (waitpid(pids[i], &status, 0) != pids[i] || !WIFEXITED(status))
			status = EIO;
		else
			status = WEXITSTATUS(status);
		if (status) {
			ok = false;
			why = status;
		}
	}
	errno = why;
	return ok;
}

bool ram_follow(int from, int to, int table, bool still)
{
	struct follow f = {.from = from, .to = to, .table_fd = table, .still = still};
	struct stat st;

	if (fstat(from, &st) != 0)
		return false;
	f.size = st.st_size;
	size_t size = (size_t)f.size;
	size_t entries = size / RAM_PAGE * sizeof *f.table;

	errno = EINVAL;
	if (size == 0 || size % RAM_PAGE != 0 || ftruncate(to, f.size) != 0 ||
	    ftruncate(table, (off_t)entries) != 0)
		return false;
	void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, from, 0);
	void *sums = mmap(NULL, entries, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);

	f.memory = memory;
	f.table = sums;
	bool ok = memory != MAP_FAILED && sums != MAP_FAILED && follow_all(&f);
	int why = errno;

	if (memory != MAP_FAILED)
		(void)munmap(memory, size);
	if (sums != MAP_FAILED)
		(void)munmap(sums, entries);
	errno = why;
	return ok;
}
