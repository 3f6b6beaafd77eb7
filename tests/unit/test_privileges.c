/* test_privileges.c - the user that QEMU runs as, and the privileges that PID 1 keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "host/privileges.h"
#include "in_child.h"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write_all(fd, text, strlen(text)));
	close(fd);
}

/* The identity chosen with VM_UID and VM_GID: "uid:gid", or the error, "status message". */
static const char *identity_for(long uid, long gid)
{
	static char text[1024];
	const struct settings s = {.uid = uid, .gid = gid};
	struct error err = {0};
	struct identity id;

	if (identity_choose(&s, &id, &err))
		(void)snprintf(text, sizeof text, "%u:%u%s", (unsigned)id.uid, (unsigned)id.gid,
			       id.change ? "" : " as ourselves");
	else
		(void)snprintf(text, sizeof text, "%d %s", (int)err.status, err.message);
	return text;
}

static void ask_passwd(void)
{
	static const char none[] =
		"77 QEMU must not run as root, and there is no user qemu in /etc/passwd";
	static const struct {
		const char *passwd, *chosen;
	} t[] = {
		{"root:x:0:0:root:/root:/bin/sh\nqemu:x:107:36:QEMU:/:/sbin/nologin\n", "107:36"},
		{"qemu::107:107::/:/bin/false", "107:107"},
		{"qemu:x:4000000000:4000000001:::\n", "4000000000:4000000001"},
		{"", none},
		{"root:x:0:0::/root:/bin/sh\n", none},
		{"xqemu:x:5:5:::\nqemux:x:6:6:::\n# qemu:x:7:7:::\n", none},
		{"qemu:x:0:0:::\n", none},
		{"qemu\n", none},
		{"qemu:", none},
		{"qemu:x", none},
		{"qemu:x:", none},
		{"qemu:x:107", none},
		{"qemu:x:107:", none},
		{"qemu:x:107:107", none},
		{"qemu:x:a:b:::\n", none},
	};
	char name[] = "/tmp/test_passwd_XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	new_mount_namespace();
	CHECK(mount(name, "/etc/passwd", NULL, MS_BIND, NULL) == 0);
	CHECK(unlink(name) == 0);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
		CHECK(write_all(fd, t[i].passwd, strlen(t[i].passwd)));
		CHECK_TEXT(identity_for(0, 0), t[i].chosen);
	}
	CHECK_TEXT(identity_for(5, 0), "5:5");
	CHECK_TEXT(identity_for(5, 6), "5:6");
	CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(write_all(fd, t[0].passwd, strlen(t[0].passwd)));
	CHECK_TEXT(identity_for(0, 6), "107:6");
}

static void qemu_user_from_passwd(void **state)
{
	(void)state;
	assert_true(in_child(ask_passwd));
}

static void ask_as_nobody(void)
{
	become_nobody();
	CHECK_TEXT(identity_for(0, 0), "65534:65534 as ourselves");
	CHECK_TEXT(identity_for(65534, 65534), "65534:65534 as ourselves");
	CHECK_TEXT(identity_for(1, 0),
		   "77 VM_UID=1 VM_GID=0: only root can run QEMU as another user, "
		   "and this is user 65534");
	CHECK_TEXT(identity_for(65534, 1),
		   "77 VM_UID=65534 VM_GID=1: only root can run QEMU as another "
		   "user, and this is user 65534");
}

static void other_users_are_not_changed(void **state)
{
	(void)state;
	assert_true(in_child(ask_as_nobody));
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK(syscall(SYS_capget, &head, data) == 0);
	CHECK(data[0].effective == data[0].permitted && data[1].effective == data[1].permitted);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void keep_only(uint64_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)caps, .permitted = (uint32_t)caps}};

	CHECK(syscall(SYS_capset, &head, data) == 0);
}

#define BIT(cap) (UINT64_C(1) << (cap))

