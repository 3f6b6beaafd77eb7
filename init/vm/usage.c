/* usage.c - helpers for the arguments of sub-commands. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vm/cmd.h"

int cmd_fail(const struct error *err)
{
	error_report(err);
	return err->status;
}

bool cmd_quote(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	if (n + 4 >= size)
		return false;
	n += (size_t)snprintf(out + n, size - n, "%s'", n ? " " : "");
	for (; *text && n + 6 < size; text++)
		n += (size_t)snprintf(out + n, size - n, *text == '\'' ? "'\\''" : "%c", *text);
	(void)snprintf(out + n, size - n, "'");
	return !*text;
}
