/* page_alloc.h - malloc(3) and its family with a mapping of its own for each block.
 *
 * init allocates a dozen blocks, most of them large, and few of them for a short time. The linker
 * gives these to everything in it, the C library included (Makefile), which saves 8 KiB of code.
 * Blocks are zeroed, and pages of them that nobody writes to cost nothing.
 */
#ifndef VM_BASE_PAGE_ALLOC_H
#define VM_BASE_PAGE_ALLOC_H

#include <stddef.h>

void *page_malloc(size_t n);
void *page_calloc(size_t count, size_t size);
void *page_realloc(void *block, size_t n);
void page_free(void *block);

#endif
