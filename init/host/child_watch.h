/* child_watch.h - start a child whose system calls are watched (host/seccomp.h): struct
 * child.watch.
 *
 * A part of its own, so that a program that watches nobody does not have it.
 */
#ifndef VM_HOST_CHILD_WATCH_H
#define VM_HOST_CHILD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child_watch {
	/* What the child reports through, which a descriptor can be handed over by. */
	bool (*open)(int fds[2]);
	/* In the child: from here on its calls wait for whoever has the descriptor that goes
	 * through REPORT. */
	void (*enter)(int report);
	/* What the child reports, SIZE bytes to TEXT, and the descriptor to *WATCH. 0: it runs. */
	ssize_t (*read)(int report, int *watch, void *text, size_t size);
};

extern const struct child_watch child_watch;

#endif
