/* test_child.c - what a program that child_start() starts finds: descriptors, signals, identity.
 * The program is this one again, which then prints what it sees (probe()).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/io.h"
#include "host/child.h"
#include "host/landlock.h"
#include "in_child.h"

#define FDS_SEEN 200

static char *const probe_argv[] = {(char *)"child", (char *)"probe", NULL};
static char *const hang_argv[] = {(char *)"child", (char *)"hang", NULL};
static char *const no_env[] = {(char *)"ASAN_OPTIONS=detect_leaks=0", NULL};

static void probe(void)
{
	char line[256];
	struct stat st;
	struct rlimit core;
	int death = -1;
	int oom = -1;

	/* before anything opens one of its own */
	for (int fd = 0; fd < FDS_SEEN; fd++)
		if (fstat(fd, &st) == 0)
			printf("fd %d %lu\n", fd, (unsigned long)st.st_ino);
	FILE *f = fopen("/proc/self/oom_score_adj", "re");

	if (!f || fscanf(f, "%d", &oom) != 1)
		exit(1);
	(void)fclose(f);
	(void)prctl(PR_GET_PDEATHSIG, &death);
	(void)getrlimit(RLIMIT_CORE, &core);
	printf("death %d\noom %d\ncore %lu\nleader %d\n", death, oom, (unsigned long)core.rlim_cur,
	       getsid(0) == getpid());
	f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof line, f))
		(void)fputs(line, stdout);
	if (f)
		(void)fclose(f);
	exit(0);
}

/* Start C, whose standard output is taken here, and return what it printed. */
static char *output_of(struct child *c)
{
	static char text[16384];
	struct error err = {0};
	size_t used = 0;
	ssize_t got;
	int out[2];
	int status;

	CHECK(pipe2(out, O_CLOEXEC) == 0);
	c->path = "/proc/self/exe";
	c->argv = probe_argv;
	c->envp = no_env;
	c->fds[c->fd_count++] = (struct child_fd){.from = out[1], .to = 1};
	pid_t pid = child_start(c, NULL, &err);

	if (pid < 0)
		fprintf(stderr, "%s\n", err.message);
	CHECK(pid > 0);
	close(out[1]);
	while ((got = read(out[0], text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(out[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return text;
}

static unsigned long ino_of(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_ino;
}

/* Does TEXT have LINE as one of its lines? */
static int has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return 1;
	fprintf(stderr, "no line `%s' in:\n%s", line, text);
	return 0;
}

/* N descriptors of files of their own go to places chosen at random among those they occupy, 0 and
 * 2 included; nothing else is open in the child. */
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
		wanted[to] = ino_of(from[i]);
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

static void descriptors_land_where_they_should(void **state)
{
	(void)state;
	assert_true(in_child(shuffle_many));
}

static void shuffle_without_close_range(void)
{
	forbid(SYS_close_range, -1, SECCOMP_RET_ERRNO | ENOSYS);
	CHECK(syscall(SYS_close_range, 100, 100, 0) == -1 && errno == ENOSYS);
	shuffle_many();
}

static void old_kernels_close_descriptors_by_proc(void **state)
{
	(void)state;
	assert_true(in_child(shuffle_without_close_range));
}

static void shuffle_without_proc(void)
{
	own_mounts();
	struct rlimit few = {400, 400};

	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	forbid(SYS_close_range, -1, SECCOMP_RET_ERRNO | ENOSYS);
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

static void a_parent_without_stdin_makes_no_difference(void **state)
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
	/* The kernel's own call: libc refuses 32 to 34, which some parents leave ignored. */
	for (int sig = 1; sig <= 64; sig++)
		(void)syscall(SYS_rt_sigaction, sig, ignore, NULL, 8);
	(void)signal(SIGCHLD, SIG_DFL); /* waitpid is wanted here */
	const char *text = output_of(&c);

	CHECK(has_line(text, "SigBlk:\t0000000000000000"));
	CHECK(has_line(text, "SigIgn:\t0000000000000000"));
}

static void signals_are_as_at_login(void **state)
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
	CHECK(has_line(text, "death 9")); /* kept over the change of user */
	CHECK(has_line(text, "oom 500"));
	CHECK(has_line(text, "core 0"));
	CHECK(has_line(text, "leader 1"));
}

static void the_identity_is_given_up_whole(void **state)
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

static void without_root_it_runs_as_ourselves(void **state)
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

static void no_program_runs_with_rights_it_should_not_have(void **state)
{
	(void)state;
	assert_true(in_child(identity_that_fails));
}

static void a_failed_exec_is_an_error_here(void **state)
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

static void run_out(void)
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
	/* the limit counts every process of that user: ours makes one already */
	CHECK(child_start(&c, &why, &err) == -1 && why == EAGAIN);
	CHECK_TEXT(err.message,
		   "/bin/true cannot be started: fork: Resource temporarily unavailable");
	CHECK_TEXT(err.fix, "raise the limit on processes (docker run --pids-limit)");
}

static void limits_are_named(void **state)
{
	(void)state;
	assert_true(in_child(run_out));
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

/* A script's shell, or a loader that is kept elsewhere. */
static void a_ruleset_that_refuses_exec_is_left_out_on_request(void **state)
{
	(void)state;
	assert_true(in_child(rulesets));
}

static void a_link_out_of_usr_suits_no_ruleset(void **state)
{
	char dir[] = "/tmp/test_child.XXXXXX";
	char link[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(link, sizeof link, "%s/link", dir);
	assert_int_equal(symlink("/usr/bin/env", link), 0);
	assert_true(landlock_suits("/usr/bin/env"));
	assert_true(landlock_suits(link));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(dir, link), 0);
	assert_false(landlock_suits(link));
	assert_false(landlock_suits("/opt/qemu"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* A process between us and the child dies; the child, which holds the pipe, must follow. */
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
	assert_int_equal(read(fds[0], &byte, 1), 0); /* it is gone */
	close(fds[0]);
}

static void starts_leak_nothing(void **state)
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
		cmocka_unit_test(descriptors_land_where_they_should),
		cmocka_unit_test(old_kernels_close_descriptors_by_proc),
		cmocka_unit_test(without_proc_descriptors_are_closed_by_number),
		cmocka_unit_test(a_parent_without_stdin_makes_no_difference),
		cmocka_unit_test(signals_are_as_at_login),
		cmocka_unit_test(the_identity_is_given_up_whole),
		cmocka_unit_test(without_root_it_runs_as_ourselves),
		cmocka_unit_test(no_program_runs_with_rights_it_should_not_have),
		cmocka_unit_test(a_failed_exec_is_an_error_here),
		cmocka_unit_test(a_closed_descriptor_is_an_error),
		cmocka_unit_test(a_ruleset_that_refuses_exec_is_left_out_on_request),
		cmocka_unit_test(a_link_out_of_usr_suits_no_ruleset),
		cmocka_unit_test(limits_are_named),
		cmocka_unit_test(the_child_dies_with_its_parent),
		cmocka_unit_test(starts_leak_nothing),
	};

	if (argc == 2 && strcmp(argv[1], "probe") == 0)
		probe();
	if (argc == 2 && strcmp(argv[1], "hang") == 0)
		return write(1, "x", 1) == 1 && pause();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
