/* repair_log.c - see repair_log.h. */
#include "format/repair_log.h"

#include <string.h>

#include "format/bytes.h"
#include "format/sha256.h"

static const uint8_t magic[16] = "VM repair 1\n";

void repair_log_head(uint8_t out[REPAIR_LOG_HEAD], uint64_t disk_size, uint64_t count)
{
	memcpy(out, magic, sizeof magic);
	put_be64(out + 16, disk_size);
	put_be64(out + 24, count);
}

void repair_log_piece(uint8_t out[REPAIR_LOG_PIECE], uint64_t offset, size_t n)
{
	put_be64(out, offset);
	put_be64(out + 8, n);
}

void repair_log_tail(uint8_t out[REPAIR_LOG_TAIL], const uint8_t *log, size_t n)
{
	char sum[SHA256_TEXT];

	sha256_text(log, n, sum);
	memcpy(out, sum, REPAIR_LOG_TAIL);
}

bool repair_log_next(const uint8_t *log, size_t n, size_t *at, struct repair_piece *out)
{
	size_t end = n - REPAIR_LOG_TAIL;

	if (*at == 0)
		*at = REPAIR_LOG_HEAD;
	if (*at > end || end - *at < REPAIR_LOG_PIECE)
		return false;
	const uint8_t *p = log + *at;
	uint64_t size = be64(p + 8);

	if (size == 0 || size > REPAIR_PIECE_MAX || (end - *at - REPAIR_LOG_PIECE) / 2 < size)
		return false;
	*out = (struct repair_piece){.offset = be64(p),
				     .n = (size_t)size,
				     .was = p + REPAIR_LOG_PIECE,
				     .is = p + REPAIR_LOG_PIECE + size};
	*at += REPAIR_LOG_PIECE + 2 * (size_t)size;
	return true;
}

bool repair_log_is_complete(const uint8_t *log, size_t n, uint64_t disk_size)
{
	uint8_t tail[REPAIR_LOG_TAIL];
	struct repair_piece piece;
	uint64_t count = 0;
	size_t at = 0;

	if (n < REPAIR_LOG_HEAD + REPAIR_LOG_TAIL || memcmp(log, magic, sizeof magic) != 0 ||
	    be64(log + 16) != disk_size)
		return false;
	repair_log_tail(tail, log, n - REPAIR_LOG_TAIL);
	if (memcmp(tail, log + n - REPAIR_LOG_TAIL, sizeof tail) != 0)
		return false;
	while (repair_log_next(log, n, &at, &piece)) {
		if (piece.offset > disk_size || piece.n > disk_size - piece.offset)
			return false;
		count++;
	}
	return (at == 0 ? REPAIR_LOG_HEAD : at) == n - REPAIR_LOG_TAIL && count == be64(log + 24);
}
