/* screenshot.h - the display as a PNG, by QMP's screendump (QEMU >= 7.1: ui/ui-qmp-cmds.c). */
#ifndef VM_PID1_SCREENSHOT_H
#define VM_PID1_SCREENSHOT_H

#include <stdbool.h>

struct env;

/* It is there, or not for the reason ERROR: PATH is gone then. */
typedef void screenshot_done(void *arg, const char *error, const char *path);

struct screenshot {
	const struct env *env;
	screenshot_done *done; /* NULL: none is being taken */
	void *arg;
	char path[4200];
};

void screenshot_init(struct screenshot *s, const struct env *env);

/* The display into the PNG file PATH, which QEMU's user gets to own; DONE hears, with ARG. False
 * when that cannot even begin, or another one is being taken. */
bool screenshot_take(struct screenshot *s, const char *path, screenshot_done *done, void *arg);

#endif
