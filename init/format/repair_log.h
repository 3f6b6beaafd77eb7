/* repair_log.h - the changes that a repair is about to make to a disk, so that an interrupted
 * repair can be completed.
 *
 *    magic "VM repair 1\n", 4 zero bytes; size of the disk (64 bits); number of pieces (64 bits)
 *    each piece: offset (64 bits), length N (64 bits), N old bytes, N new bytes
 *    SHA-256 of all this as text, 64 bytes
 *
 * Numbers are big-endian. Pure: bytes in, bytes out.
 */
#ifndef VM_FORMAT_REPAIR_LOG_H
#define VM_FORMAT_REPAIR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPAIR_LOG_HEAD	 32u
#define REPAIR_LOG_PIECE 16u /* header of a piece */
#define REPAIR_LOG_TAIL	 64u
#define REPAIR_PIECE_MAX 4096u

struct repair_piece {
	uint64_t offset;
	size_t n;
	const uint8_t *was, *is;
};

void repair_log_head(uint8_t out[REPAIR_LOG_HEAD], uint64_t disk_size, uint64_t count);
void repair_log_piece(uint8_t out[REPAIR_LOG_PIECE], uint64_t offset, size_t n);
/* Checksum of the N bytes before it. */
void repair_log_tail(uint8_t out[REPAIR_LOG_TAIL], const uint8_t *log, size_t n);

/* Are the N bytes at LOG a complete log for a disk of DISK_SIZE bytes? */
bool repair_log_is_complete(const uint8_t *log, size_t n, uint64_t disk_size);

/* The next piece of a complete log of N bytes; *AT is initially 0. False: there are no more. */
bool repair_log_next(const uint8_t *log, size_t n, size_t *at, struct repair_piece *out);

#endif
