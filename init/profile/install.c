/* install.c - vm profile --install: before measuring, installs the system from a CD-ROM on a
 * separate disk for each cell, with `vm script --boot` (profiler_internal.h).
 *
 * A disk is renamed to DIR/disks/KEY.qcow2 only after its script has succeeded; a resumed run
 * installs only the disks that the report lacks. DIR/install/KEY/ has the logs. The guest has its
 * own VM_RUN_DIR, no open port, and no other disk: none of the user's files are written to.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "profile/profiler_internal.h"

#define POLL_MS	  100
#define PATH_SIZE 4400

static const char *variable(const struct profiler *p, const char *name)
{
	size_t n = strlen(name);

	for (char *const *v = p->envp; *v; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	return "";
}

bool install_check(struct profiler *p, struct error *err)
{
	static const char *const others[] = {"QEMU_DRIVE", "QEMU_DRIVE2", "QEMU_DRIVE3",
					     "QEMU_DRIVE4", "QEMU_FLOPPY"};
	const char *script = p->o->install;
	const char *size = p->o->install_size ? p->o->install_size : "4G";
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, script, O_RDONLY, false, NULL);

	if (fd < 0)
		return error_set(err, errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
				 "name a file of steps (docs/automation.md, vm script)",
				 "--install %s: %s", script, file_strerror(errno));
	if (variable(p, "QEMU_CDROM")[0] == '\0')
		return error_set(err, EXIT_BAD_SETTING, "set QEMU_CDROM to the installer's ISO",
				 "--install %s: there is no CD-ROM to install from", script);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (variable(p, others[i])[0] && strcmp(variable(p, others[i]), "none") != 0)
			return error_set(err, EXIT_BAD_SETTING,
					 "unset it: the disks are made in the report's directory",
					 "--install %s: %s is set, and would be written to", script,
					 others[i]);
	if (snprintf(p->report.install_size, sizeof p->report.install_size, "%s", size) >=
	    (int)sizeof p->report.install_size)
		return error_set(err, EXIT_BAD_USAGE, "a number of bytes, or 4G",
				 "--install-size %.40s...", size);
	(void)snprintf(p->tmp_dir, sizeof p->tmp_dir, "%s", variable(p, "VM_TMP_DIR"));
	return true;
}

/* ---- settings ---- */

bool install_before(struct environment *e)
{
	return environment_set(e, "QEMU_DRIVE", "none");
}

static void disk_path(const struct profiler *p, size_t cell, const char *end, char out[PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, "%s/disks/%s.qcow2%s", p->dir, p->report.cell[cell].key,
		       end);
}

static bool set_disk(struct environment *e, const char *path)
{
	return environment_set(e, "QEMU_DRIVE", path) &&
	       environment_set(e, "QEMU_DRIVE_FORMAT", "qcow2");
}

bool install_after(const struct profiler *p, size_t cell, struct environment *e)
{
	char disk[PATH_SIZE];

	disk_path(p, cell, "", disk);
	/* The second CD-ROM is the installer's as well: a seed, its answers. */
	return set_disk(e, disk) && environment_set(e, "QEMU_CDROM", "") &&
	       environment_set(e, "QEMU_CDROM2", "") && environment_set(e, "QEMU_BOOT_ORDER", "");
}

/* Like a sample of CELL, but booted by the firmware, with the guest's writes kept. */
static bool settings_of(const struct profiler *p, size_t cell, const char *disk, const char *logs,
			const char *run, struct environment *e)
{
	struct choice c = p->choice[cell];

	c.value[AXIS_BOOT] = "disk";
	return environment_make(p->envp, &c, p->o->markers, "none", e) && set_disk(e, disk) &&
	       environment_set(e, "QEMU_DISK_MODE", "persistent") &&
	       environment_set(e, "VM_RUN_DIR", run) && environment_set(e, "VM_LOG_DIR", logs) &&
	       environment_set(e, "VM_STATE_DIR", run) && environment_set(e, "VM_WARM", "0");
}

/* ---- installing one disk ---- */

/* Run this program with ARGV to its end, with its output in FD. Returns its status as in a shell;
 * -1: ERR, or a signal has arrived. */
