/* snapshot.c - vm snapshot: asked of PID 1 when a guest runs; else done here, by qemu-img, on the
 * disk that the next start would write to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "guest/plan.h"
#include "host/child.h"
#include "host/snapshots.h"

/* qemu-img gets the disk's descriptor under this number. */
#define IMG_FD 3

struct wish {
	const char *action; /* "save", "load", "delete", "list" */
	const char *name;   /* NULL with list */
	bool option;	    /* --force of save, --json of list */
};

static bool parse(const struct command *self, int argc, char **argv, struct wish *wish, int *status)
{
	static const struct {
		const char *action;
		bool named;
		const char *option;
	} rows[] = {{"save", true, "--force"},
		    {"load", true, NULL},
		    {"delete", true, NULL},
		    {"list", false, "--json"}};
	size_t row = 0;

	*wish = (struct wish){0};
	while (argc > 1 && row < 4 && strcmp(rows[row].action, argv[1]) != 0)
		row++;
	if (argc < 2 || row == 4) {
		*status = cmd_usage(self,
				    argc < 2 ? "what is to be done is missing" : "unknown action",
				    argv[1]);
		return false;
	}
	wish->action = argv[1];
	for (int i = 2; i < argc; i++) {
		if (rows[row].option && strcmp(argv[i], rows[row].option) == 0) {
			wish->option = true;
		} else if (rows[row].named && !wish->name && argv[i][0] != '-') {
			wish->name = argv[i];
		} else {
			*status = cmd_usage(self, "unknown argument", argv[i]);
			return false;
		}
	}
	if (rows[row].named && !wish->name) {
		*status = cmd_usage(self, "a name is missing", NULL);
		return false;
	}
	return true;
}

static int ask(char **envp, const struct wish *wish)
{
	char line[256];

	(void)snprintf(line, sizeof line, "snapshot %s %s %s", wish->action,
		       wish->name ? wish->name : "",
		       !wish->option ? ""
		       : wish->name  ? "--force"
				     : "--json");
	return client_request(envp, line, -1, 0);
}

/* ---- on the stopped guest ----------------------------------------------------------------- */

/* `qemu-img snapshot OPTION TAG` on the disk, which it locks. */
static bool qemu_img(const struct disk *disk, const char *option, const char *tag,
		     struct error *err)
{
	char path[4096];
	int status = 0;
	/* Not the backing file that the image names: tables are all that changes. */
	char *argv[] = {path,
			(char *)"snapshot",
			(char *)(uintptr_t)option,
			(char *)(uintptr_t)tag,
			(char *)"json:{\"driver\":\"qcow2\",\"backing\":null,\"file\":{\"driver\":"
				"\"file\",\"filename\":\"/proc/self/fd/3\"}}",
			NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = envp,
			  .fds = {{STDERR_FILENO, STDERR_FILENO}, {disk->layers[0].fd, IMG_FD}},
			  .fd_count = 2,
			  .no_core = true};

	if (!find_program(getenv("PATH"), "qemu-img", path, sizeof path))
		return error_set(err, EXIT_QEMU_FAILED, "install qemu-img (Debian: qemu-utils)",
				 "vm snapshot needs qemu-img, which is not on PATH");
	pid_t pid = child_start(&c, NULL, err);

	if (pid < 0)
		return false;
	return (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       error_set(err, EXIT_QEMU_FAILED, "", "qemu-img snapshot %s %s has failed", option,
			 tag);
}

static bool save(const struct disk *disk, const struct snapshots *all, const struct wish *wish,
		 struct error *err)
{
	const struct qcow2_snapshot *old = snapshots_find(all, wish->name);

	if (!snapshots_free(all, wish->name, wish->option, err) ||
	    (old && !qemu_img(disk, "-d", old->name, err)) ||
	    !qemu_img(disk, "-c", wish->name, err))
		return false;
	log_info("snapshot %s saved: the disk, as the guest does not run", wish->name);
	return true;
}

static bool load(const struct disk *disk, const struct qcow2_snapshot *one, const struct wish *wish,
		 struct error *err)
{
	if (!qemu_img(disk, "-a", one->name, err))
		return false;
	log_info("snapshot %s loaded: the disk%s", wish->name,
		 one->memory ? "; for its memory, load it again when the guest runs" : "");
	return true;
}

static bool carry_out(const struct disk *disk, const struct wish *wish, struct error *err)
{
	static struct snapshots all;
	static char text[SNAPSHOTS_TEXT];

	if (!snapshots_read(disk, &all, err))
		return false;
	if (!wish->name) {
		(void)fwrite(text, 1, snapshots_text(&all, wish->option, text), stdout);
		return true;
	}
	if (strcmp(wish->action, "save") == 0)
		return save(disk, &all, wish, err);
	const struct qcow2_snapshot *one = snapshots_get(&all, wish->name, err);

	if (!one)
		return false;
	if (strcmp(wish->action, "load") == 0)
		return load(disk, one, wish, err);
	if (!qemu_img(disk, "-d", one->name, err))
		return false;
	log_info("snapshot %s deleted", wish->name);
	return true;
}

/* The disk that the next start writes to. */
static bool open_disk(struct settings *s, struct disk *disk, struct errors *errs)
{
	static char path[4096];
	static struct errors warnings;
	bool embedded;

	if (!disk_find(s, path, &embedded, errs))
		return false;
	s->embedded_guest = embedded;
	if (!s->drive && !embedded && path[0])
		s->drive = path;
	if (!settings_resolve(s, 0, errs, &warnings))
		return false;
	if (!path[0])
		return true;
	if (s->disk_mode == DISK_MODE_THROWAWAY)
		return errors_add(errs, EXIT_BAD_SETTING,
				  "start the guest, or use QEMU_DISK_MODE=overlay",
				  "QEMU_DISK_MODE=throwaway: of a guest that does not run there "
				  "is no disk to keep a snapshot in");
	if (!disk_open(s, path, embedded, disk, errs))
		return false;
	if (disk->overlay_new)
		return errors_add(errs, EXIT_NO_IMAGE, "start the guest once",
				  "%s is not there yet: the guest has written nothing",
				  disk->overlay);
	return true;
}

int cmd_snapshot(const struct command *self, int argc, char **argv, char **envp)
{
	static struct settings s;
	static struct errors errs;
	static struct disk disk;
	struct error err = {0};
	struct wish wish;
	int status;

	if (!parse(self, argc, argv, &wish, &status))
		return status;
	if (wish.name && !snapshot_name_check(wish.name, &err)) {
		error_report(&err);
		return err.status;
	}
	bool good = settings_parse(envp, &s, &errs);

	if (plan_guest_runs(&s))
		return ask(envp, &wish);
	if (!good || !open_disk(&s, &disk, &errs)) {
		errors_report(&errs);
		return errors_status(&errs);
	}
	bool done = carry_out(&disk, &wish, &err);

	disk_close(&disk);
	if (done)
		return EXIT_CLEAN;
	error_report(&err);
	return err.status;
}
