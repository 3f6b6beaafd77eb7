/* cmd_overlay.c - vm overlay: path and removal of the overlay of QEMU_DISK_MODE=overlay. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "host/disk.h"
#include "vm/cmd.h"

static int show(const char *overlay)
{
	struct stat st;

	if (stat(overlay, &st) != 0)
		(void)printf("%s: does not exist yet; the next start with QEMU_DISK_MODE=overlay "
			     "creates it\n",
			     overlay);
	else
		(void)printf("%s: %.1f MiB\n", overlay, (double)st.st_blocks / 2048);
	return EXIT_CLEAN;
}

/* The overlays of the other disks. */
static int reset_more(struct settings *s)
{
	char overlay[4096];

	if (s->overlay && s->overlay[0] == '/') /* the first disk's */
		s->overlay = NULL;
	for (int i = 0; i < DISKS_MORE; i++) {
		const char *path = settings_more_disk(s, i).path;
		struct error err = {0};

		if (path && overlay_reset(s, path, false, overlay, &err)) {
			log_info("%s is removed: the next start begins with the unchanged %s",
				 overlay, path);
		} else if (path && err.status != EXIT_NO_IMAGE) {
			error_report(&err);
			return err.status;
		}
	}
	return EXIT_CLEAN;
}

int cmd_overlay(const struct command *self, int argc, char **argv, char **envp)
{
	static struct settings s;
	static struct errors errs;
	static char path[4096];
	char overlay[4096];
	struct error err = {0};
	bool embedded;
	bool reset;
	int status;

	if (!cmd_only_option(self, argc, argv, "reset", &reset, &status))
		return status;
	if (!settings_parse(envp, &s, &errs) || !disk_find(&s, path, &embedded, &errs)) {
		errors_report(&errs);
		return errors_status(&errs);
	}
	if (!path[0])
		(void)error_set(&err, EXIT_NO_IMAGE, "set QEMU_DRIVE", "this guest has no disk");
	else if (reset ? overlay_reset(&s, path, embedded, overlay, &err)
		       : overlay_path(&s, path, embedded, overlay, &err)) {
		if (!reset)
			return show(overlay);
		log_info("%s is removed: the next start begins with the unchanged %s", overlay,
			 path);
		return reset_more(&s);
	}
	error_report(&err);
	return err.status;
}
