/* file.h - whole files: their names, their copies, and how one appears under its name. */
#ifndef VM_BASE_FILE_H
#define VM_BASE_FILE_H

#include <stdbool.h>

/* What stands behind the last '/' of PATH, or all of it. */
const char *path_base(const char *path);

/* The data of FROM, from its first byte on, into the empty file TO, with the holes kept (lseek(2),
 * SEEK_DATA); either may be O_DIRECT. The offset of FROM is lost. False with errno set. */
bool file_copy(int from, int to);

/* The file PART, open as FD, is whole: it goes to the disk and then gets the name PATH. False with
 * errno set; PART is gone then. */
bool file_commit(int fd, const char *part, const char *path);

#endif
