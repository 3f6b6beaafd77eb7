/* place.c - see untar.h: moves a complete tree to its destination, and removes unwanted trees. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "host/untar.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The names in the directory DIR, re-read on each call. NULL at the end. */
static DIR *open_list(int dir)
{
	int fd = openat(dir, ".", DIR_FLAGS);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0)
		(void)close(fd);
	return list;
}

/* The next name other than . and ..; NULL at the end. */
static const char *next_name(DIR *list)
{
	const struct dirent *d;

	while ((d = readdir(list)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return d->d_name;
	return NULL;
}

void remove_tree(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	(void)fchmodat(dir, name, 0700, 0);
	_cleanup_fd_ int fd = openat(dir, name, DIR_FLAGS);
	DIR *list = fd < 0 ? NULL : open_list(fd);
	const char *one;

	while (list && (one = next_name(list)) != NULL)
		remove_tree(fd, one);
	if (list)
		(void)closedir(list);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static bool is_directory(int dir, const char *name, bool *there)
{
	struct stat st;

	*there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	return *there && S_ISDIR(st.st_mode);
}

static bool say(struct error *err, const char *name)
{
	return error_set(err, EXIT_NOT_READY, "", "%s: %s", name, strerror(errno));
}

/* Move everything in the directory NAME of FROM to the directory TO_NAME of TO. */
static bool merge(int from, const char *name, int to, const char *to_name, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int source = openat(from, name, DIR_FLAGS);
	_cleanup_fd_ int target = openat(to, to_name, DIR_FLAGS);

	if (source < 0 || target < 0 || fstat(source, &st) != 0)
		return say(err, to_name);
	/* We own it, but permission to remove entries may be missing. */
	(void)fchmod(source, 0700);
	DIR *list = open_list(source);
	const char *one;
	bool ok = list != NULL || say(err, to_name);

	while (ok && (one = next_name(list)) != NULL)
		ok = place_tree(source, one, target, one, err);
	if (list)
		(void)closedir(list);
	if (ok) {
		const struct timespec times[] = {st.st_mtim, st.st_mtim};

		(void)fchmod(target, st.st_mode & 01777); /* if we own it */
		(void)futimens(target, times);
	}
	return ok;
}

bool place_tree(int from, const char *name, int to, const char *to_name, struct error *err)
{
	bool there;
	bool directory = is_directory(from, name, &there);
	struct stat st;

	if (!there)
		return error_set(
			err, EXIT_NOT_READY,
			"see the warnings above; devices, FIFOs and sockets are not pulled",
			"nothing was received that may be kept");
	bool in_place = is_directory(to, to_name, &there);

	if (in_place && !directory)
		return error_set(err, EXIT_NOT_READY, "remove the directory, or name another file",
				 "%s is a directory there", to_name);
	if (in_place)
		return merge(from, name, to, to_name, err);
	/* rename(2) replaces a link without following it, but not a directory by a file. */
	if (directory && there && unlinkat(to, to_name, 0) != 0)
		return say(err, to_name);
	if (directory && fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !(st.st_mode & S_IWUSR)) {
		/* Its .. entry changes, which requires write permission for a moment. */
		(void)fchmodat(from, name, st.st_mode | S_IWUSR, 0);
		bool ok = renameat(from, name, to, to_name) == 0 || say(err, to_name);

		(void)fchmodat(to, to_name, st.st_mode & 01777, 0);
		return ok;
	}
	return renameat(from, name, to, to_name) == 0 || say(err, to_name);
}
