/* room_qcow2.h - the header of a qcow2 image whose fields a test changes. */
#ifndef TEST_ROOM_QCOW2_H
#define TEST_ROOM_QCOW2_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/image_format.h"
#include "format/qcow2.h"

#define CLUSTER 65536u
#define GIB	(UINT64_C(1) << 30)

static uint8_t image[QCOW2_OVERLAY_HEAD];
static uint64_t file_size;
static struct qcow2 q;
static struct error err;

/* A valid image of 1 GiB: two L1 entries, four clusters in the file. */
static inline int set_up(void **state)
{
	(void)state;
	assert_int_equal(qcow2_overlay(GIB, NULL, image, &file_size), QCOW2_OVERLAY_HEAD);
	err = (struct error){0};
	return 0;
}

static inline bool parse(void)
{
	return qcow2_parse(image, sizeof image, file_size, "disk", &q, &err);
}

static inline void accepted(void)
{
	if (!parse())
		fail_msg("%s", err.message);
}

static inline void refused(const char *message)
{
	assert_false(parse());
	assert_string_equal(err.message, message);
	assert_int_equal(err.status, EXIT_BAD_IMAGE);
	assert_true(err.fix[0]);
}

static inline void set_field(unsigned at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		image[at + i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

#endif
