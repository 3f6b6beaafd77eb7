/* io.h - small helpers for file descriptors. */
#ifndef VM_BASE_IO_H
#define VM_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Close the descriptor when the variable goes out of scope: `_cleanup_fd_ int fd = ...`. */
#define _cleanup_fd_ __attribute__((cleanup(fd_cleanup)))
void fd_cleanup(int *fd);

/* The same for memory of malloc(3). */
#define _cleanup_buffer_ __attribute__((cleanup(buffer_cleanup)))
void buffer_cleanup(uint8_t **p);

/* Take a descriptor out of a _cleanup_fd_ variable. */
int fd_take(int *fd);

/* Close FD if it is one, and leave -1. */
void fd_close(int *fd);

/* Write all N bytes, through EINTR and short writes; on a non-blocking descriptor that is full it
 * gives up. Returns false with errno set. */
bool write_all(int fd, const void *buf, size_t n);

/* Fill BUF from FD as far as there is something, through EINTR. Returns how much, less than SIZE
 * only at the end; -1 with errno set. */
ssize_t read_full(int fd, void *buf, size_t size);

/* What comes from FD, at most SIZE bytes, until END_NS (CLOCK_MONOTONIC; 0: as long as it takes).
 * STOP, if not -1, becomes readable when nothing is wanted any more. 0 at the end; -1 with errno:
 * ETIMEDOUT, or EINTR for the stop. */
ssize_t read_until(int fd, int stop, uint64_t end_ns, void *buf, size_t size);

/* Set or clear O_NONBLOCK. */
bool fd_nonblock(int fd, bool on);

#endif
