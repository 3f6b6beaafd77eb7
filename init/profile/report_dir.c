/* report_dir.c - the directory of a report, and the clock's check (profiler.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "profile/profiler.h"

/* An existing file may be a link if LINK permits it. */
static bool make_dir(const char *path, bool link, struct error *err)
{
	struct stat st;

	if (mkdir(path, 0755) == 0)
		return true;
	if (errno == EEXIST && (link ? stat(path, &st) : lstat(path, &st)) == 0) {
		if (S_ISDIR(st.st_mode))
			return true;
		errno = ENOTDIR;
	}
	return error_set(err, EXIT_NO_PERMISSION,
			 "name a directory that this user can make: --out DIR",
			 "%s cannot be created: %s", path, strerror(errno));
}

bool profile_make_dir(const char *path, struct error *err)
{
	return make_dir(path, false, err);
}

bool profile_dir_make(const char *dir, bool resume, struct error *err)
{
	char path[4200];

	for (const char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(path, sizeof path, "%.*s", (int)(slash - dir), dir);
		if (!make_dir(path, true, err))
			return false;
	}
	(void)snprintf(path, sizeof path, "%s/results.json", dir);
	if (!resume && access(path, F_OK) == 0)
		return error_set(err, EXIT_BAD_USAGE,
				 "name another directory (--out DIR), or go on with it (--resume)",
				 "%s already contains a report", dir);
	(void)snprintf(path, sizeof path, "%s/console", dir);
	return make_dir(dir, true, err) && make_dir(path, false, err);
}

