/* firmware.c - see firmware.h. */
#include "format/firmware.h"

#include <string.h>

#include "base/zeros.h"
#include "format/bytes.h"

#define AT_GUID	     16u
#define AT_LENGTH    32u
#define AT_SIGNATURE 40u
#define HEADER	     56u /* without its block map */

enum firmware_kind firmware_kind(const uint8_t *head, size_t n, uint64_t size)
{
	/* EFI_SYSTEM_NV_DATA_FV_GUID (EDK II: MdeModulePkg). */
	static const uint8_t variables[16] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
					      0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};

	if (n == FIRMWARE_HEAD && is_zeros(head, n))
		return FIRMWARE_BLANK;
	if (n < HEADER || memcmp(head + AT_SIGNATURE, "_FVH", 4) != 0)
		return FIRMWARE_OTHER;
	if (memcmp(head + AT_GUID, variables, sizeof variables) != 0)
		return FIRMWARE_CODE;
	uint64_t length = le64(head + AT_LENGTH);

	/* A file for a machine with larger flash memory is padded at its end: aarch64's has 64 MiB.
	 * The code of x86 follows immediately. */
	return length < size && size < (uint64_t)16 << 20 ? FIRMWARE_WHOLE : FIRMWARE_VARS;
}
