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

static int64_t cpu_ns(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000000 + (int64_t)t->tv_usec * 1000;
}

/* Read FD until TEXT has come. False: it ended before. */
static int read_until(int fd, const char *text)
{
	char buf[65536];
	size_t len = 0;
	size_t text_len = strlen(text);

	for (;;) {
		ssize_t n = read(fd, buf + len, sizeof buf - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		len += (size_t)n;
		if (memmem(buf, len, text, text_len))
			return 1;
		if (len < text_len)
			continue;
		memmove(buf, buf + len - (text_len - 1), text_len - 1);
		len = text_len - 1;
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
	int found = pid > 0 && read_until(fds[0], argv[1]);
	int64_t end = now();

	(void)kill(pid, SIGKILL);
	if (wait4(pid, NULL, 0, &used) != pid || !found)
		return 1;
	(void)printf("%lld %lld\n", (long long)(end - start),
		     (long long)(cpu_ns(&used.ru_utime) + cpu_ns(&used.ru_stime)));
	return 0;
}
