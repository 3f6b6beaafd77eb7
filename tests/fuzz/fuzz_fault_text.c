/* fuzz_fault_text.c - libFuzzer target for triple faults in QEMU's log.
 *
 * The input is the log, into which the guest can make QEMU write. It is read line by line as the
 * program does, and at once as a register dump.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/fault_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* A register's name, =, hexadecimal digits. */
static void check_where(const char *where)
{
	check(strncmp(where, "EIP=", 4) == 0 || strncmp(where, "RIP=", 4) == 0);
	check(where[4] && where[4 + strspn(where + 4, "0123456789abcdefABCDEF")] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault_text f = {0};
	char where[24] = "";

	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - data) - at : size - at;
		/* Of the exact size, so that an access beyond its end is detected. */
		char *line = malloc(n ? n : 1);

		check(line != NULL);
		if (n)
			memcpy(line, data + at, n);
		fault_line(&f, line, n);
		free(line);
		at += n + 1;
	}
	if (f.where[0])
		check_where(f.where);
	check(f.where[0] || !fault_in_firmware(&f));
	char *all = malloc(size ? size : 1);

	check(all != NULL);
	if (size)
		memcpy(all, data, size);
	if (fault_where(all, size, where))
		check_where(where);
	free(all);
	return 0;
}
