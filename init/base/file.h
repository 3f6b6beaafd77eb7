/* file.h - whole files: names, copies, and atomic creation. */
#ifndef VM_BASE_FILE_H
#define VM_BASE_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The part of PATH after the last '/', or all of it. */
const char *path_base(const char *path);

/* The directory of PATH: the part up to its last '/', or ".". False with ENAMETOOLONG if OUT (SIZE
 * bytes) is too short. */
bool path_dir(const char *path, char *out, size_t size);

/* 64 random bits as text, for unpredictable names. False with errno, and zeros in OUT. */
#define RANDOM_HEX 17
bool random_hex(char out[RANDOM_HEX]);

/* Open an unnamed file in the directory DIR, for reading and writing. -1 with errno: EOPNOTSUPP if
 * the file system has none (or not for this user). */
int file_nameless(const char *dir, mode_t mode);

/* Open an unnamed file in memory, for reading and writing (memfd_create(2)); NAME only appears in
 * /proc. -1 with errno. */
int file_memory(const char *name);

/* Copy all data of FROM into the empty file TO, with its holes (lseek(2), SEEK_DATA); both may be
 * O_DIRECT. Changes the offset of FROM. False with errno. */
bool file_copy(int from, int to);

/* Create a new file beside PATH under a random name, which is written to PART (SIZE bytes), to be
 * renamed to PATH by file_commit(). The name is random because others could prepare a link under a
 * predictable one if the directory is shared. Returns a descriptor for reading and writing, or -1
 * with errno. */
int file_begin(const char *path, mode_t mode, char *part, size_t size);

/* Write the file PART, open as FD, to the disk and rename it to PATH. False with errno, and PART
 * is removed. */
bool file_commit(int fd, const char *part, const char *path);

/* The same for a PATH that must not exist yet: if the file system supports it, the file is unnamed
 * until then, so that nothing is left if the process is killed; PART is "" then. file_commit_new()
 * never replaces a file: EEXIST. file_drop() removes PART instead. */
int file_begin_new(const char *path, mode_t mode, char *part, size_t size);
bool file_commit_new(int fd, const char *part, const char *path);
void file_drop(const char *part);

/* errno for a file that is neither regular nor, where that is allowed, a block device. */
#define ENOTREG EMEDIUMTYPE

/* Open a file that others control: PATH in the directory DIR (AT_FDCWD), with FLAGS (O_RDONLY,
 * O_RDWR, O_NOFOLLOW). Refuses a pipe, whose open(2) would block until its other end is open, and
 * a device, which might act on open(2); DEVICE permits a block device. The descriptor is CLOEXEC
 * and blocking. ST, if not NULL, gets its fstat(2). -1 with errno: ENOTREG, EISDIR, and those of
 * open(2). */
int open_regular(int dir, const char *path, int flags, bool device, struct stat *st);

/* Read a small regular file (a password, a cgroup limit, /proc). At most SIZE-1 bytes,
 * NUL-terminated; returns the length or -1 with errno, as open_regular(). */
ssize_t read_small(const char *path, char *buf, size_t size);

/* strerror(3) that knows ENOTREG. */
const char *file_strerror(int why);

#endif
