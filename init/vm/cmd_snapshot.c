/* cmd_snapshot.c - vm snapshot: if a guest runs, PID 1 does it; otherwise qemu-img works on the
 * disk that the next start would write to. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/confined.h"
#include "host/qemu_img.h"
#include "host/snapshot_table.h"
#include "plan/plan.h"
#include "vm/cmd.h"
#include "vm/guest_shell.h"

struct action {
	const char *verb; /* "save", "load", "delete", "list" */
	const char *name; /* NULL with list */
	bool option;	  /* --force of save, --json of list */
};

static bool parse(const struct command *self, int argc, char **argv, struct action *action,
		  int *status)
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

	*action = (struct action){0};
	while (argc > 1 && row < 4 && strcmp(rows[row].action, argv[1]) != 0)
		row++;
	if (argc < 2 || row == 4) {
		*status = cmd_usage(self, argc < 2 ? "an action is missing" : "unknown action",
				    argv[1]);
		return false;
	}
	action->verb = argv[1];
	for (int i = 2; i < argc; i++) {
		if (rows[row].option && strcmp(argv[i], rows[row].option) == 0) {
			action->option = true;
		} else if (rows[row].named && !action->name && argv[i][0] != '-') {
			action->name = argv[i];
		} else {
			*status = cmd_usage(self, "unknown argument", argv[i]);
			return false;
		}
	}
	if (rows[row].named && !action->name) {
		*status = cmd_usage(self, "a name is missing", NULL);
		return false;
	}
	return true;
}

static int ask(char **envp, const struct action *action)
{
	char line[256];

	(void)snprintf(line, sizeof line, "snapshot %s %s %s", action->verb,
		       action->name ? action->name : "",
		       !action->option ? ""
		       : action->name  ? "--force"
				       : "--json");
	return control_exchange(envp, line, -1, 0);
}

/* ---- on the stopped guest ----------------------------------------------------------------- */

/* The disk that the next start writes to, and qemu-img's user. */
struct offline {
	struct settings s;
	struct disk disk;
	struct identity id;
};

/* Run `qemu-img snapshot OPTION TAG` on the disk, which qemu-img locks. Only tables change. */
static bool qemu_img(const struct offline *o, const char *option, const char *tag,
		     struct error *err)
{
	struct qemu_img q;

	qemu_img_begin(&q, "snapshot", o->disk.overlay[0] ? o->disk.overlay : o->disk.path);
	qemu_img_words(&q, (const char *const[]){option, tag, NULL});
	qemu_img_disk(&q, &o->disk, 1);
	int status = qemu_img_run(&q, &o->s, &o->id, err);

	text_free(&q.out);
	return status == 0 || qemu_img_failed(&q, status, err);
}

static bool save(const struct offline *o, const struct snapshots *all, const struct action *action,
		 struct error *err)
{
	const struct qcow2_snapshot *old = snapshots_find(all, action->name);

	if (!snapshots_free(all, action->name, action->option, err) ||
	    (old && !qemu_img(o, "-d", old->name, err)) || !qemu_img(o, "-c", action->name, err))
		return false;
	log_info("snapshot %s saved: the disk only, because the guest is not running",
		 action->name);
	return true;
}

static bool load(const struct offline *o, const struct qcow2_snapshot *one,
		 const struct action *action, struct error *err)
{
	if (!qemu_img(o, "-a", one->name, err))
		return false;
	log_info("snapshot %s loaded: the disk%s", action->name,
		 one->memory ? "; for its memory, load it again when the guest runs" : "");
	return true;
}

static bool carry_out(const struct offline *o, const struct action *action, struct error *err)
{
	static struct snapshots all;
	static char text[SNAPSHOTS_TEXT];

	if (!snapshots_check_disk(&o->disk, err) ||
	    !snapshots_read(o->disk.layers[0].fd, snapshots_disk_name(&o->disk), &all, err))
		return false;
	if (!action->name) {
		(void)fwrite(text, 1, snapshots_text(&all, action->option, text), stdout);
		return true;
	}
	if (strcmp(action->verb, "save") == 0)
		return save(o, &all, action, err);
	const struct qcow2_snapshot *one = snapshots_get(&all, action->name, err);

	if (!one)
		return false;
	if (strcmp(action->verb, "load") == 0)
		return load(o, one, action, err);
	if (!qemu_img(o, "-d", one->name, err))
		return false;
	log_info("snapshot %s deleted", action->name);
	return true;
}

static bool open_disk(struct settings *s, struct disk *disk, struct errors *errs)
{
	static char path[4096];
	static struct errors warnings;
	bool embedded;

	if (!disk_find(s, path, &embedded, errs))
		return false;
	s->builtin_guest = embedded;
	if (!s->drive && !embedded && path[0])
		s->drive = path;
	if (!settings_resolve(s, 0, errs, &warnings))
		return false;
	if (!path[0])
		return true;
	if (s->disk_mode == DISK_MODE_THROWAWAY)
		return errors_add(errs, EXIT_BAD_SETTING,
				  "start the guest, or use QEMU_DISK_MODE=overlay",
				  "QEMU_DISK_MODE=throwaway: a guest that is not running has no "
				  "disk to store a snapshot in");
	if (!disk_open(s, path, embedded, disk, errs))
		return false;
	if (disk->overlay_new)
		return errors_add(errs, EXIT_NO_IMAGE, "start the guest once",
				  "%s does not exist yet: the guest has written nothing",
				  disk->overlay);
	return true;
}

int cmd_snapshot(const struct command *self, int argc, char **argv, char **envp)
{
	static struct offline o;
	static struct errors errs;
	struct error err = {0};
	struct action action;
	int status;

	if (!parse(self, argc, argv, &action, &status))
		return status;
	if (action.name && !snapshot_name_check(action.name, &err)) {
		error_report(&err);
		return err.status;
	}
	bool good = settings_parse(envp, &o.s, &errs);

	if (plan_guest_runs(&o.s)) {
		if (strcmp(action.verb, "save") == 0)
			guest_await_logout(&o.s);
		return ask(envp, &action);
	}
	if (!good || !open_disk(&o.s, &o.disk, &errs)) {
		errors_report(&errs);
		return errors_status(&errs);
	}
	confined_hold(true);
	bool done = identity_choose_any(&o.s, &o.id, &err);

	if (done) {
		confined_as(&o.id);
		done = carry_out(&o, &action, &err);
	}

	disk_close(&o.disk);
	confined_hold(false); /* from here on a signal ends this process */
	if (done)
		return EXIT_CLEAN;
	error_report(&err);
	return err.status;
}
