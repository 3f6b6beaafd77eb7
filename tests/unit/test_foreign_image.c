/* test_foreign_image.c - recognising images of other virtual machines by their first and last
 * sector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/foreign_image.h"

static uint8_t head[FOREIGN_HEAD], tail[FOREIGN_TAIL];

static void clear(void)
{
	memset(head, 0, sizeof head);
	memset(tail, 0, sizeof tail);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(foreign_format("vhd"), FOREIGN_VPC);
	assert_int_equal(foreign_format("vmdk"), FOREIGN_VMDK);
	assert_int_equal(foreign_format("qcow2"), FOREIGN_NONE);
	assert_int_equal(foreign_format(""), FOREIGN_NONE);
	assert_string_equal(foreign_driver(FOREIGN_VPC), "vpc");
	assert_string_equal(foreign_driver(FOREIGN_VHDX), "vhdx");
}

static void test_vmdk(void **state)
{
	(void)state;
	clear();
	assert_int_equal(foreign_state(FOREIGN_VMDK, head, tail), FOREIGN_OTHER);
	memcpy(head, "KDMV", 4);
	assert_int_equal(foreign_state(FOREIGN_VMDK, head, tail), FOREIGN_PARTS);
	head[19] = 1;
	assert_int_equal(foreign_state(FOREIGN_VMDK, head, tail), FOREIGN_WHOLE);
	assert_int_equal(foreign_state(FOREIGN_VDI, head, tail), FOREIGN_OTHER);
	memcpy(head, "COWD", 4);
	assert_int_equal(foreign_state(FOREIGN_VMDK, head, tail), FOREIGN_WHOLE);
	memcpy(head, "# Disk DescriptorFile", 21);
	assert_int_equal(foreign_state(FOREIGN_VMDK, head, tail), FOREIGN_PARTS);
}

static void test_others(void **state)
{
	(void)state;
	clear();
	memcpy(head + 64, "\x7f\x10\xda\xbe", 4);
	head[76] = 1;
	assert_int_equal(foreign_state(FOREIGN_VDI, head, tail), FOREIGN_WHOLE);
	head[76] = 4;
	assert_int_equal(foreign_state(FOREIGN_VDI, head, tail), FOREIGN_PARTS);
	clear();
	memcpy(head, "vhdxfile", 8);
	assert_int_equal(foreign_state(FOREIGN_VHDX, head, tail), FOREIGN_WHOLE);
	assert_int_equal(foreign_state(FOREIGN_VPC, head, tail), FOREIGN_OTHER);
	clear();
	memcpy(tail, "conectix", 8);
	tail[63] = 2;
	assert_int_equal(foreign_state(FOREIGN_VPC, head, tail), FOREIGN_WHOLE);
	memcpy(head, "conectix", 8);
	head[63] = 4;
	assert_int_equal(foreign_state(FOREIGN_VPC, head, tail), FOREIGN_PARTS);
	assert_int_equal(foreign_state(FOREIGN_NONE, head, tail), FOREIGN_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
					   cmocka_unit_test(test_vmdk),
					   cmocka_unit_test(test_others)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
