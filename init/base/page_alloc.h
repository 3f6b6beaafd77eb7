/* page_alloc.h - malloc(3) and its family with a mapping for each block.
 *
 * init allocates about a dozen blocks, most of them large, and frees few of them. The linker
 * replaces the C library's functions by these in all of init (Makefile), which saves 8 KiB of
 * code. Blocks are zeroed, and pages that are never written to cost no memory.
 */
#ifndef VM_BASE_PAGE_ALLOC_H
#define VM_BASE_PAGE_ALLOC_H

#include <stddef.h>

void *page_malloc(size_t n);
void *page_calloc(size_t count, size_t size);
void *page_realloc(void *block, size_t n);
void page_free(void *block);

#endif
