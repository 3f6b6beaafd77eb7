/* plan_kept.c - which files a start keeps, and whether they outlive the container (plan.h).
 *
 * If a single file is mounted instead of its directory, the files beside it are in the container's
 * own layer. The root directory shows which file system that is. This process is taken to be in a
 * container if its program is /init.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "host/programs.h"
#include "plan/plan.h"

#define TMPFS 0x01021994 /* linux/magic.h */

/* Paths of the programs in the image. */
static bool in_container(void)
{
	char init[4096];

	return program_init(init, sizeof init) && strcmp(init, "/init") == 0;
}

bool plan_in_container_layer(const char *path)
{
	char dir[4300];
	struct statfs fs;
	struct stat root;
	struct stat st;

	(void)snprintf(dir, sizeof dir, "%s", path);
	if (!in_container() || stat("/", &root) != 0)
		return false;
	while (stat(dir, &st) != 0) {
		char *slash = strrchr(dir, '/');

		if (!slash || slash == dir)
			return false;
		*slash = '\0';
	}
	return st.st_dev == root.st_dev || (statfs(dir, &fs) == 0 && fs.f_type == TMPFS);
}

/* DIR contains WHAT, a file that may itself be a mount point. */
static void warn(struct plan *plan, const char *what, const char *path)
{
	char dir[4300];
	const char *slash = strrchr(path, '/');

	(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	if (!plan_in_container_layer(dir))
		return;
	/* A subdirectory of the image directory is kept with it. */
	const char *images = plan->s.image_dir;
	size_t n = strlen(images);
	bool below = strncmp(dir, images, n) == 0 && (dir[n] == '/' || !dir[n]);

	if (below)
		dir[n] = '\0';
	(void)errors_add(
		&plan->warnings, EXIT_BAD_SETTING, "",
		"%s %.300s is in this container and is removed with it: mount the directory "
		"(-v \"$PWD/%.100s:%.200s\")",
		what, path, below ? "images" : strrchr(dir, '/') + 1, dir);
}

void plan_check_kept(struct plan *plan)
{
	const struct settings *s = &plan->s;
	struct error err = {0};
	char state[STATE_PATH_MAX];

	if (plan->facts.unattended)
		return;
	if (plan->disk.overlay[0])
		warn(plan, "the overlay", plan->disk.overlay);
	for (int i = 0; i < DISKS_MORE; i++)
		if (plan->more[i].overlay[0])
			warn(plan, "the overlay", plan->more[i].overlay);
	if (plan->firmware.kept[0])
		warn(plan, "the file of UEFI variables", plan->firmware.kept);
	if (s->stop == STOP_SUSPEND && s->disk_mode != DISK_MODE_THROWAWAY &&
	    state_path(s, &plan->disk, "suspended", state, &err))
		warn(plan, "the suspended state", state);
}
