/* test_kvm.c - the proof of KVM: every verdict that can be had on any machine is brought about
 * (device nodes of other kinds, mounts, seccomp, another user), the lines for all of them are
 * compared, and what this machine's own /dev/kvm says must be consistent. That a working KVM is
 * found to work is shown by tests/48-kvm.bats.
 */
#include "room_kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/resource.h>

#include "host/kvm_internal.h"

static void expect(enum kvm_verdict verdict, const char *step, const char *reason)
{
	CHECK(!kvm_test("/dev/kvm", 50, &r));
	CHECK_TEXT(r.reason, reason);
	CHECK_TEXT(kvm_verdict_name(r.verdict), kvm_verdict_name(verdict));
	CHECK_TEXT(r.step, step);
	CHECK(r.fix[0] && r.exit_reason == -1);
}

/* Does this machine's kernel have KVM, so that the test reaches the ioctls? Otherwise it must end
 * before them. */
static int kernel_has_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	else
		CHECK(!kvm_test("/dev/kvm", 50, &r) &&
		      (r.verdict == KVM_ABSENT || r.verdict == KVM_DENIED));
	return fd >= 0;
}

static void other_file_types(void)
{
	struct stat st;

	mount_empty_dev(0);
	CHECK(mknod("/dev/kvm", S_IFCHR | 0666, makedev(1, 3)) == 0);
	expect(KVM_NOT_KVM, "stat", "/dev/kvm is not KVM: it is device 1:3, not 10:232");
	CHECK_TEXT(r.fix, GIVE);
	CHECK(stat("/dev/kvm", &st) == 0 && !r.made_node); /* not ours: left alone */
	CHECK(unlink("/dev/kvm") == 0 && mkdir("/dev/kvm", 0755) == 0);
	expect(KVM_NOT_KVM, "stat", "/dev/kvm is not KVM: it is not a character device");
	CHECK(rmdir("/dev/kvm") == 0 && mkfifo("/dev/kvm", 0666) == 0);
	expect(KVM_NOT_KVM, "stat", "/dev/kvm is not KVM: it is not a character device");
	CHECK(unlink("/dev/kvm") == 0 && mknod("/dev/kvm", S_IFREG | 0666, 0) == 0);
	expect(KVM_NOT_KVM, "stat", "/dev/kvm is not KVM: it is not a character device");
}

static void other_files_are_recognised(void **state)
{
	(void)state;
	assert_true(in_child(other_file_types));
}

static void missing_node(void)
{
	mount_empty_dev(0);
#ifdef SYS_mknod
	forbid_syscall(SYS_mknod, -1, SECCOMP_RET_ERRNO | EPERM);
#endif
	forbid_syscall(SYS_mknodat, -1, SECCOMP_RET_ERRNO | EPERM);
	expect(KVM_ABSENT, "mknod",
	       "there is no /dev/kvm, and it cannot be created (Operation not permitted)");
	CHECK(r.error == EPERM);
	CHECK_TEXT(r.fix, GIVE);
}

static void missing_node_as_nobody(void)
{
	mount_empty_dev(0);
	become_nobody();
	expect(KVM_ABSENT, "mknod",
	       "there is no /dev/kvm, and it cannot be created (Permission denied)");
}

