/* screenshot.h - the display as a PNG, by QMP's screendump (QEMU >= 7.1: ui/ui-qmp-cmds.c). */
#ifndef VM_PID1_SCREENSHOT_H
#define VM_PID1_SCREENSHOT_H

#include <stdbool.h>

struct env;

/* Done. ERROR: the reason why there is no screenshot (PATH has been removed); NULL: none. */
typedef void screenshot_done(void *arg, const char *error, const char *path);

struct screenshot {
	const struct env *env;
	screenshot_done *done; /* NULL: no screenshot under way */
	void *arg;
	char path[4200];
};

void screenshot_init(struct screenshot *s, const struct env *env);

/* Write a screenshot to the PNG file PATH, which QEMU's user will own; DONE is called with ARG.
 * False if QEMU does not answer or another screenshot is under way. */
bool screenshot_take(struct screenshot *s, const char *path, screenshot_done *done, void *arg);

#endif
