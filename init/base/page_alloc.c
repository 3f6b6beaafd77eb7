/* page_alloc.c - see page_alloc.h. */
#include "base/page_alloc.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

/* Before a block: the length of its mapping. */
struct head {
	alignas(max_align_t) size_t size;
};

static struct head *head_of(void *block)
{
	return (struct head *)block - 1;
}

/* The block within MAPPING, whose length is SIZE. */
static void *block_in(void *mapping, size_t size)
{
	if (mapping == MAP_FAILED)
		return NULL;
	((struct head *)mapping)->size = size;
	return (struct head *)mapping + 1;
}

static bool size_with_head(size_t n, size_t *size)
{
	if (!__builtin_add_overflow(n, sizeof(struct head), size) && *size <= PTRDIFF_MAX)
		return true;
	errno = ENOMEM;
	return false;
}

void *page_malloc(size_t n)
{
	size_t size;

	if (!size_with_head(n, &size))
		return NULL;
	return block_in(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

void *page_calloc(size_t count, size_t size)
{
	size_t n;

	return page_malloc(__builtin_mul_overflow(count, size, &n) ? SIZE_MAX : n);
}

void *page_realloc(void *block, size_t n)
{
	size_t size;

	if (!block)
		return page_malloc(n);
	if (!size_with_head(n, &size))
		return NULL;
	return block_in(mremap(head_of(block), head_of(block)->size, size, MREMAP_MAYMOVE), size);
}

void page_free(void *block)
{
	int saved = errno;

	if (block)
		(void)munmap(head_of(block), head_of(block)->size);
	errno = saved;
}
