/* grub_state.c - the state of GRUB's commands: variables, files, errors (grub_internal.h). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/grub_internal.h"

bool grub_refuse(struct grub *g, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return error_set(g->err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
			 "line %u of its GRUB configuration: %s", g->line, text);
}

const char *grub_value(const struct grub *g, const char *name)
{
	return grub_variable(&g->variables, name, strlen(name));
}

bool grub_put(struct grub *g, const char *name, const char *value)
{
	return grub_set(&g->variables, name, strlen(name), value) ||
	       grub_refuse(g, "too many variables, or a long one: %.40s", name);
}

bool grub_place(struct grub *g, const char *name, char device[GRUB_DEVICE_MAX],
		char path[GRUB_PATH_MAX])
{
	const char *root = grub_value(g, "root");
	size_t n = strlen(root);

	if (*name == '(') {
		root = name + 1;
		n = strcspn(root, ")");
		if (!root[n])
			return grub_refuse(g, "a device without its ): %.40s", name);
		name = root + n + 1;
	} else if (*root == '(') { /* set root=(hd0,1) */
		root++;
		n = strcspn(root, ")");
	}
	if (*name != '/')
		return grub_refuse(g, "a file name without its /: %.80s", name);
	if (n >= GRUB_DEVICE_MAX || strlen(name) >= GRUB_PATH_MAX)
		return grub_refuse(g, "a file name is too long");
	(void)snprintf(device, GRUB_DEVICE_MAX, "%.*s", (int)n, root);
	(void)snprintf(path, GRUB_PATH_MAX, "%s", name);
	return true;
}

bool grub_load(struct grub *g, const char *device, const char *path, struct grub_cursor *out)
{
	size_t n;

	if (g->texts_count == GRUB_TEXTS_MAX)
		return grub_refuse(g, "too many files");
	char *text = g->disk->read(g->disk->ctx, device, path, &n, g->err);

	if (!text)
		return false;
	g->texts[g->texts_count++] = text;
	*out = (struct grub_cursor){.p = text, .end = text + n, .line = 1};
	return true;
}
