/* cmd_snapshot_table.c - vm snapshot-table: internal helper of PID 1, which parses no image itself.
 *
 * Descriptor 3 is the disk of the running guest. `list` answers a control client (proto/control.h)
 * on standard output. The others print one line for PID 1: the tag of snapshot NAME (- if there is
 * none) and its memory size in bytes, or why ACTION is impossible. `revert` takes the disk back to
 * snapshot NAME while no QEMU has it open (pid1/boot_retry.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "host/confined.h"
#include "host/qemu_img.h"
#include "host/snapshot_table.h"
#include "proto/snapshot_helper.h"
#include "vm/cmd.h"

static int list(const char *disk, bool json)
{
	static struct snapshots all;
	static char text[16 + SNAPSHOTS_TEXT];
	const struct timeval patience = {.tv_sec = 10};
	struct error err = {0};
	int n;

	(void)fd_nonblock(STDOUT_FILENO, false);
	(void)setsockopt(STDOUT_FILENO, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (snapshots_read(SNAPSHOT_HELPER_DISK, disk, &all, &err)) {
		n = snprintf(text, sizeof text, "%d\n", EXIT_CLEAN);
		n += (int)snapshots_text(&all, json, text + n);
	} else {
		n = snprintf(text, sizeof text, "%d\n%s; %s\n", err.status, err.message, err.fix);
	}
	return write_all(STDOUT_FILENO, text, (size_t)n) ? EXIT_CLEAN : EXIT_NOT_READY;
}

/* Is ACTION possible for snapshot NAME? *ONE: the snapshot of that name, NULL if there is none. */
static bool check(const struct snapshots *all, const char *action, const char *name, bool force,
		  const struct qcow2_snapshot **one, struct error *err)
{
	*one = snapshots_find(all, name);
	if (strcmp(action, "size") == 0)
		return true;
	if (strcmp(action, "save") == 0)
		return snapshots_free(all, name, force, err);
	if (!snapshots_get(all, name, err))
		return false;
	if (strcmp(action, "load") == 0 && (*one)->memory == 0)
		return error_set(err, EXIT_BAD_IMAGE, "stop the guest, then load it",
				 "snapshot %s has no memory: it was saved from a guest that did "
				 "not run",
				 name);
	return true;
}

/* Take the disk DISK, which no other process has open, back to snapshot NAME. */
static int revert(const char *disk, const char *name, const struct identity *id, char **envp)
{
	static struct settings s;
	static struct errors errs;
	static struct qemu_img q;
	const struct disk layers = {
		.count = 1,
		.layers = {{.fd = SNAPSHOT_HELPER_DISK, .format = FORMAT_QCOW2, .writable = true}}};
	struct error err = {0};

	(void)settings_parse(envp, &s, &errs);
	qemu_img_begin(&q, "snapshot", disk);
	qemu_img_words(&q, (const char *const[]){"-a", name, NULL});
	qemu_img_disk(&q, &layers, 1); /* only tables change */
	int status = qemu_img_run(&q, &s, id, &err);

	if (status > 0)
		(void)qemu_img_failed(&q, status, &err);
	if (status != 0)
		(void)printf("%s%s%s\n", err.message, err.fix[0] ? "; " : "", err.fix);
	return status == 0 ? EXIT_CLEAN : EXIT_QEMU_FAILED;
}

int cmd_snapshot_table(const struct command *self, int argc, char **argv, char **envp)
{
	static struct snapshots all;
	static struct identity id;
	const struct qcow2_snapshot *one = NULL;
	struct error err = {0};

	if (argc != 7)
		return cmd_usage(self, "it takes six arguments", NULL);
	id.uid = (uid_t)strtoul(argv[5], NULL, 10);
	id.gid = (gid_t)strtoul(argv[6], NULL, 10);
	id.change = id.uid != geteuid() || id.gid != getegid();
	confined_as(&id);
	if (strcmp(argv[1], "revert") == 0)
		return revert(argv[4], argv[2], &id, envp);
	if (strcmp(argv[1], "list") == 0)
		return list(argv[4], strcmp(argv[3], "--json") == 0);
	if (!snapshots_read(SNAPSHOT_HELPER_DISK, argv[4], &all, &err) ||
	    !check(&all, argv[1], argv[2], strcmp(argv[3], "--force") == 0, &one, &err)) {
		(void)printf("%s%s%s\n", err.message, err.fix[0] ? "; " : "", err.fix);
		return err.status;
	}
	(void)printf("%s %" PRIu64 "\n", one ? one->name : "-", one ? one->memory : 0);
	return EXIT_CLEAN;
}