static void missing_node_read_only(void)
{
	mount_empty_dev(0);
	CHECK(mount("none", "/dev", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	expect(KVM_ABSENT, "mknod",
	       "there is no /dev/kvm, and it cannot be created (Read-only file system)");
}

static void a_missing_node_that_cannot_be_created_is_reported(void **state)
{
	(void)state;
	assert_true(in_child(missing_node));
	assert_true(in_child(missing_node_as_nobody));
	assert_true(in_child(missing_node_read_only));
}

static void node_on_nodev(void)
{
	struct stat st;

	mount_empty_dev(MS_NODEV);
	expect(KVM_DENIED, "open",
	       "/dev/kvm cannot be opened: it is on a file system mounted nodev");
	CHECK(r.made_node && r.error == EACCES);
	CHECK(stat("/dev/kvm", &st) == -1); /* useless, so it is removed */
}

static void a_node_on_nodev_is_reported(void **state)
{
	(void)state;
	assert_true(in_child(node_on_nodev));
}

static void node_denied(void)
{
	static const struct {
		gid_t gid;
		mode_t mode;
		const char *reason, *fix;
	} t[] = {
		{0, 0600,
		 "/dev/kvm cannot be opened by user 65534: it belongs to 0:0 with mode 0600",
		 "start the container as root, or let the host's group kvm read and write "
		 "/dev/kvm"},
		{109, 0660,
		 "/dev/kvm cannot be opened by user 65534: it belongs to 0:109 with mode 0660",
		 "start the container with --group-add 109"},
		{109, 0640,
		 "/dev/kvm cannot be opened by user 65534: it belongs to 0:109 with mode 0640",
		 "start the container as root, or let the host's group kvm read and write "
		 "/dev/kvm"},
	};

	mount_empty_dev(0);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		(void)unlink("/dev/kvm");
		CHECK(mknod("/dev/kvm", S_IFCHR, makedev(10, 232)) == 0);
		CHECK(chown("/dev/kvm", 0, t[i].gid) == 0 && chmod("/dev/kvm", t[i].mode) == 0);
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			become_nobody();
			expect(KVM_DENIED, "open", t[i].reason);
			CHECK(r.error == EACCES);
			CHECK_TEXT(r.fix, t[i].fix);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHECK(chmod("/dev", 0700) == 0);
	become_nobody();
	expect(KVM_DENIED, "stat", "/dev/kvm cannot be reached (Permission denied)");
}

static void a_node_without_access_is_reported(void **state)
{
	(void)state;
	assert_true(in_child(node_denied));
}

/* Like a device cgroup (tests/48-kvm.bats uses a real one). */
static void node_without_permission(void)
{
	mount_empty_dev(0);
	CHECK(mknod("/dev/kvm", S_IFCHR | 0666, makedev(10, 232)) == 0);
	r = (struct kvm_result){
		.verdict = KVM_DENIED, .step = "open", .error = EPERM, .exit_reason = -1};
	kvm_describe("/dev/kvm", 50, &r);
	CHECK_TEXT(r.reason, "/dev/kvm cannot be opened: the container's device rules forbid it "
			     "(Operation not permitted)");
	CHECK_TEXT(r.fix, GIVE);
}

/* Every problem has a fix, and a short reason for the log. */
static void text_of_the_verdict(void **state)
{
	(void)state;
	for (int v = KVM_WORKS; v <= KVM_WRONG_HOST; v++) {
		r = (struct kvm_result){
			.verdict = (enum kvm_verdict)v, .step = "open", .error = ENODEV};
		kvm_describe("/dev/kvm", 50, &r);
		assert_int_equal(r.fix[0] == '\0', v == KVM_WORKS);
		assert_int_equal(r.brief[0] == '\0', v == KVM_WORKS);
		assert_true(strlen(r.brief) < 40);
		assert_true(r.reason[0] != '\0');
	}
}

/* A kernel without KVM has no driver for the node, which is removed again; with KVM the test
 * continues. */
static void make_node(void)
{
	int has = kernel_has_kvm();
	struct stat st;

	mount_empty_dev(0);
	(void)kvm_test("/dev/kvm", 50, &r);
	CHECK(r.made_node);
	if (has) {
		CHECK(stat("/dev/kvm", &st) == 0 && S_ISCHR(st.st_mode));
		CHECK(st.st_rdev == makedev(10, 232) && (st.st_mode & 07777) == 0600);
		CHECK(r.verdict != KVM_ABSENT && r.verdict != KVM_DENIED);
		(void)kvm_test("/dev/kvm", 50, &r);
		CHECK(!r.made_node);
	} else {
		CHECK(stat("/dev/kvm", &st) == -1 && r.verdict == KVM_ABSENT);
		CHECK(strncmp(r.reason, "the host has no KVM behind /dev/kvm", 35) == 0);
	}
}

static void the_node_is_created_if_permitted(void **state)
{
	(void)state;
	assert_true(in_child(node_without_permission));
	assert_true(in_child(make_node));
}

static void refuse(unsigned long request, uint32_t action, const char *step, const char *reason)
{
	forbid_syscall(SYS_ioctl, (long)request, action);
	expect(KVM_REFUSED, step, reason);
}

static void refuse_busy(void)
{
	if (!kernel_has_kvm())
		return;
	refuse(KVM_CREATE_VM, SECCOMP_RET_ERRNO | EBUSY, "KVM_CREATE_VM",
	       "/dev/kvm opens, but another hypervisor has the processor (KVM_CREATE_VM: Device or "
	       "resource busy)");
	CHECK_TEXT(r.fix, "stop the other hypervisor (VirtualBox, VMware)");
}

static void refuse_by_error(void)
{
	if (!kernel_has_kvm())
		return;
	refuse(KVM_SET_SREGS, SECCOMP_RET_ERRNO | EPERM, "KVM_SET_SREGS",
	       "/dev/kvm opens, but KVM_SET_SREGS fails: Operation not permitted");
	CHECK_TEXT(r.fix,
		   "allow KVM's ioctls in the container's seccomp profile or security module");
}

static void refuse_by_signal(void)
{
	if (!kernel_has_kvm())
		return;
	refuse(KVM_CREATE_VCPU, SECCOMP_RET_KILL_PROCESS, "KVM_CREATE_VCPU",
	       "/dev/kvm opens, but signal 31 ended the attempt to use it, at KVM_CREATE_VCPU");
	CHECK(r.signal == SIGSYS);
}

static void break_run(void)
{
	if (!kernel_has_kvm())
		return;
	forbid_syscall(SYS_ioctl, KVM_RUN, SECCOMP_RET_ERRNO | EFAULT);
	CHECK(!kvm_test("/dev/kvm", 50, &r) && r.verdict == KVM_BROKEN && r.error == EFAULT);
	CHECK_TEXT(r.reason, "/dev/kvm does not run code: KVM_RUN fails: Bad address");
}

static void break_version(void)
{
	if (!kernel_has_kvm())
		return;
	forbid_syscall(SYS_ioctl, KVM_GET_API_VERSION, SECCOMP_RET_ERRNO | 0);
	expect(KVM_NOT_KVM, "KVM_GET_API_VERSION", "/dev/kvm has a KVM API version other than 12");
}

/* A sandbox such as gVisor: a kernel without KVM ends at the step before (make_node). */
static void refusals_are_reported(void **state)
{
	(void)state;
	assert_true(in_child(refuse_busy));
	assert_true(in_child(refuse_by_error));
	assert_true(in_child(refuse_by_signal));
	assert_true(in_child(break_run));
	assert_true(in_child(break_version));
}

static void no_process(void)
{
	struct rlimit one = {1, 1};

	mount_empty_dev(0);
	CHECK(mknod("/dev/kvm", S_IFCHR, makedev(10, 232)) == 0);
	CHECK(setrlimit(RLIMIT_NPROC, &one) == 0);
	become_nobody();
	expect(KVM_REFUSED, "fork",
	       "/dev/kvm cannot be tried: fork: Resource temporarily unavailable");
}

static void a_failed_fork_is_reported(void **state)
{
	(void)state;
	assert_true(in_child(no_process));
}

/* The verdict for this machine, whatever it is, with every signal blocked, as in PID 1. Other
 * children are not affected, and no descriptor stays open. */
static void test_this_host(void)
{
	sigset_t all;
	int status;
	int low = dup(2);

	close(low);
	(void)sigfillset(&all);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	pid_t other = fork();

	if (other == 0)
		_exit(7);
	for (int i = 0; i < 10; i++) {
		bool works = kvm_test("/dev/kvm", 50, &r);

		CHECK(works == (r.verdict == KVM_WORKS) && r.reason[0]);
		CHECK(!works || (r.exit_reason == KVM_EXIT_HLT && r.loop_ns && !r.fix[0]));
		CHECK(r.verdict != KVM_TOO_SLOW || !r.loop_ns);
	}
	CHECK(waitpid(other, &status, 0) == other && WEXITSTATUS(status) == 7);
	int next = dup(2);

	CHECK(next == low);
	/* the ones that were still ending end */
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	CHECK(errno == ECHILD);
}

static void the_test_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_true(in_child(test_this_host));
}

static void every_verdict_has_its_line(void **state)
{
	static const struct {
		struct kvm_result r;
		const char *reason;
	} t[] = {
		{{.verdict = KVM_WORKS, .step = "done", .exit_reason = 5, .loop_ns = 1100000},
		 "/dev/kvm ran a million iterations of a loop in 1.10 ms"},
		{{.verdict = KVM_WORKS, .step = "done", .loop_ns = 432100, .made_node = true},
		 "/dev/kvm ran a million iterations of a loop in 0.43 ms (the node was made here)"},
		{{.verdict = KVM_ABSENT, .step = "open", .error = ENODEV},
		 "the host has no KVM behind /dev/kvm (No such device)"},
		{{.verdict = KVM_ABSENT, .step = "stat", .error = ENOTDIR},
		 "there is no /dev/kvm (Not a directory)"},
		{{.verdict = KVM_NOT_KVM, .step = "KVM_GET_API_VERSION", .error = ENOTTY},
		 "/dev/kvm is not KVM: KVM_GET_API_VERSION: Inappropriate ioctl for device"},
		{{.verdict = KVM_REFUSED, .step = "KVM_CREATE_VM", .error = EIO},
		 "/dev/kvm opens, but KVM_CREATE_VM fails: Input/output error"},
		{{.verdict = KVM_BROKEN, .step = "KVM_RUN", .exit_reason = KVM_EXIT_FAIL_ENTRY},
		 "/dev/kvm does not run code: it ended in KVM_EXIT_FAIL_ENTRY (9)"},
		{{.verdict = KVM_BROKEN, .step = "KVM_RUN", .exit_reason = KVM_EXIT_INTERNAL_ERROR},
		 "/dev/kvm does not run code: it ended in KVM_EXIT_INTERNAL_ERROR (17)"},
		{{.verdict = KVM_BROKEN, .step = "KVM_RUN", .exit_reason = 99},
		 "/dev/kvm does not run code: it ended in an unknown exit (99)"},
		{{.verdict = KVM_BROKEN, .step = "the value", .exit_reason = KVM_EXIT_IO},
		 "/dev/kvm runs code wrongly: the value that it computed is wrong"},
		{{.verdict = KVM_BROKEN, .step = "the count", .exit_reason = KVM_EXIT_HLT},
		 "/dev/kvm runs code wrongly: the count that it computed is wrong"},
		{{.verdict = KVM_TOO_SLOW, .step = "KVM_CREATE_VM", .exit_reason = -1},
		 "/dev/kvm opens, but KVM_CREATE_VM did not return in time"},
		{{.verdict = KVM_TOO_SLOW, .step = "KVM_RUN", .exit_reason = -1},
		 "/dev/kvm opens, but ran nothing in 50 ms"},
		{{.verdict = KVM_TOO_SLOW, .step = "KVM_RUN", .exit_reason = KVM_EXIT_IO},
		 "/dev/kvm runs code, but too slowly: a million iterations of a loop were not "
		 "completed in "
		 "50 "
		 "ms, and take 1 ms where KVM works"},
		{{.verdict = KVM_TOO_SLOW,
		  .step = "KVM_RUN",
		  .exit_reason = KVM_EXIT_IO,
		  .quick_ns = 1400123},
		 "/dev/kvm runs code, but too slowly: a thousand iterations of a loop take 1400 "
		 "µs, and "
		 "1 "
		 "µs where KVM works"},
		{{.verdict = KVM_WRONG_HOST, .step = "host"},
		 "the host is not x86-64 or arm64, and KVM is tested on these only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		r = t[i].r;
		kvm_describe("/dev/kvm", 50, &r);
		assert_string_equal(r.reason, t[i].reason);
		assert_int_equal(r.fix[0] == '\0', r.verdict == KVM_WORKS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_files_are_recognised),
		cmocka_unit_test(a_missing_node_that_cannot_be_created_is_reported),
		cmocka_unit_test(a_node_on_nodev_is_reported),
		cmocka_unit_test(text_of_the_verdict),
		cmocka_unit_test(a_node_without_access_is_reported),
		cmocka_unit_test(the_node_is_created_if_permitted),
		cmocka_unit_test(refusals_are_reported),
		cmocka_unit_test(a_failed_fork_is_reported),
		cmocka_unit_test(the_test_leaves_nothing_behind),
		cmocka_unit_test(every_verdict_has_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