static void ask_without_capabilities(void)
{
	static const char missing[] =
		"77 QEMU must not run as root, and the capabilities SETUID and SETGID to change "
		"that are missing";

	keep_only(BIT(CAP_SETUID) | BIT(CAP_SETGID));
	CHECK_TEXT(identity_for(5, 6), "5:6");
	keep_only(BIT(CAP_SETUID));
	CHECK_TEXT(identity_for(5, 6), missing);
	keep_only(0);
	CHECK_TEXT(identity_for(5, 6), missing);
}

static void missing_capabilities_of_root_are_reported(void **state)
{
	(void)state;
	assert_true(in_child(ask_without_capabilities));
}

static void ask_in_user_namespace(void)
{
	CHECK(unshare(CLONE_NEWUSER) == 0);
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "0 0 1\n");
	write_file("/proc/self/gid_map", "0 0 1\n");
	CHECK_TEXT(identity_for(107, 108),
		   "77 QEMU must not run as root, and its user 107:108 does not "
		   "exist in this user namespace");
}

static void a_user_outside_the_namespace_is_reported(void **state)
{
	(void)state;
	assert_true(in_child(ask_in_user_namespace));
}

static void reduce(void)
{
	const uint64_t keep = BIT(CAP_KILL) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_CHOWN) |
			      BIT(CAP_DAC_OVERRIDE);
	uint64_t had = effective();

	CHECK((had & keep) == keep && had != keep);
	privileges_reduce();
	CHECK(effective() == keep);
	keep_only(BIT(CAP_KILL));
	privileges_reduce();
	CHECK(effective() == BIT(CAP_KILL));
	keep_only(0);
	privileges_reduce();
	CHECK(effective() == 0);
}

static void pid_1_keeps_five_capabilities(void **state)
{
	(void)state;
	assert_true(in_child(reduce));
}

/* The capabilities with cap_drop: ALL and those that compose adds. */
static void assume_with_few(void)
{
	const struct identity id = {.uid = 7, .gid = 8, .change = true};
	gid_t groups[] = {3, 4};

	CHECK(syscall(SYS_setgroups, 2, groups) == 0);
	keep_only(BIT(CAP_SETUID) | BIT(CAP_SETGID));
	CHECK(identity_assume(&id));
	CHECK(getuid() == 7 && getgid() == 8 && getgroups(0, NULL) == 0 && effective() == 0);
	CHECK(setuid(0) == -1 && setgid(0) == -1);
	/* the present identity can be assumed again */
	CHECK(identity_assume(&(struct identity){.uid = 7, .gid = 8}));
	/* and nothing else, whatever is requested */
	CHECK(!identity_assume(&(struct identity){.uid = 9, .gid = 8}) && errno == EPERM);
	CHECK(!identity_assume(&(struct identity){.uid = 9, .gid = 8, .change = true}));
}

static void dropped_privileges_cannot_be_regained(void **state)
{
	(void)state;
	assert_true(in_child(assume_with_few));
}

static void own(void)
{
	const struct identity id = {.uid = 7, .gid = 8, .change = true};
	struct stat st;
	FILE *f = tmpfile();

	CHECK(f && identity_chown(&id, fileno(f)));
	CHECK(fstat(fileno(f), &st) == 0 && st.st_uid == 7 && st.st_gid == 8);
	keep_only(0);
	CHECK(identity_chown(&id, fileno(f))); /* it has that owner already */
	CHECK(!identity_chown(&(struct identity){.uid = 9, .gid = 9, .change = true}, fileno(f)));
	CHECK(errno == EPERM);
	CHECK(identity_chown(&(struct identity){.uid = 9, .gid = 9},
			     fileno(f))); /* not asked for */
}

static void files_are_given_to_qemu(void **state)
{
	(void)state;
	assert_true(in_child(own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_user_from_passwd),
		cmocka_unit_test(other_users_are_not_changed),
		cmocka_unit_test(missing_capabilities_of_root_are_reported),
		cmocka_unit_test(a_user_outside_the_namespace_is_reported),
		cmocka_unit_test(pid_1_keeps_five_capabilities),
		cmocka_unit_test(dropped_privileges_cannot_be_regained),
		cmocka_unit_test(files_are_given_to_qemu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
