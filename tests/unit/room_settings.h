/* room_settings.h - settings parsed from an environment given by a test, with their errors. */
#ifndef TEST_ROOM_SETTINGS_H
#define TEST_ROOM_SETTINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/guest_preset.h"
#include "config/settings.h"
#include "pid1/migration.h"

#define MIB UINT64_C(1048576)

static struct settings s;
static struct errors errs;
static struct errors warnings;

static inline bool parse(char *const envp[])
{
	errs.count = warnings.count = 0;
	memset(&s, 0xa5, sizeof s);
	return settings_parse(envp, &s, &errs);
}

/* With a disk of the user; the guest is hurd unless ENVP sets VM_GUEST. */
static inline bool resolve(uint64_t limit, char *const envp[])
{
	if (!parse(envp))
		fail_msg("%s", errs.list[0].message);
	s.builtin_guest = false;
	if (!s.drive)
		s.drive = "/disk.qcow2";
	return settings_resolve(&s, limit, &errs, &warnings);
}

#define PARSE(...)	    parse((char *const[]){__VA_ARGS__, NULL})
#define RESOLVE(limit, ...) resolve(limit, (char *const[]){__VA_ARGS__, NULL})

/* Exactly one error of a setting, with exactly this message. */
static inline void one_error(const char *message)
{
	assert_int_equal(errs.count, 1);
	assert_string_equal(errs.list[0].message, message);
	assert_int_equal(errs.list[0].status, EXIT_BAD_SETTING);
	assert_int_not_equal(errs.list[0].fix[0], '\0');
}

static inline void bad_value(char *assignment)
{
	char start[1024];

	if (PARSE(assignment))
		fail_msg("%s was accepted", assignment);
	assert_int_equal(errs.count, 1);
	(void)snprintf(start, sizeof start, "%.400s is not ", assignment);
	assert_memory_equal(errs.list[0].message, start, strlen(start));
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		assert_false(s.given[i]);
}

#endif
