/* fuzz_repair_log.c - libFuzzer target for the log of a repair. The input is a log without its
 * checksum, which is computed here: if the log is accepted, every piece must be within the log and
 * within the disk.
 */
#include <stdlib.h>
#include <string.h>

#include "format/bytes.h"
#include "format/repair_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of the exact size, so that an access beyond its end is detected. */
	size_t n = size + REPAIR_LOG_TAIL;
	uint8_t *log = malloc(n);
	uint64_t disk_size = size >= 24 ? be64(data + 16) : 0;
	struct repair_piece p;
	size_t at = 0;

	check(log != NULL);
	if (size)
		memcpy(log, data, size);
	(void)repair_log_is_complete(log, size, disk_size);
	repair_log_tail(log + size, log, size);
	if (repair_log_is_complete(log, n, disk_size)) {
		while (repair_log_next(log, n, &at, &p)) {
			check(p.n > 0 && p.n <= REPAIR_PIECE_MAX);
			check(p.offset <= disk_size && p.n <= disk_size - p.offset);
			check(p.was > log && p.is == p.was + p.n && p.is + p.n <= log + size);
		}
		check(size == REPAIR_LOG_HEAD || at == size);
	}
	free(log);
	return 0;
}
