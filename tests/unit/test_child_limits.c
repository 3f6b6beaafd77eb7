/* test_child_limits.c - limits, Landlock and the end of children.
 */
#include "room_child.h"

static void exceed_limits(void)
{
	struct child c = {.path = "/bin/true", .argv = probe_argv, .envp = no_env};
	struct rlimit alone = {1, 1};
	struct rlimit few;
	struct rlimit old;
	struct error err = {0};
	int why = 0;

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	few = (struct rlimit){3, old.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(child_start(&c, &why, &err) == -1 && why == EMFILE);
	CHECK_TEXT(err.message, "/bin/true cannot be started: pipe: Too many open files");
	CHECK_TEXT(err.fix, "raise the limit on open files (docker run --ulimit nofile=1024)");
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0 && setrlimit(RLIMIT_NPROC, &alone) == 0);
	become_nobody();
	/* the limit counts all processes of the user, including this one */
	CHECK(child_start(&c, &why, &err) == -1 && why == EAGAIN);
	CHECK_TEXT(err.message,
		   "/bin/true cannot be started: fork: Resource temporarily unavailable");
	CHECK_TEXT(err.fix, "raise the limit on processes (docker run --pids-limit)");
}

static void limits_are_named(void **state)
{
	(void)state;
	assert_true(in_child(exceed_limits));
}

/* The status of /bin/true under a ruleset that allows PROGRAM only, without its libraries; as in a
 * shell, 126 when exec is refused. OFF is where child_start() says that it took the ruleset away.
 */
static int under_landlock(const char *program, bool *off)
{
	int abi = landlock_abi();
	_cleanup_fd_ int ruleset = landlock_new(abi);
	struct child c = {.path = "/bin/true",
			  .argv = probe_argv,
			  .envp = no_env,
			  .identity = &(struct identity){.uid = getuid(), .gid = getgid()}};
	struct error err = {0};
	int status = 0;

	child_landlock(&c, ruleset, 9, abi, off);
	CHECK(abi > 0 && ruleset >= 0 && landlock_allow(ruleset, abi, program, LANDLOCK_RUN));
	pid_t pid = child_start(&c, &status, &err);

	if (pid < 0)
		return status == EACCES ? 126 : -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void rulesets(void)
{
	bool off = true;

	CHECK(under_landlock("/usr", &off) == 0 && !off);
	CHECK(under_landlock("/etc", NULL) == 126);
	CHECK(under_landlock("/etc", &off) == 0 && off);
}

/* A script's interpreter, or a dynamic loader in another directory. */
static void a_ruleset_that_forbids_exec_is_omitted_on_request(void **state)
{
	(void)state;
	assert_true(in_child(rulesets));
}

static void a_link_out_of_usr_gets_no_ruleset(void **state)
{
	char dir[] = "/tmp/test_child.XXXXXX";
	char link[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(link, sizeof link, "%s/link", dir);
	assert_int_equal(symlink("/usr/bin/env", link), 0);
	assert_true(landlock_covers("/usr/bin/env"));
	assert_true(landlock_covers(link));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(dir, link), 0);
	assert_false(landlock_covers(link));
	assert_false(landlock_covers("/opt/qemu"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* When the parent of the child dies, the child, which holds the pipe, must be killed. */
static void the_child_dies_with_its_parent(void **state)
{
	const struct identity nobody = {.uid = 65534, .gid = 65534, .change = true};
	int fds[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t between = fork();

	if (between == 0) {
		struct child c = {.path = "/proc/self/exe",
				  .argv = hang_argv,
				  .envp = no_env,
				  .identity = &nobody,
				  .die_with_parent = true,
				  .fds = {{.from = fds[1], .to = 1}},
				  .fd_count = 1};
		struct error err = {0};

		_exit(child_start(&c, NULL, &err) > 0 && pause());
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1); /* it runs */
	assert_int_equal(kill(between, SIGKILL), 0);
	assert_int_equal(waitpid(between, NULL, 0), between);
	assert_int_equal(read(fds[0], &byte, 1), 0); /* it has ended */
	close(fds[0]);
}

static void starts_leak_no_descriptors(void **state)
{
	int before = memfd_create("x", MFD_CLOEXEC);

	(void)state;
	close(before);
	for (int i = 0; i < 200; i++) {
		struct child c = {.path = i % 2 ? "/bin/true" : "/nowhere",
				  .argv = probe_argv,
				  .envp = no_env};
		struct error err = {0};
		pid_t pid = child_start(&c, NULL, &err);

		assert_int_equal(pid > 0, i % 2);
		if (pid > 0)
			assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	int after = memfd_create("x", MFD_CLOEXEC);

	assert_int_equal(after, before);
	close(after);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ruleset_that_forbids_exec_is_omitted_on_request),
		cmocka_unit_test(a_link_out_of_usr_gets_no_ruleset),
		cmocka_unit_test(limits_are_named),
		cmocka_unit_test(the_child_dies_with_its_parent),
		cmocka_unit_test(starts_leak_no_descriptors),
	};

	if (argc == 2 && strcmp(argv[1], "probe") == 0)
		probe();
	if (argc == 2 && strcmp(argv[1], "hang") == 0)
		return write(1, "x", 1) == 1 && pause();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
