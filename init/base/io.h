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

/* Take the descriptor out of a _cleanup_fd_ variable, which becomes -1. */
int fd_take(int *fd);

/* Close FD unless it is -1, and set it to -1. */
void fd_close(int *fd);

/* Write all N bytes, despite EINTR and short writes; fails with EAGAIN on a full non-blocking
 * descriptor. False with errno. */
bool write_all(int fd, const void *buf, size_t n);

/* The same at offset AT of a file, whose own offset stays. */
bool write_all_at(int fd, const void *buf, size_t n, off_t at);

/* Read SIZE bytes, despite EINTR and short reads. Returns the number, less than SIZE only at the
 * end; -1 with errno. */
ssize_t read_full(int fd, void *buf, size_t size);

/* Read at most SIZE bytes until END_NS (CLOCK_MONOTONIC; 0: no limit). STOP, if not -1, becomes
 * readable to cancel it. 0 at the end; -1 with errno: ETIMEDOUT, or EINTR if cancelled. */
ssize_t read_until(int fd, int stop, uint64_t end_ns, void *buf, size_t size);

/* Set or clear O_NONBLOCK. */
bool fd_nonblock(int fd, bool on);

#endif
