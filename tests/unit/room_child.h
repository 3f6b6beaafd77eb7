/* room_child.h - children that print their environment. */
#ifndef TEST_ROOM_CHILD_H
#define TEST_ROOM_CHILD_H

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

static inline void probe(void)
{
	char line[256];
	struct stat st;
	struct rlimit core;
	int death = -1;
	int oom = -1;

	/* before this program opens any descriptor */
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

/* Start C, whose standard output is captured, and return its output. */
static inline char *output_of(struct child *c)
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

static inline unsigned long inode_of(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_ino;
}

/* Does TEXT have LINE as one of its lines? */
static inline int has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return 1;
	fprintf(stderr, "no line `%s' in:\n%s", line, text);
	return 0;
}

#endif
