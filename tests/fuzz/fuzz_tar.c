/* fuzz_tar.c - libFuzzer target for the parser of tar archives, which a guest sends.
 *
 * The first byte says how the rest is split into pieces. Read at once and in pieces it must give
 * the same results, and only possible ones: data within its file, in order, as much as was
 * announced.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

struct told {
	uint64_t sum; /* FNV-1a of all results */
	uint64_t size, next;
	bool open;
	unsigned entries;
};

static void add(struct told *t, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		t->sum = (t->sum ^ p[i]) * UINT64_C(0x100000001b3);
}

static bool on_entry(void *arg, const struct tar_entry *e)
{
	struct told *t = arg;
	uint64_t numbers[] = {e->type, e->mode, (uint64_t)e->mtime, e->size};

	check(!t->open);
	check(strlen(e->path) < TAR_PATH && strlen(e->link) < TAR_PATH && e->mode <= 07777);
	check(e->type == TAR_FILE || e->size == 0);
	add(t, numbers, sizeof numbers);
	add(t, e->path, strlen(e->path) + 1);
	add(t, e->link, strlen(e->link) + 1);
	t->open = e->type == TAR_FILE;
	t->size = e->size;
	t->next = 0;
	return ++t->entries < 10000;
}

static bool on_data(void *arg, uint64_t at, const uint8_t *buf, size_t n)
{
	struct told *t = arg;

	check(t->open && n > 0 && at >= t->next && n <= t->size && at <= t->size - n);
	if (at != t->next)
		add(t, &at, sizeof at);
	add(t, buf, n);
	t->next = at + n;
	return true;
}

static bool on_end(void *arg)
{
	struct told *t = arg;

	check(t->open);
	t->open = false;
	add(t, "end", 3);
	return true;
}

static bool run(const uint8_t *data, size_t size, size_t piece, struct told *told)
{
	static const struct tar_calls calls = {on_entry, on_data, on_end};
	static struct tar t;
	bool ok = true;

	memset(&t, 0, sizeof t);
	*told = (struct told){.sum = UINT64_C(0xcbf29ce484222325)};
	for (size_t at = 0; ok && at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		/* Of the exact size, so that an access beyond its end is detected. */
		uint8_t *copy = malloc(n);

		check(copy != NULL);
		memcpy(copy, data + at, n);
		ok = tar_feed(&t, copy, n, &calls, told);
		free(copy);
	}
	ok = ok && tar_end(&t);
	check(ok || t.wrong || told->entries >= 10000);
	tar_free(&t);
	return ok;
}

/* Without this, mutations would only test the checksum. */
static void mend_checksums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		uint8_t *h = data + at;
		unsigned sum = 0;

		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		memset(h + 148, ' ', 8);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += h[i];
		for (int i = 0; i < 6; i++, sum >>= 3)
			h[148 + 5 - i] = (uint8_t)('0' + (sum & 7));
		h[154] = '\0';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[1 << 20];
	struct told whole;
	struct told pieces;

	if (size < 1 || size > sizeof copy)
		return 0;
	memcpy(copy, data, size);
	mend_checksums(copy + 1, size - 1);
	bool ok = run(copy + 1, size - 1, size, &whole);

	check(run(copy + 1, size - 1, 1 + data[0] * 3u, &pieces) == ok);
	check(!ok || (whole.sum == pieces.sum && !whole.open));
	return 0;
}
