/* fuzz_qcow2.c - the header's reader on any bytes: no crash, and what it accepts keeps its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "format/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow2 q;
	struct error err = {0};
	uint64_t file_size = size;

	/* A copy of the exact size, so that a read behind its end is seen. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	/* Both a whole file, and the beginning of a large one. */
	for (int i = 0; i < 2; i++, file_size = UINT64_C(1) << 40) {
		if (!qcow2_parse(copy, size, file_size, "f", &q, &err)) {
			if (!err.message[0] || err.status != EXIT_BAD_IMAGE)
				abort();
			continue;
		}
		if (q.l1_offset + 8 * (uint64_t)q.l1_entries > file_size && q.l1_entries)
			abort();
		if (q.incompatible & (QCOW2_DATA_FILE | QCOW2_CORRUPT))
			abort();
		(void)qcow2_check_table(&q, copy, size / 8, file_size, "t", "f", &err);
	}
	(void)image_format_name(copy, size, size >= 512 ? copy + size - 512 : NULL);
	free(copy);
	return 0;
}
