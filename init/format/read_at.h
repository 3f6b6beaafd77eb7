/* read_at.h - bytes at an offset, for parsers whose input is too large to be in memory: a disk, a
 * file system. The parser does no I/O of its own; who calls it says how the bytes are read.
 */
#ifndef VM_FORMAT_READ_AT_H
#define VM_FORMAT_READ_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct read_at {
	/* N bytes at OFFSET into BUF. False with ERR: they cannot be read, or are not all there. */
	bool (*read)(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err);
	void *ctx;
	uint64_t size; /* bytes that there are */
};

#endif
