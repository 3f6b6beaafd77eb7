/* run_path.c - paths of a running guest's files in VM_RUN_DIR. */
#include <stdio.h>

#include "config/settings.h"

const char *run_path(const struct settings *s, const char *name, char buf[RUN_PATH_MAX])
{
	(void)snprintf(buf, RUN_PATH_MAX, "%s/%s", s->run_dir, name);
	return buf;
}
