/* until.c - measures how long a program takes to print a text; for `make bench` only.
 *
 *   until TEXT PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM with its standard output on a pipe, reads that until TEXT has come, and kills it.
 * Prints "WALL CPU": the nanoseconds from before the exec to the text, and the processor time of
 * the whole process. This is the least that reading a serial line can cost: one read for each write
 * of the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t spent(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000000 + (int64_t)t->tv_usec * 1000;
}

/* Read FD until TEXT has come. False: it ended before. */
static int look(int fd, const char *text)
{
	char seen[65536];
	size_t have = 0;
	size_t len = strlen(text);

	for (;;) {
		ssize_t n = read(fd, seen + have, sizeof seen - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		have += (size_t)n;
		if (memmem(seen, have, text, len))
			return 1;
		if (have < len)
			continue;
		memmove(seen, seen + have - (len - 1), len - 1);
		have = len - 1;
	}
}

int main(int argc, char **argv)
{
	int fds[2];
	struct rusage used;

	if (argc < 3 || pipe2(fds, O_CLOEXEC) != 0)
		return 64;
	int64_t start = now();
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execvp(argv[2], argv + 2);
		(void)fprintf(stderr, "until: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	(void)close(fds[1]);
	int came = pid > 0 && look(fds[0], argv[1]);
	int64_t end = now();

	(void)kill(pid, SIGKILL);
	if (wait4(pid, NULL, 0, &used) != pid || !came)
		return 1;
	(void)printf("%lld %lld\n", (long long)(end - start),
		     (long long)(spent(&used.ru_utime) + spent(&used.ru_stime)));
	return 0;
}
