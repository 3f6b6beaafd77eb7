/* peer.c - see peer.h. */
#include "vm/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

bool peer_start(struct peer *p, struct child *c, bool reads, int words_fd, struct error *err)
{
	int fds[2];
	_cleanup_fd_ int words = file_memory("words");

	if (words < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no descriptors: %s", strerror(errno));
	_cleanup_fd_ int theirs = fds[reads ? 0 : 1];
	_cleanup_fd_ int ours = fds[reads ? 1 : 0];

	c->die_with_parent = true;
	c->fds[c->fd_count++] = (struct child_fd){theirs, reads ? STDIN_FILENO : STDOUT_FILENO};
	c->fds[c->fd_count++] = (struct child_fd){words, words_fd ? words_fd : STDERR_FILENO};
	p->pid = child_start(c, NULL, err);
	if (p->pid < 0)
		return false;
	p->fd = fd_take(&ours);
	p->words = fd_take(&words);
	return true;
}

int peer_end(struct peer *p, char *said, size_t size, const volatile int *stopped)
{
	char text[2048];
	int status = 0;

	fd_close(&p->fd);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		if (*stopped)
			(void)kill(p->pid, SIGTERM);
	off_t end = lseek(p->words, 0, SEEK_END);
	ssize_t n = pread(p->words, text, sizeof text - 1,
			  end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0);

	fd_close(&p->words);
	n = n < 0 ? 0 : n;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	const char *line = strrchr(text, '\n');

	(void)snprintf(said, size, "%.*s", (int)size - 1, line ? line + 1 : text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- destination of a pull --------------------------------------------------------------------
 */

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static bool no_directory(const char *path, bool link, struct error *err)
{
	return error_set(err, EXIT_NOT_READY,
			 link ? "name the directory that it leads to, or remove it"
			      : "make it, or name another",
			 "%s: %s", path,
			 link ? "a symbolic link, which is not followed" : "no such directory");
}

/* The directory DEST, if it has a trailing slash or exists as a directory. */
static int open_into(const char *dest, bool *link)
{
	char path[4096];
	struct stat st;
	size_t n = strlen(dest);

	if (n == 0 || n >= sizeof path)
		return -1;
	memcpy(path, dest, n + 1);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	*link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	return open(path, DIR_FLAGS | O_NOFOLLOW);
}

/* The parent directory of DEST; the last component goes to D. */
static bool open_above(struct destination *d, const char *dest, struct error *err)
{
	char path[4096];
	const char *name = path_base(dest);
	size_t n = (size_t)(name - dest);

	if (!name[0] || strlen(name) >= sizeof d->name || n >= sizeof path || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return error_set(err, EXIT_NOT_READY, "name a file, of at most 255 bytes",
				 "%s: not a valid file name", dest);
	memcpy(path, dest, n);
	path[n] = '\0';
	memcpy(d->name, name, strlen(name) + 1);
	d->dir = open(n ? path : ".", DIR_FLAGS);
	return d->dir >= 0 || error_set(err, EXIT_NOT_READY, "", "%s: %s", path, strerror(errno));
}

/* The files get the owner of STAGE. */
static bool choose_owner(struct destination *d, const char *dest, struct error *err)
{
	struct stat st;

	if (fstat(d->stage, &st) != 0)
		return error_set(err, EXIT_INTERNAL, "look for errors of the host's disk (dmesg)",
				 "%s: %s", dest, strerror(errno));
	d->identity = (struct identity){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0)
		return true;
	if (st.st_uid == 0 && st.st_gid == getegid())
		return true;
	d->identity = (struct identity){.uid = st.st_uid, .gid = st.st_gid, .change = true};
	if (privileges_have(CAP_SETUID) && privileges_have(CAP_SETGID))
		return true;
	return error_set(err, EXIT_NO_PERMISSION,
			 "give the container SETUID and SETGID (--cap-add), or call this as that "
			 "user (docker exec --user)",
			 "%s belongs to user %u, and the capabilities to become that user are "
			 "missing",
			 dest, (unsigned)st.st_uid);
}

bool destination_open(struct destination *d, const char *dest, const char *member, bool into,
		      struct error *err)
{
	bool link = false;
	size_t n = strlen(dest);

	*d = (struct destination){.stage = -1};
	into = into || (n > 0 && dest[n - 1] == '/');
	d->dir = open_into(dest, &link);
	if (d->dir >= 0) {
		if (strlen(member) >= sizeof d->name)
			return error_set(err, EXIT_NOT_READY, "name a file, of at most 255 bytes",
					 "%s: the name is too long", member);
		memcpy(d->name, member, strlen(member) + 1);
	} else if (into) {
		return no_directory(dest, link, err);
	} else if (!open_above(d, dest, err)) {
		return false;
	}
	/* A merge is unpacked inside the existing directory, which may be another file system. */
	d->stage = openat(d->dir, d->name, DIR_FLAGS | O_NOFOLLOW);
	if (d->stage < 0)
		d->stage = fcntl(d->dir, F_DUPFD_CLOEXEC, 0);
	return choose_owner(d, dest, err);
}

void destination_close(struct destination *d)
{
	fd_close(&d->dir);
	fd_close(&d->stage);
}

bool destination_start(struct peer *p, const struct destination *d, const char *sums,
		       const char *member, bool gzip, uint64_t max_size, struct error *err)
{
	char max[24];
	char *argv[] = {(char *)"vm",
			(char *)"unpack",
			(char *)(uintptr_t)sums,
			(char *)(uintptr_t)member,
			(char *)(uintptr_t)d->name,
			(char *)(uintptr_t)(gzip ? "z" : "-"),
			max,
			NULL};
	struct child c = {.path = "/proc/self/exe",
			  .argv = argv,
			  .envp = environ,
			  .identity = &d->identity,
			  .no_core = true,
			  .fds = {{d->dir, UNPACK_DEST_FD},
				  {d->stage, UNPACK_STAGE_FD},
				  {STDERR_FILENO, STDERR_FILENO}},
			  .fd_count = 3};

	(void)snprintf(max, sizeof max, "%llu", (unsigned long long)max_size);
	return peer_start(p, &c, true, UNPACK_WORDS_FD, err);
}
