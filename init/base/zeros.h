/* zeros.h - is a piece of memory all zeros? */
#ifndef VM_BASE_ZEROS_H
#define VM_BASE_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Are the N bytes at BYTES zeros? Eight words at once: musl's memcmp() compares byte by byte. */
static inline bool is_zeros(const void *bytes, size_t n)
{
	const char *at = bytes;
	uint64_t w[8];

	for (; n >= sizeof w; n -= sizeof w, at += sizeof w) {
		memcpy(w, at, sizeof w);
		if (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7])
			return false;
	}
	while (n > 0 && at[n - 1] == 0)
		n--;
	return n == 0;
}

#endif
