/* child_watch.h - starts a child whose system calls are watched (host/seccomp.h): struct
 * child.watch.
 *
 * In its own file, so that programs that watch no child are linked without it.
 */
#ifndef VM_HOST_CHILD_WATCH_H
#define VM_HOST_CHILD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child_watch {
	/* Create the report channel, which can pass a descriptor. */
	bool (*open)(int fds[2]);
	/* In the child: from here on its calls wait for the process that receives the descriptor
	 * through REPORT. */
	void (*enter)(int report);
	/* Read the child's report, SIZE bytes to TEXT, and the descriptor to *WATCH. 0: it runs. */
	ssize_t (*read)(int report, int *watch, void *text, size_t size);
};

extern const struct child_watch child_watch;

#endif
