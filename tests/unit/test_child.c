/* test_child.c - the environment of a program started by child_start(): descriptors, signals,
 * identity. The child is this test program, which prints its environment (probe()).
 */
#include "room_child.h"
static void shuffle(unsigned seed, int n)
{
	struct child c = {0};
	unsigned long wanted[FDS_SEEN] = {0};
	int from[CHILD_FDS_MAX];
	char line[64];
	struct stat null;

	srand(seed);
	CHECK(stat("/dev/null", &null) == 0);
	wanted[0] = wanted[2] = null.st_ino;
	for (int i = 0; i < n; i++)
		CHECK((from[i] = memfd_create("x", i % 2 ? 0 : MFD_CLOEXEC)) >= 0);
	for (int i = 0; i < n; i++) {
		int to;

		do
			to = rand() % 4 == 0 ? rand() % 40 : from[rand() % n];
		while (to == 1 || to >= FDS_SEEN || (wanted[to] && wanted[to] != null.st_ino));
		wanted[to] = inode_of(from[i]);
		c.fds[c.fd_count++] = (struct child_fd){.from = from[i], .to = to};
	}
	const char *text = output_of(&c);

	for (int fd = 0; fd < FDS_SEEN; fd++) {
		(void)snprintf(line, sizeof line, "fd %d %lu", fd, wanted[fd]);
		CHECK(fd == 1 || !wanted[fd] || has_line(text, line));
		(void)snprintf(line, sizeof line, "\nfd %d ", fd);
		CHECK(fd < 3 || wanted[fd] || !strstr(text, line));
	}
	for (int i = 0; i < n; i++)
		close(from[i]);
}

static void shuffle_many(void)
{
	for (unsigned seed = 1; seed <= 40; seed++)
		shuffle(seed, 1 + (int)seed % (CHILD_FDS_MAX - 1));
}

static void descriptors_get_their_numbers(void **state)
{
	(void)state;
	assert_true(in_child(shuffle_many));
}

static void shuffle_without_close_range(void)
{
	forbid_syscall(SYS_close_range, -1, SECCOMP_RET_ERRNO | ENOSYS);
	CHECK(syscall(SYS_close_range, 100, 100, 0) == -1 && errno == ENOSYS);
	shuffle_many();
}

static void old_kernels_close_descriptors_listed_in_proc(void **state)
{
	(void)state;
	assert_true(in_child(shuffle_without_close_range));
}

static void shuffle_without_proc(void)
{
	new_mount_namespace();
	struct rlimit few = {400, 400};

	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	forbid_syscall(SYS_close_range, -1, SECCOMP_RET_ERRNO | ENOSYS);
	int low = memfd_create("low", 0);
	int high = fcntl(low, F_DUPFD, 300);

	close_from(low);
	CHECK(fcntl(low, F_GETFD) == -1 && fcntl(high, F_GETFD) == -1);
	CHECK(fcntl(2, F_GETFD) == 0);
}

static void without_proc_descriptors_are_closed_by_number(void **state)
{
	(void)state;
	assert_true(in_child(shuffle_without_proc));
}

static void start_with_std_closed(void)
{
	struct child c = {0};

	close(0);
	close(1);
	const char *text = output_of(&c);

	CHECK(strstr(text, "fd 0 ") && strstr(text, "\nfd 1 ") && strstr(text, "\nfd 2 "));
	CHECK(!strstr(text, "\nfd 3 "));
}

static void a_parent_without_stdin_works_the_same(void **state)
{
	(void)state;
	assert_true(in_child(start_with_std_closed));
}

static void block_and_ignore(void)
{
	const unsigned long ignore[8] = {1}; /* SIG_IGN */
	struct child c = {0};
	sigset_t all;

	(void)sigfillset(&all);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	/* The system call itself: libc refuses signals 32 to 34, which some parents leave ignored.
	 */
	for (int sig = 1; sig <= 64; sig++)
		(void)syscall(SYS_rt_sigaction, sig, ignore, NULL, 8);
	(void)signal(SIGCHLD, SIG_DFL); /* needed by waitpid */
	const char *text = output_of(&c);

	CHECK(has_line(text, "SigBlk:\t0000000000000000"));
	CHECK(has_line(text, "SigIgn:\t0000000000000000"));
}

static void signals_have_their_defaults(void **state)
{
	(void)state;
	assert_true(in_child(block_and_ignore));
}