int profile_dir_lock(const char *dir, struct error *err)
{
	char path[4200];

	(void)snprintf(path, sizeof path, "%s/lock", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0) {
		(void)error_set(err, EXIT_NO_PERMISSION, "name a directory that can be written to",
				"%s cannot be created: %s", path, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		fd_close(&fd);
		(void)error_set(err, EXIT_BAD_USAGE, "wait for it (vm profile status DIR)",
				"another vm profile is running in %s", dir);
	}
	return fd; /* without support for locks nothing can be locked */
}

/* Is NAME a temporary name of file_begin()? */
static bool is_part(const char *name)
{
	const char *part = strstr(name, ".part-");

	return part && strspn(part + 6, "0123456789abcdef") == 16 && part[22] == '\0';
}

void profile_dir_clean(const char *dir)
{
	static const char *const places[] = {".", "console"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char path[4200];
		struct dirent *e;

		(void)snprintf(path, sizeof path, "%s/%s", dir, places[i]);
		DIR *d = opendir(path);

		while (d && (e = readdir(d)))
			if (is_part(e->d_name))
				(void)unlinkat(dirfd(d), e->d_name, 0);
		if (d)
			(void)closedir(d);
	}
}

bool profile_dir_is_locked(const char *dir)
{
	char path[4200];

	(void)snprintf(path, sizeof path, "%s/lock", dir);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

bool profile_load(const char *path, struct report *out, struct error *err)
{
	static const char name[] = "/results.json";
	char file[4200];
	char *buf;
	size_t n;
	size_t len = strlen(path);
	bool is_file = len > 5 && strcmp(path + len - 5, ".json") == 0;
	struct error inner = {0};

	(void)snprintf(file, sizeof file, "%s%s", path, is_file ? "" : name);
	if (!file_read(file, &buf, &n, err))
		return false;
	bool ok = report_read(buf, n, out, &inner);

	free(buf);
	return ok || error_set(err, inner.status, inner.fix, "%s: %s", file, inner.message);
}

bool file_read(const char *path, char **buf, size_t *n, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, &st);

	if (fd < 0)
		return error_set(err, errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
				 "name a file that can be read", "%s: %s", path,
				 file_strerror(errno));
	if (st.st_size > 256L << 20)
		return error_set(err, EXIT_BAD_IMAGE, "name a report or a baseline",
				 "%s has more than 256 MiB", path);
	*buf = malloc((size_t)st.st_size + 1);
	if (!*buf)
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for %s", path);
	ssize_t got = read_full(fd, *buf, (size_t)st.st_size);

	if (got < 0) {
		free(*buf);
		return error_set(err, EXIT_NO_PERMISSION, "", "%s: %s", path, strerror(errno));
	}
	*n = (size_t)got;
	return true;
}

bool file_write(const char *dir, const char *name, const struct text *t, struct error *err)
{
	char path[4200];
	char part[4240];

	if (t->failed)
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for %s", name);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	_cleanup_fd_ int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = file_begin(path, 0644, part, sizeof part);

	if (fd >= 0 && write_all(fd, t->bytes, t->len) && file_commit(fd, part, path)) {
		(void)fsync(at); /* sync the name; not every file system supports it */
		return true;
	}
	int why = errno;

	if (fd >= 0)
		(void)unlink(part);
	return error_set(err, EXIT_NO_PERMISSION, "make room there, or name another --out DIR",
			 "%s cannot be written: %s", path, strerror(why));
}

bool profile_copy(const char *from, const char *dir, const char *name, struct error *err)
{
	char path[4400];
	char part[4440];
	_cleanup_fd_ int source = open_regular(AT_FDCWD, from, O_RDONLY | O_NOFOLLOW, false, NULL);

	if (source < 0 && errno == ENOENT)
		return true;
	if (source < 0)
		return error_set(err, EXIT_NO_PERMISSION, "make it readable", "%s: %s", from,
				 file_strerror(errno));
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	_cleanup_fd_ int target = file_begin(path, 0644, part, sizeof part);

	if (target >= 0 && file_copy(source, target) && file_commit(target, part, path))
		return true;
	int why = errno;

	if (target >= 0)
		(void)unlink(part);
	return error_set(err, EXIT_NO_PERMISSION, "make room there, or name another directory",
			 "%s cannot be written: %s", path, strerror(why));
}

bool profile_save(const char *dir, const struct report *r, struct error *err)
{
	struct text t = {0};

	report_json(r, &t);
	bool ok = file_write(dir, "results.json", &t, err);

	text_free(&t);
	return ok;
}

static bool always(void (*make)(const struct report *, struct text *), const struct report *r,
		   struct text *t)
{
	make(r, t);
	return true;
}

bool profile_documents(const char *dir, const struct report *r, struct error *err)
{
	static const struct {
		const char *name;
		void (*make)(const struct report *r, struct text *t);
		bool (*may_make)(const struct report *r, struct text *t);
	} documents[] = {
		{"results.csv", report_csv, NULL},
		{"report.txt", report_text, NULL},
		{"timeline.svg", report_timeline, NULL},
		{"boxes.svg", report_boxes, NULL},
		{"speedup.svg", NULL, report_speedup},
		{"timeline.tex", report_timeline_tex, NULL},
		{"boxes.tex", report_boxes_tex, NULL},
		{"speedup.tex", NULL, report_speedup_tex},
		{"charts.vl.json", report_vega, NULL},
		{"report.md", report_markdown, NULL},
		{"milestones.txt", NULL, report_milestones},
	};

	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		struct text t = {0};
		bool made = documents[i].make ? always(documents[i].make, r, &t)
					      : documents[i].may_make(r, &t);
		bool ok = !made || file_write(dir, documents[i].name, &t, err);

		text_free(&t);
		if (!ok)
			return false;
	}
	return true;
}

/* ---- the clock ---- */

#define ROUNDS 300

static _Noreturn void write_clocks(int fd)
{
	const struct timespec pause = {.tv_nsec = 100000};

	for (int i = 0; i < ROUNDS; i++) {
		(void)nanosleep(&pause, NULL);
		uint64_t now = clock_now();

		if (!write_all(fd, &now, sizeof now))
			break;
	}
	_exit(0);
}

void profile_resolution(struct resolution *out)
{
	double late[ROUNDS];
	size_t n = 0;
	int fds[2];
	uint64_t sent;
	struct summary s;

	*out = (struct resolution){0};
	if (pipe2(fds, O_CLOEXEC) != 0)
		return;
	pid_t pid = fork();

	if (pid == 0)
		write_clocks(fds[1]);
	(void)close(fds[1]);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};

	while (n < ROUNDS && pid > 0 && poll(&p, 1, 1000) > 0) {
		uint64_t now = clock_now();

		if (read(fds[0], &sent, sizeof sent) != (ssize_t)sizeof sent)
			break;
		late[n++] = (double)(now - sent) / 1e3;
	}
	(void)close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	stats_summarise(late, n, &s); /* also sorts them */
	if (n > 0)
		*out = (struct resolution){.rounds = (double)n,
					   .median_us = round(s.median * 1e3) / 1e3,
					   .p99_us = late[n - 1 - n / 100],
					   .max_us = s.max};
}
