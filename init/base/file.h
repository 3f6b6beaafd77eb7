/* file.h - whole files: names, copies, and atomic creation. */
#ifndef VM_BASE_FILE_H
#define VM_BASE_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What stands behind the last '/' of PATH, or all of it. */
const char *path_base(const char *path);

/* The directory that PATH is in: all up to its last '/', or "." without one. False with
 * ENAMETOOLONG when OUT (SIZE bytes) is too short. */
bool path_dir(const char *path, char *out, size_t size);

/* 64 random bits as text, for a name that nobody can guess. False with errno, and zeros in OUT. */
#define RANDOM_HEX 17
bool random_hex(char out[RANDOM_HEX]);

/* A file without a name in the directory DIR, for reading and writing. -1 with errno: EOPNOTSUPP
 * when its file system has none (or none for us). */
int file_nameless(const char *dir, mode_t mode);

/* A file without a name in memory, for reading and writing (memfd_create(2)); NAME is for people
 * who look. -1 with errno. */
int file_memory(const char *name);

/* The data of FROM, from its first byte on, into the empty file TO, with the holes kept (lseek(2),
 * SEEK_DATA); either may be O_DIRECT. The offset of FROM is lost. False with errno set. */
bool file_copy(int from, int to);

/* Begin the file that is to become PATH: a new one beside it with a random name, which is put into
 * PART (SIZE bytes); it is for file_commit(). In a directory that others can write to, a name that
 * can be guessed could be a link of theirs. Returns the descriptor, for reading and writing, or -1
 * with errno. */
int file_begin(const char *path, mode_t mode, char *part, size_t size);

/* The file PART, open as FD, is whole: it goes to the disk and then gets the name PATH. False with
 * errno set; PART is gone then. */
bool file_commit(int fd, const char *part, const char *path);

/* The same for a name that nothing has yet: where the file system can, the file has no name until
 * then, and nothing is left of it should we be killed; PART is "" then. file_commit_new() never
 * replaces a file: EEXIST. file_drop() instead: PART is not wanted. */
int file_begin_new(const char *path, mode_t mode, char *part, size_t size);
bool file_commit_new(int fd, const char *part, const char *path);
void file_drop(const char *part);

/* errno for what is neither a regular file nor, where one will do, a block device. */
#define ENOTREG EMEDIUMTYPE

/* Open a file that belongs to others: PATH in the directory DIR (AT_FDCWD), with FLAGS (O_RDONLY,
 * O_RDWR, O_NOFOLLOW). A pipe, which would make us wait for somebody at its other end, or a device,
 * which might act on being opened, is refused; DEVICE lets a block device pass. The descriptor is
 * CLOEXEC and blocks. ST, if not NULL, gets its state. -1 with errno: ENOTREG, EISDIR, and those
 * of open(2). */
int open_regular(int dir, const char *path, int flags, bool device, struct stat *st);

/* Read a small regular file whole (a password, a cgroup limit, /proc). At most SIZE-1 bytes,
 * NUL-terminated; returns the length or -1 with errno set (that of open_regular()). */
ssize_t read_small(const char *path, char *buf, size_t size);

/* strerror(3) that knows ENOTREG. */
const char *file_strerror(int why);

#endif
