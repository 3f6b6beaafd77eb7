/* programs.c - see programs.h. */
#include "host/programs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool find(const char *name, const char *usual, char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	if (n > 0) {
		out[n] = '\0';
		slash = strrchr(out, '/');
		size_t left = size - (size_t)(slash + 1 - out);

		if (snprintf(slash + 1, left, "%s", name) < (int)left && access(out, X_OK) == 0)
			return true;
	}
	(void)snprintf(out, size, "%s", usual);
	return access(out, X_OK) == 0;
}

bool program_vm(char *out, size_t size)
{
	return find("vm", "/usr/local/bin/vm", out, size);
}

bool program_init(char *out, size_t size)
{
	return find("init", "/init", out, size);
}

bool program_beside(const char *name, const char *usual, char *out, size_t size)
{
	return find(name, usual, out, size);
}
