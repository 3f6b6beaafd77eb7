/* test_firmware.c - detecting the type of a firmware file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/firmware.h"

static const uint8_t code[16] = {0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f,
				 0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3};
static const uint8_t vars[16] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
				 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};

static uint8_t head[FIRMWARE_HEAD];

static void volume(const uint8_t guid[16], uint32_t length)
{
	memset(head, 0, sizeof head);
	memcpy(head + 16, guid, 16);
	for (int i = 0; i < 4; i++)
		head[32 + i] = (uint8_t)(length >> 8 * i);
	memcpy(head + 40, "_FVH", 4);
}

/* Debian's ovmf 2022.11 and qemu-efi-aarch64. */
static void test_kinds(void **state)
{
	(void)state;
	volume(code, 0x348000);
	assert_int_equal(firmware_kind(head, sizeof head, 3653632), FIRMWARE_CODE);
	volume(vars, 0x84000);
	assert_int_equal(firmware_kind(head, sizeof head, 540672), FIRMWARE_VARS);
	volume(vars, 0x20000);
	assert_int_equal(firmware_kind(head, sizeof head, 2097152), FIRMWARE_WHOLE);
	volume(vars, 0xc0000);
	assert_int_equal(firmware_kind(head, sizeof head, 64 << 20), FIRMWARE_VARS);
}

static void test_others(void **state)
{
	(void)state;
	volume(code, 0x348000);
	for (size_t n = 0; n < 56; n++)
		assert_int_equal(firmware_kind(head, n, n), FIRMWARE_OTHER);
	assert_int_equal(firmware_kind(head, 56, 56), FIRMWARE_CODE);
	head[43] = 'h';
	assert_int_equal(firmware_kind(head, sizeof head, 3653632), FIRMWARE_OTHER);
	memset(head, 0, sizeof head);
	assert_int_equal(firmware_kind(head, sizeof head, 64 << 20), FIRMWARE_BLANK);
	assert_int_equal(firmware_kind(head, sizeof head - 1, sizeof head - 1), FIRMWARE_OTHER);
	memset(head, 0xff,
	       sizeof head); /* SeaBIOS is recognised by its end, not by its beginning */
	assert_int_equal(firmware_kind(head, sizeof head, 262144), FIRMWARE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds),
					   cmocka_unit_test(test_others)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
