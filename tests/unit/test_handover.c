/* test_handover.c - a plan is passed from vm run to init. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "plan/handover.h"

static struct plan plan;

static int set_up(void **state)
{
	static char *const environment[] = {(char *)"VM_BIND=127.0.0.1",
					    (char *)"QEMU_DRIVE=/a/disk.qcow2", NULL};
	static const char markers[] = "progress a boot\n  have patience\n";
	static struct errors errors;
	struct error err = {0};

	(void)state;
	memset(&plan, 0, sizeof plan);
	plan.cdrom_fd = plan.cdrom2_fd = plan.share_fd = plan.share_out = plan.net_fd =
		plan.trace_fd = -1;
	plan.kvm_fd = plan.resume.stream = plan.ram.fd = plan.ram.from = plan.cold.ram.fd = -1;
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		plan.kernel.fds[i] = -1;
	assert_true(settings_parse(environment, &plan.s, &errors));
	(void)snprintf(plan.qemu, sizeof plan.qemu, "/usr/bin/qemu-system-x86_64");
	plan.s.qemu = plan.qemu;
	args_add(&plan.args, "%s", plan.qemu);
	args_add(&plan.args, "-S");
	args_add(&plan.cold.args_tcg, "-accel");
	assert_true(
		markers_compile(markers, sizeof markers - 1, &plan.markers, &plan.patterns, &err));
	plan.disk.count = 1;
	plan.disk.layers[0].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	clock_start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(plan.disk.layers[0].fd);
	return 0;
}

static void memory_that_the_plan_points_to_is_passed(void **state)
{
	struct error err = {0};

	(void)state;
	struct plan *got = handover_take(handover_pack(&plan), &err);

	assert_non_null(got);
	assert_string_equal(got->s.bind, "127.0.0.1");
	assert_ptr_not_equal(got->s.bind, plan.s.bind);
	assert_string_equal(got->s.drive, "/a/disk.qcow2");
	assert_null(got->s.cdrom);
	/* Pointers into the plan point into the copy. */
	assert_ptr_equal(got->s.qemu, got->qemu);
	assert_ptr_equal(got->args.argv[1], got->args.text + (plan.args.argv[1] - plan.args.text));
	assert_string_equal(got->args.argv[0], plan.qemu);
	assert_string_equal(got->args.argv[1], "-S");
	assert_null(got->args.argv[2]);
	assert_int_equal(got->args_tcg.count, 0);
	assert_string_equal(got->cold.args_tcg.argv[0], "-accel");
	assert_int_equal(got->markers.count, 1);
	assert_memory_equal(got->markers.list[0].name, "a", 1);
	assert_ptr_not_equal(got->markers.list[0].name, plan.markers.list[0].name);
	assert_memory_equal(got->markers.list[0].say, "have patience", 13);
	assert_null(got->markers.list[0].regex);
	assert_memory_equal(&got->patterns, &plan.patterns, sizeof plan.patterns);
	assert_int_equal(got->disk.layers[0].fd, plan.disk.layers[0].fd);
	assert_ptr_equal(got->s.environment, environ);
}

/* They were inherited by init; its children must not inherit them. */
static void descriptors_are_close_on_exec_again(void **state)
{
	struct error err = {0};

	(void)state;
	(void)fcntl(plan.disk.layers[0].fd, F_SETFD, 0);
	assert_non_null(handover_take(handover_pack(&plan), &err));
	assert_int_equal(fcntl(plan.disk.layers[0].fd, F_GETFD), FD_CLOEXEC);
}

static void the_start_time_is_that_of_the_first_program(void **state)
{
	struct error err = {0};
	uint64_t started = clock_started();

	(void)state;
	int fd = handover_pack(&plan);

	clock_started_at(started + 5);
	assert_non_null(handover_take(fd, &err));
	assert_true(clock_started() == started);
}

static void an_invalid_plan_is_refused(void **state)
{
	struct error err = {0};
	int fd = memfd_create("none", MFD_CLOEXEC);

	(void)state;
	assert_null(handover_take(fd, &err));
	assert_int_equal(err.status, EXIT_INTERNAL);
	assert_null(handover_take(-1, &err));
	fd = handover_pack(&plan);
	assert_int_equal(pwrite(fd, "another", 8, 0), 8);
	assert_null(handover_take(fd, &err));
	assert_string_equal(err.fix, "install both programs of one build");
	/* Truncated. */
	fd = handover_pack(&plan);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
	assert_null(handover_take(fd, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_that_the_plan_points_to_is_passed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(descriptors_are_close_on_exec_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_start_time_is_that_of_the_first_program, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_invalid_plan_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
