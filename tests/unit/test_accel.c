/* test_accel.c - the accelerator that follows from the proof of KVM and from QEMU_ACCEL. */
#include "room_kvm.h"

#include "qemu/accel.h"

static void choose_without_kvm(void)
{
	struct settings s = {.accel = ACCEL_AUTO};
	struct accel_choice a;
	struct error err = {0};

	mount_empty_dev(0);
	CHECK(mknod("/dev/kvm", S_IFCHR | 0666, makedev(1, 3)) == 0);
	CHECK(accel_choose(&s, &r, &a, &err) && a.accel == ACCEL_TCG && a.automatic);
	CHECK_TEXT(a.reason, "TCG, because /dev/kvm is not KVM; vm kvm says more");
	s.accel = ACCEL_KVM;
	CHECK(!accel_choose(&s, &r, &a, &err) && err.status == EXIT_QEMU_FAILED);
	CHECK_TEXT(err.message,
		   "QEMU_ACCEL=kvm: /dev/kvm is not KVM: it is device 1:3, not 10:232");
	CHECK_TEXT(err.fix, GIVE "; or leave QEMU_ACCEL unset, to run with TCG");
	s.force = true;
	CHECK(accel_choose(&s, &r, &a, &err) && a.accel == ACCEL_KVM && !a.automatic);
	CHECK_TEXT(a.reason, "KVM, by VM_FORCE=1, although /dev/kvm is not KVM: it is device 1:3, "
			     "not 10:232");
	s.force = false;
	CHECK(unlink("/dev/kvm") == 0 && mknod("/dev/kvm", S_IFCHR | 0600, makedev(10, 232)) == 0);
	become_nobody();
	CHECK(!accel_choose(&s, &r, &a, &err) && err.status == EXIT_NO_PERMISSION);
	CHECK_TEXT(err.message, "QEMU_ACCEL=kvm: /dev/kvm cannot be opened by user 65534: it "
				"belongs to 0:0 with mode 0600");
}

static void the_fallback_is_tcg_with_the_reason(void **state)
{
	(void)state;
	assert_true(in_child(choose_without_kvm));
}

static void tcg_needs_no_test(void **state)
{
	const struct settings s = {.accel = ACCEL_TCG};
	struct kvm_result untouched = {.step = "untouched"};
	struct accel_choice a;
	struct error err = {0};

	(void)state;
	assert_true(accel_choose(&s, &untouched, &a, &err));
	assert_true(a.accel == ACCEL_TCG && !a.automatic);
	assert_string_equal(a.reason, "TCG, because of QEMU_ACCEL=tcg");
	assert_string_equal(untouched.step, "untouched");
}

static void auto_follows_the_test(void **state)
{
	const struct settings s = {.accel = ACCEL_AUTO};
	struct accel_choice a;
	struct error err = {0};

	(void)state;
	assert_true(accel_choose(&s, &r, &a, &err) && a.automatic);
	assert_int_equal(a.accel, r.verdict == KVM_WORKS ? ACCEL_KVM : ACCEL_TCG);
	assert_non_null(strstr(a.reason, r.verdict == KVM_WORKS ? r.reason : r.brief));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fallback_is_tcg_with_the_reason),
		cmocka_unit_test(tcg_needs_no_test),
		cmocka_unit_test(auto_follows_the_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
