/* read_at.h - reads bytes at an offset, for parsers whose input does not fit into memory: a disk, a
 * file system. Parsers do no I/O; the caller supplies the read function. */
#ifndef VM_FORMAT_READ_AT_H
#define VM_FORMAT_READ_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct read_at {
	/* Read N bytes at OFFSET into BUF. False with ERR: a read error, or fewer bytes. */
	bool (*read)(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err);
	void *ctx;
	uint64_t size; /* total number of bytes */
};

#endif