static int run_vm(struct profiler *p, char *const *argv, char *const *envp, int fd,
		  struct error *err)
{
	const struct child c = {.path = "/proc/self/exe",
				.argv = argv,
				.envp = envp,
				.fds = {{fd, STDOUT_FILENO}, {fd, STDERR_FILENO}},
				.fd_count = 2,
				.die_with_parent = true};
	struct pollfd signals = {.fd = p->signals, .events = POLLIN};
	pid_t pid = child_start(&c, NULL, err);
	int status;

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (poll(&signals, 1, POLL_MS) > 0)
			profiler_take_signal(p);
		if (p->signal) {
			(void)kill(pid, SIGTERM);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_full(const struct profiler *p)
{
	struct statvfs v;

	return statvfs(p->dir, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < 1 << 20;
}

/* It ended with STATUS; its error is in DIR/install/KEY/script.log. */
static bool failed(const struct profiler *p, size_t cell, const char *what, int status,
		   struct error *err)
{
	const char *key = p->report.cell[cell].key;
	enum exit_status mine = status >= EXIT_BAD_USAGE && status <= EXIT_BAD_SETTING
					? (enum exit_status)status
					: EXIT_NOT_READY;
	char fix[sizeof err->fix];

	if (is_full(p))
		return error_set(err, EXIT_NO_PERMISSION,
				 "make room there, and go on with --resume",
				 "installing %s: no space is left in %s", key, p->dir);
	(void)snprintf(fix, sizeof fix,
		       "see %.300s/install/%.100s/script.log, and go on with --resume", p->dir,
		       key);
	return error_set(err, mine, fix, "installing %s: %s ended with status %d", key, what,
			 status);
}

/* Create an empty disk PART that QEMU's user can write to. */
static bool make_disk(struct profiler *p, size_t cell, char *part, int log, struct error *err)
{
	char *argv[] = {(char *)"vm", (char *)"image",	      (char *)"create",
			part,	      p->report.install_size, NULL};

	(void)unlink(part); /* left by a run that was killed */
	int status = run_vm(p, argv, p->envp, log, err);

	if (status != 0)
		return status > 0 && failed(p, cell, "vm image create", status, err);
	_cleanup_fd_ int fd = open(part, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || (p->identity.change && !identity_chown(&p->identity, fd)))
		log_warning("%s cannot be given to QEMU's user: %s", part, strerror(errno));
	return true;
}

/* Files that a guest leaves in its VM_RUN_DIR. */
static void remove_run_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

#define NOT_STARTED 125 /* of vm script --boot (git-bisect(1)) */

static bool run_script(struct profiler *p, size_t cell, const char *disk, const char *logs, int log,
		       struct error *err)
{
	char *argv[] = {(char *)"vm",	   (char *)"script",	  (char *)"--boot",
			(char *)"--quiet", (char *)p->o->install, NULL};
	struct environment *e = calloc(1, sizeof *e);
	char run[sizeof p->tmp_dir + 32];
	int status = -1;

	(void)snprintf(run, sizeof run, "%s/vm-install.XXXXXX",
		       p->tmp_dir[0] ? p->tmp_dir : "/var/tmp");
	if (!mkdtemp(run) || chmod(run, 0755) != 0) {
		free(e);
		return error_set(err, EXIT_NO_PERMISSION, "set VM_TMP_DIR",
				 "%s cannot be created: %s", run, strerror(errno));
	}
	if (!e || !settings_of(p, cell, disk, logs, run, e))
		(void)error_set(err, EXIT_BAD_SETTING, "start it with fewer variables",
				"the environment is too large");
	else
		status = run_vm(p, argv, e->vars, log, err);
	/* With --boot a wrong script has the status of a guest that cannot be started, for git
	 * bisect. Without it, and no guest, it has its own. */
	if (status == NOT_STARTED) {
		char *check[] = {(char *)"vm", (char *)"script", (char *)p->o->install, NULL};
		int why = run_vm(p, check, e->vars, log, err);

		status = why == EXIT_BAD_USAGE || why == EXIT_NO_IMAGE ? why : status;
	}
	remove_run_dir(run);
	free(e);
	return status == 0 || (status > 0 && failed(p, cell, "vm script", status, err));
}

static bool commit(const char *part, const char *disk, struct error *err)
{
	_cleanup_fd_ int fd = open(part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0 && rename(part, disk) == 0) ||
	       error_set(err, EXIT_NO_PERMISSION, "make room there, and go on with --resume",
			 "%s cannot be kept: %s", disk, strerror(errno));
}

static bool install_one(struct profiler *p, size_t cell, const char *disk, struct error *err)
{
	struct report *r = &p->report;
	struct install in = {.cell = cell, .part = r->parts - 1};
	char part[PATH_SIZE];
	char logs[PATH_SIZE];
	char name[PATH_SIZE + 16];
	char when[CLOCK_UTC];

	disk_path(p, cell, ".part", part);
	(void)snprintf(logs, sizeof logs, "%s/install/%s", p->dir, r->cell[cell].key);
	(void)snprintf(name, sizeof name, "%s/script.log", logs);
	if (!profile_make_dir(logs, err))
		return false;
	_cleanup_fd_ int log =
		open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (log < 0)
		return error_set(err, EXIT_NO_PERMISSION, "make it writable", "%s: %s", name,
				 strerror(errno));
	log_info("%s is installed; its log is %s", r->cell[cell].key, name);
	clock_utc(when);
	(void)snprintf(in.started, sizeof in.started, "%.*s", CLOCK_UTC, when);
	if (!make_disk(p, cell, part, log, err))
		return false;
	uint64_t began = clock_now();
	bool ok = run_script(p, cell, part, logs, log, err);

	in.total_ms = round((double)(clock_now() - began) / 1e3) / 1e3;
	if (!ok || !commit(part, disk, err)) {
		(void)unlink(part);
		return false;
	}
	log_info("%s was installed in %.1f s", r->cell[cell].key, in.total_ms / 1e3);
	return (report_add_install(r, &in) ||
		error_set(err, EXIT_INTERNAL, "give the container more memory",
			  "no memory for an installation")) &&
	       profile_save(p->dir, r, err);
}

/* If the report lists an existing disk, it was made with this script and CD-ROM, because the
 * reports were compared on resuming. */
static bool is_installed(const struct report *r, size_t cell, const char *disk)
{
	for (size_t i = 0; i < r->installs; i++)
		if (r->install[i].cell == cell)
			return access(disk, F_OK) == 0;
	return false;
}

bool install_all(struct profiler *p, struct error *err)
{
	static const char *const dirs[] = {"disks", "install"};
	char path[PATH_SIZE];
	char *whole = realpath(p->dir, NULL);

	/* The guest needs absolute paths. */
	if (whole && strlen(whole) < sizeof p->dir)
		(void)snprintf(p->dir, sizeof p->dir, "%s", whole);
	free(whole);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", p->dir, dirs[i]);
		if (!profile_make_dir(path, err))
			return false;
	}
	for (size_t i = 0; i < p->schedule.count; i++) {
		size_t cell = p->schedule.slot[i].cell;

		disk_path(p, cell, "", path);
		if (!is_installed(&p->report, cell, path) && !install_one(p, cell, path, err))
			return false;
	}
	return true;
}
