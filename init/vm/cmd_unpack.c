/* cmd_unpack.c - vm unpack: internal helper of vm pull that writes the received files
 * (vm/transfer.h), as the owner of the destination and without capabilities.
 *
 * Standard input is a line with the checksum of all files, then a tar archive, possibly compressed
 * with gzip. It is unpacked into a directory with a random name beside its destination, which is
 * renamed when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "host/untar.h"
#include "plan/plan.h"
#include "vm/cmd.h"
#include "vm/peer.h"

#define AGAIN_FIX "copy it again: the connection to the guest was disturbed"

struct job {
	const char *member; /* the only top-level name in the archive */
	const char *name;   /* its new name in UNPACK_DEST_FD */
	bool gzip;
	struct unpack u;
	char stage[32]; /* in UNPACK_STAGE_FD */
	int staged;	/* the same, open */
	char sum[128];	/* the line before the archive */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/* Read exactly the line: gzip reads what follows. */
static bool read_sum(struct job *j, struct error *err)
{
	size_t n = 0;

	while (n < sizeof j->sum - 1 && read(STDIN_FILENO, j->sum + n, 1) == 1) {
		if (j->sum[n] == '\n') {
			j->sum[n] = '\0';
			return true;
		}
		n++;
	}
	return error_set(err, EXIT_NOT_READY, AGAIN_FIX,
			 n ? "the received data is not a checksum" : "nothing was received");
}

static bool make_stage(struct job *j, struct error *err)
{
	char random[RANDOM_HEX];

	(void)random_hex(random);
	(void)snprintf(j->stage, sizeof j->stage, ".vm-copy.%s", random);
	if (mkdirat(UNPACK_STAGE_FD, j->stage, 0700) != 0)
		return error_set(err, EXIT_NO_PERMISSION,
				 "make it writable for its owner, to whom the files will belong",
				 "cannot create files in the destination: %s", strerror(errno));
	j->staged =
		openat(UNPACK_STAGE_FD, j->stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return j->staged >= 0 ||
	       error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
			 "the destination cannot be opened: %s", strerror(errno));
}

/* Put gzip -dc between standard input and this process: *FD becomes its output. */
static pid_t start_gzip(int *fd, struct error *err)
{
	static char path[4096];
	static char *const argv[] = {(char *)"gzip", (char *)"-dc", NULL};
	int fds[2];

	if (!find_program(getenv("PATH"), "gzip", path, sizeof path)) {
		(void)error_set(err, EXIT_NOT_READY, "install it", "this side has no gzip");
		return -1;
	}
	if (pipe2(fds, O_CLOEXEC) != 0) {
		(void)error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				"no pipe: %s", strerror(errno));
		return -1;
	}
	const struct child c = {.path = path,
				.argv = argv,
				.envp = environ,
				.die_with_parent = true,
				.fds = {{STDIN_FILENO, STDIN_FILENO},
					{fds[1], STDOUT_FILENO},
					{STDERR_FILENO, STDERR_FILENO}},
				.fd_count = 3};
	pid_t pid = child_start(&c, NULL, err);

	(void)close(fds[1]);
	*fd = fds[0];
	return pid;
}

/* Read FD to its end. */
static bool take(struct job *j, int fd)
{
	static uint8_t buf[65536];

	while (!stopped) {
		ssize_t n = read(fd, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(&j->u.err, EXIT_INTERNAL, "run the command again",
					 "the archive cannot be read: %s", strerror(errno));
		if (n == 0)
			return unpack_end(&j->u);
		if (!unpack_feed(&j->u, buf, (size_t)n))
			return false;
	}
	return error_set(&j->u.err, EXIT_NOT_READY, "", "interrupted");
}

static bool receive(struct job *j, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	pid_t gzip = 0;
	int status = 0;

	if (j->gzip && (gzip = start_gzip(&fd, err)) < 0)
		return false;
	bool ok = take(j, j->gzip ? fd : STDIN_FILENO);

	if (!ok)
		*err = j->u.err;
	fd_close(&fd);
	if (gzip > 0)
		while (waitpid(gzip, &status, 0) < 0 && errno == EINTR)
			;
	if (ok && status != 0)
		return error_set(err, EXIT_NOT_READY, AGAIN_FIX, "the received data is damaged");
	return ok;
}

static bool is_whole(struct job *j, struct error *err)
{
	char sum[UNPACK_SUM];
	size_t n;

	unpack_sum(&j->u, sum);
	n = strlen(sum);
	/* The checksum is followed by a blank and a name, or by nothing. */
	if (n > 0 && strncmp(sum, j->sum, n) == 0 && (j->sum[n] == ' ' || j->sum[n] == '\0'))
		return true;
	return error_set(err, EXIT_NOT_READY, AGAIN_FIX,
			 "%s: the received contents differ from the sent ones", j->name);
}

static bool place(struct job *j, struct error *err)
{
	if (!read_sum(j, err) || !receive(j, err))
		return false;
	/* A refused member may have been part of the checksum. */
	if (j->u.refused == 0 && !is_whole(j, err))
		return false;
	if (!place_tree(j->staged, j->member, UNPACK_DEST_FD, j->name, err))
		return false;
	(void)syncfs(UNPACK_DEST_FD);
	if (j->u.refused > 0)
		return error_set(err, EXIT_NOT_READY,
				 "pull the files that you need by name, or pull an archive made in "
				 "the guest",
				 "%llu of its members were refused; the others were unpacked",
				 (unsigned long long)j->u.refused);
	return true;
}

int cmd_unpack(const struct command *self, int argc, char **argv, char **envp)
{
	static struct job j;
	const struct sigaction stop = {.sa_handler = on_signal};
	struct error err = {0};

	(void)envp;
	if (argc != 6)
		return cmd_usage(self, "it takes five arguments", NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	j = (struct job){
		.member = argv[2], .name = argv[3], .gzip = argv[4][0] == 'z', .staged = -1};
	bool ok = make_stage(&j, &err);

	if (ok) {
		unpack_begin(&j.u, j.staged, j.member,
			     strcmp(argv[1], "cksum") == 0 ? SUMS_CKSUM : SUMS_SHA256,
			     strtoull(argv[5], NULL, 10));
		ok = place(&j, &err);
		unpack_free(&j.u);
	}
	fd_close(&j.staged);
	if (j.stage[0])
		remove_tree(UNPACK_STAGE_FD, j.stage);
	if (ok)
		return EXIT_CLEAN;
	(void)dprintf(UNPACK_WORDS_FD, "%s%s%s\n", err.message, err.fix[0] ? ": " : "", err.fix);
	return err.status;
}