static void start_as_nobody(void)
{
	const struct identity nobody = {.uid = 65534, .gid = 65533, .change = true};
	struct child c = {.identity = &nobody,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .oom_score_adj = 500};
	const char *text = output_of(&c);

	CHECK(has_line(text, "Uid:\t65534\t65534\t65534\t65534"));
	CHECK(has_line(text, "Gid:\t65533\t65533\t65533\t65533"));
	CHECK(has_line(text, "Groups:\t "));
	CHECK(has_line(text, "CapInh:\t0000000000000000"));
	CHECK(has_line(text, "CapPrm:\t0000000000000000"));
	CHECK(has_line(text, "CapEff:\t0000000000000000"));
	CHECK(has_line(text, "CapBnd:\t0000000000000000"));
	CHECK(has_line(text, "CapAmb:\t0000000000000000"));
	CHECK(has_line(text, "NoNewPrivs:\t1"));
	CHECK(has_line(text, "death 9")); /* kept across the change of user */
	CHECK(has_line(text, "oom 500"));
	CHECK(has_line(text, "core 0"));
	CHECK(has_line(text, "leader 1"));
}

static void all_ids_are_changed(void **state)
{
	(void)state;
	assert_true(in_child(start_as_nobody));
}

static void start_as_ourselves(void)
{
	const struct identity same = {.uid = 65534, .gid = 65534};
	struct child c = {.identity = &same};

	become_nobody();
	const char *text = output_of(&c);

	CHECK(has_line(text, "Uid:\t65534\t65534\t65534\t65534"));
	CHECK(has_line(text, "CapEff:\t0000000000000000"));
	CHECK(has_line(text, "NoNewPrivs:\t1"));
	CHECK(has_line(text, "leader 0") && has_line(text, "death 0"));
}

static void without_root_the_user_is_not_changed(void **state)
{
	(void)state;
	assert_true(in_child(start_as_ourselves));
}

static void identity_that_fails(void)
{
	const struct identity other = {.uid = 1, .gid = 1, .change = true};
	struct child c = {
		.path = "/bin/true", .argv = probe_argv, .envp = no_env, .identity = &other};
	struct error err = {0};

	become_nobody();
	CHECK(child_start(&c, NULL, &err) == -1);
	CHECK_TEXT(err.message, "/bin/true cannot be started: giving up privileges: "
				"Operation not permitted");
	CHECK(err.status == EXIT_QEMU_FAILED);
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void no_program_runs_with_extra_privileges(void **state)
{
	(void)state;
	assert_true(in_child(identity_that_fails));
}

static void a_failed_exec_is_reported_to_the_parent(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *message;
	} t[] = {
		{"/nowhere/x", ENOENT,
		 "/nowhere/x cannot be started: exec: No such file or directory"},
		{"/etc/passwd", EACCES, "/etc/passwd cannot be started: exec: Permission denied"},
		{"/etc", EACCES, "/etc cannot be started: exec: Permission denied"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct child c = {.path = t[i].path, .argv = probe_argv, .envp = no_env};
		struct error err = {0};
		int why = 0;

		assert_int_equal(child_start(&c, &why, &err), -1);
		assert_int_equal(why, t[i].error);
		assert_int_equal(err.status, EXIT_QEMU_FAILED);
		assert_string_equal(err.message, t[i].message);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
	}
}

static void a_closed_descriptor_is_an_error(void **state)
{
	struct child c = {.path = "/bin/true",
			  .argv = probe_argv,
			  .envp = no_env,
			  .fds = {{.from = 77, .to = 5}},
			  .fd_count = 1};
	struct error err = {0};

	(void)state;
	assert_int_equal(child_start(&c, NULL, &err), -1);
	assert_string_equal(err.message, "/bin/true cannot be started: placing descriptors: "
					 "Bad file descriptor");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_get_their_numbers),
		cmocka_unit_test(old_kernels_close_descriptors_listed_in_proc),
		cmocka_unit_test(without_proc_descriptors_are_closed_by_number),
		cmocka_unit_test(a_parent_without_stdin_works_the_same),
		cmocka_unit_test(signals_have_their_defaults),
		cmocka_unit_test(all_ids_are_changed),
		cmocka_unit_test(without_root_the_user_is_not_changed),
		cmocka_unit_test(no_program_runs_with_extra_privileges),
		cmocka_unit_test(a_failed_exec_is_reported_to_the_parent),
		cmocka_unit_test(a_closed_descriptor_is_an_error),
	};

	if (argc == 2 && strcmp(argv[1], "probe") == 0)
		probe();
	if (argc == 2 && strcmp(argv[1], "hang") == 0)
		return write(1, "x", 1) == 1 && pause();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
