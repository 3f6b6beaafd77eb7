/* plan.c - see plan.h. */
#include "guest/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "base/profile.h"
#include "format/markers.h"
#include "guest/ladder.h"
#include "guest/life.h"
#include "guest/marker_files.h"
#include "guest/network.h"
#include "host/listen.h"
#include "host/memory.h"

bool find_program(const char *path, const char *name, char *out, size_t size)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (snprintf(out, size, "%.*s/%s", (int)len, path, name) < (int)size &&
		    access(out, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static const char *environment(char *const envp[], const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

static void find_qemu(struct plan *plan, char *const envp[])
{
	char arch[16];
	char name[64];
	const char *path = environment(envp, "PATH");

	if (plan->s.qemu) {
		(void)snprintf(plan->qemu, sizeof plan->qemu, "%s", plan->s.qemu);
		if (access(plan->qemu, X_OK) != 0)
			(void)errors_add(&plan->errors, EXIT_QEMU_FAILED,
					 "set VM_QEMU to a qemu-system program, or leave it unset",
					 "VM_QEMU=%s: %s", plan->qemu, strerror(errno));
		return;
	}
	(void)snprintf(name, sizeof name, "qemu-system-%s",
		       setting_choice(SETTING_QEMU_ARCH, plan->s.arch, arch, sizeof arch));
	if (!find_program(path ? path : "/usr/local/bin:/usr/bin:/bin", name, plan->qemu,
			  sizeof plan->qemu))
		(void)errors_add(
			&plan->errors, EXIT_QEMU_FAILED,
			"install QEMU for that architecture (Alpine: qemu-system-x86_64, "
			"qemu-system-i386; Debian: qemu-system-x86), or set QEMU_ARCH or VM_QEMU",
			"QEMU_ARCH=%s: there is no program %s on PATH", arch, name);
}

/* Can ID read the file (or directory) ST? What counts are the mode bits; we may be root. */
static bool readable_by(const struct identity *id, const struct stat *st)
{
	if (st->st_uid == id->uid)
		return st->st_mode & S_IRUSR;
	if (st->st_gid == id->gid)
		return st->st_mode & S_IRGRP;
	return st->st_mode & S_IROTH;
}

bool plan_check_file(struct plan *plan, const char *setting, const char *path, size_t len,
		     mode_t type)
{
	char name[4096];
	char fix[256];
	struct stat st;

	(void)snprintf(name, sizeof name, "%.*s", (int)len, path);
	if (stat(name, &st) != 0) {
		(void)snprintf(fix, sizeof fix, "mount the file into the container, or correct %s",
			       setting);
		return errors_add(&plan->errors,
				  errno == EACCES ? EXIT_NO_PERMISSION : EXIT_NO_IMAGE, fix,
				  "%s=%s: %s", setting, name, strerror(errno));
	}
	if ((st.st_mode & S_IFMT) != type) {
		(void)snprintf(fix, sizeof fix, "set %s to a %s", setting,
			       type == S_IFDIR ? "directory" : "regular file");
		return errors_add(&plan->errors, EXIT_NO_IMAGE, fix, "%s=%s is no %s", setting,
				  name, type == S_IFDIR ? "directory" : "regular file");
	}
	if (!readable_by(&plan->identity, &st))
		return errors_add(
			&plan->errors, EXIT_NO_PERMISSION,
			"make it readable (chmod a+r), or set VM_UID and VM_GID to its owner",
			"%s=%s cannot be read by QEMU's user %u:%u", setting, name,
			(unsigned)plan->identity.uid, (unsigned)plan->identity.gid);
	return true;
}

/* The first line of FILE, the value of SETTING, into PASSWORD. It is read once, by us: QEMU's user
 * cannot read the file, and it is on no command line. */
static void read_password(struct plan *plan, const char *setting, const char *file, char *password,
			  size_t size)
{
	char line[RELAY_PASSWORD + 2];
	char fix[96];

	if (!file)
		return;
	(void)snprintf(fix, sizeof fix, "mount the file into the container, or correct %s",
		       setting);
	if (read_small(file, line, sizeof line) < 0) {
		(void)errors_add(&plan->errors,
				 errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION, fix,
				 "%s=%s: %s", setting, file, strerror(errno));
		return;
	}
	size_t len = strcspn(line, "\r\n");

	line[len] = '\0';
	if (len == 0)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "write the password into its first line",
				 "%s=%s: its first line is empty", setting, file);
	if (len > RELAY_PASSWORD)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, "choose a shorter one",
				 "%s=%s: the password is longer than %d bytes", setting, file,
				 RELAY_PASSWORD);
	(void)snprintf(password, size, "%.*s", RELAY_PASSWORD, line);
	explicit_bzero(line, sizeof line);
}

/* The protocol's DES key has 8 bytes (RFC 6143, 7.2.2). */
static void read_vnc_password(struct plan *plan)
{
	char line[RELAY_PASSWORD + 1] = "";
	const char *file = plan->s.vnc_password_file;

	read_password(plan, "VNC_PASSWORD_FILE", file, line, sizeof line);
	(void)snprintf(plan->vnc_password, sizeof plan->vnc_password, "%.8s", line);
	if (strlen(line) > 8)
		(void)errors_add(&plan->warnings, EXIT_BAD_SETTING, "",
				 "VNC_PASSWORD_FILE=%s: VNC uses the first 8 characters only",
				 file);
	explicit_bzero(line, sizeof line);
}

static void read_passwords(struct plan *plan)
{
	const struct settings *s = &plan->s;

	if (s->vnc && s->vnc_password_file)
		read_vnc_password(plan);
	read_password(plan, "SERIAL_PASSWORD_FILE", s->serial_password_file, plan->serial_password,
		      sizeof plan->serial_password);
	read_password(plan, "MONITOR_PASSWORD_FILE", s->monitor_password_file,
		      plan->monitor_password, sizeof plan->monitor_password);
}

void plan_direct(struct plan *plan)
{
	if (plan->s.cache != CACHE_NONE && plan->s.cache != CACHE_DIRECTSYNC)
		return;
	for (int i = 0; i < plan->disk.count; i++) {
		int fd = plan->disk.layers[i].fd;

		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) == 0)
			continue;
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "set QEMU_CACHE=writeback, or put the image (for a throwaway "
				 "disk: VM_TMP_DIR) on another file system",
				 "QEMU_CACHE=none or directsync: the file system of layer %d of %s "
				 "has no direct I/O",
				 i, plan->disk.path);
		return;
	}
}

static void check_files(struct plan *plan)
{
	char name[4096];
	const struct settings *s = &plan->s;

	if (s->bios)
		(void)plan_check_file(plan, "QEMU_BIOS", s->bios, strlen(s->bios), S_IFREG);
	if (s->trace && s->trace[0] == '/')
		(void)plan_check_file(plan, "VM_TRACE", s->trace, strlen(s->trace), S_IFREG);
	if (s->share == SHARE_9P || s->share == SHARE_DISK)
		(void)plan_check_file(plan, "SHARE_DIR", s->share_dir, strlen(s->share_dir),
				      S_IFDIR);
	if (s->share == SHARE_DISK && !find_program(getenv("PATH"), "xorriso", name, sizeof name))
		(void)errors_add(&plan->errors, EXIT_QEMU_FAILED, "install xorriso",
				 "VM_SHARE=disk needs xorriso, which is not on PATH");
	read_passwords(plan);
}

static void collect_facts(struct plan *plan)
{
	struct facts *f = &plan->facts;

	f->accel = plan->accel.accel;
	f->has_cdrom = plan->cdrom_fd >= 0;
	f->incoming = plan->resume.kind != RESUME_NONE;
	/* A boot of the profiler's is no place to make it. */
	f->has_share = plan->s.share == SHARE_DISK && !f->unattended;
	f->kernel = plan->kernel.fds[0] >= 0 ? plan->kernel.path : NULL;
	f->initrd = plan->kernel.initrd[0] ? plan->kernel.initrd : NULL;
	f->disk_layers = plan->disk.count;
	for (int i = 0; i < plan->disk.count; i++)
		f->disks[i] = (struct disk_fact){.format = plan->disk.layers[i].format,
						 .device = plan->disk.layers[i].device,
						 .writable = plan->disk.layers[i].writable};
}

/* VM_MARKERS, or what is known of the guest; and how it is asked to power off. */
static void read_life(struct plan *plan)
{
	static char text[MARKERS_TEXT_MAX + 2];
	static struct markers parsed;
	const struct settings *s = &plan->s;
	struct error err = {0};
	const char *bad;

	plan->rungs = rungs_parse(s->stop_ladder, &bad);
	if (!plan->rungs)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "set it to a list such as acpi,ssh,serial, to none or to auto",
				 "VM_STOP_LADDER=%s: %.*s is none of acpi, ssh and serial",
				 s->stop_ladder, (int)strcspn(bad, ","), bad);
	if (s->stop == STOP_SUSPEND)
		plan->rungs |= 1u << RUNG_SUSPEND;
	plan->markers = marker_file((enum guest)s->guest, &plan->markers_len);
	if (!s->markers)
		return;
	ssize_t n = read_small(s->markers, text, sizeof text);

	if (n < 0 || n > MARKERS_TEXT_MAX) {
		(void)errors_add(&plan->errors,
				 n < 0 && errno == ENOENT ? EXIT_NO_IMAGE
				 : n < 0		  ? EXIT_NO_PERMISSION
							  : EXIT_BAD_SETTING,
				 "mount the file into the container, or correct VM_MARKERS",
				 "VM_MARKERS=%s: %s", s->markers,
				 n < 0 ? strerror(errno) : "the file is too large");
		return;
	}
	plan->markers = text;
	plan->markers_len = (size_t)n;
	if (!markers_parse(text, (size_t)n, &parsed, &err))
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, err.fix, "VM_MARKERS=%s: %s",
				 s->markers, err.message);
}

/* What ready means has to be possible. */
static void check_ready(struct plan *plan)
{
	const struct settings *s = &plan->s;
	struct error err = {0};
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);
	unsigned port = s->ready == READY_SSH ? 22 : 80;

	if (!retry_possible(plan, &err))
		(void)errors_append(&plan->errors, &err);
	if (s->boot_retries > 0 && s->boot_timeout == 0)
		(void)errors_add(
			&plan->errors, EXIT_BAD_SETTING,
			"set VM_BOOT_TIMEOUT to the seconds that a boot may take",
			"VM_BOOT_RETRIES=%ld without VM_BOOT_TIMEOUT: no boot is ever late",
			s->boot_retries);
	if (s->ready != READY_SSH && s->ready != READY_HTTP)
		return;
	for (int i = 0; i < n; i++)
		if (!f[i].udp && f[i].guest == port)
			return;
	(void)errors_add(
		&plan->errors, EXIT_BAD_SETTING,
		"add the forward to QEMU_HOSTFWDS (with QEMU_NET=user or passt), or choose "
		"another VM_READY such as login",
		"VM_READY=%s: no port is forwarded to the guest's port %u",
		s->ready == READY_SSH ? "ssh" : "http", port);
}

bool plan_args(struct plan *plan, struct error *err)
{
	plan->s.qemu = plan->qemu;
	collect_facts(plan);
	return args_build(&plan->s, &plan->facts, &plan->args, err);
}

/* `vm check` and `vm args` are asked beside a running guest, too. Another start is not: it ends
 * when it finds the socket taken. */
bool plan_guest_runs(const struct settings *s)
{
	char path[RUN_PATH_MAX];

	(void)run_path(s, "control.sock", path);
	_cleanup_fd_ int fd = connect_unix(path);

	return fd >= 0;
}

bool plan_make(struct plan *plan, char *const envp[])
{
	static char path[4096];
	struct error err = {0};
	struct settings *s = &plan->s;
	bool embedded = false;

	memset(&plan->disk, 0, sizeof plan->disk);
	plan->resume = (struct resume){.memory = -1};
	plan->cdrom_fd = plan->share_fd = plan->share_out = -1;
	plan->kvm_fd = plan->net_fd = -1;
	kernel_init(&plan->kernel);
	bool settings_ok = settings_parse(envp, s, &plan->errors);
	bool found = disk_find(s, path, &embedded, &plan->errors);

	s->embedded_guest = embedded;
	s->guest_runs = plan_guest_runs(s);
	if (!s->drive && !embedded && path[0])
		s->drive = path;
	bool identified = identity_choose(s, &plan->identity, &err);

	if (identified)
		kernel_prepare(plan);
	settings_ok &= settings_resolve(s, memory_limit("/sys/fs/cgroup", "/proc/self/cgroup"),
					&plan->errors, &plan->warnings);
	kernel_check_memory(plan);
	if (!identified)
		(void)errors_append(&plan->errors, &err);
	if (found && path[0])
		(void)disk_open(s, path, embedded, &plan->disk, &plan->errors);
	plan_direct(plan);
	if (s->cdrom)
		(void)cdrom_open(s->cdrom, &plan->cdrom_fd, &plan->errors);
	find_qemu(plan, envp);
	check_files(plan);
	read_life(plan);
	check_ready(plan);
	if (settings_ok)
		network_check(plan);
	/* The accelerator comes last: there is no need to prove anything for a start that fails. */
	plan->accel = (struct accel_choice){.accel = ACCEL_TCG};
	if (settings_ok && !accel_choose(s, &plan->kvm, &plan->accel, &err))
		(void)errors_append(&plan->errors, &err);
	if (plan->accel.accel == ACCEL_KVM)
		plan->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	/* All that is wrong is told at once, so these names are looked up beside other errors, too.
	 */
	if (identified && access(plan->qemu, X_OK) == 0) {
		plan_check_offers(plan);
		plan_check_logs(plan);
	}
	/* Nobody's "host" but this one's could resume a state. */
	if (plan->accel.accel == ACCEL_KVM && !s->cpu && (s->warm || s->stop == STOP_SUSPEND))
		s->cpu = "Nehalem";
	if (settings_ok && !plan_args(plan, &err))
		(void)errors_append(&plan->errors, &err);
	if (plan->errors.count == 0 && !plan->facts.unattended) /* which are there to boot */
		plan_resume(plan);
	return plan->errors.count == 0;
}

static void describe_forwards(const struct settings *s, char *buf, size_t size)
{
	struct forward f[FORWARDS_MAX];
	size_t used = 0;
	int n = settings_forwards(s, f);

	buf[0] = '\0';
	for (int i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, ", %s port %u -> the guest's %u",
					 f[i].udp ? "udp" : "tcp", f[i].port, f[i].guest);
}

static const char *port_text(long port, char buf[8])
{
	(void)snprintf(buf, 8, port ? "%ld" : "off", port);
	return buf;
}

void plan_describe(const struct plan *plan)
{
	char serial[8];
	char raw[24] = "";
	char monitor[8];
	const struct settings *s = &plan->s;
	const struct profile *p = profile_of((enum guest)s->guest);
	char bus[16];
	char mode[16];
	char forwards[1024];
	char network[NETWORK_TEXT];

	if (plan->disk.embedded) {
		log_info("built-in guest: GNU Mach 1.8, the kernel of Debian GNU/Hurd, with a "
			 "login and a small shell; nothing is kept");
		log_info("the full Debian GNU/Hurd: put its disk into images/ and start again "
			 "(scripts/get-image fetches and prepares it; README, Your own guest)");
	} else if (plan->disk.count) {
		log_info("guest %s (%s): %s, %.1f GiB, %s", p->name, p->about, plan->disk.path,
			 (double)plan->disk.layers[0].virtual_size / (1 << 30),
			 setting_choice(SETTING_QEMU_DISK_MODE, s->disk_mode, mode, sizeof mode));
	} else {
		log_info("guest %s (%s), no disk", p->name, p->about);
	}
	if (plan->kernel.about[0])
		log_info("kernel %s", plan->kernel.about);
	if (plan->disk.overlay[0])
		log_info("the image stays as it is; what the guest writes is kept in %s%s",
			 plan->disk.overlay, plan->disk.overlay_new ? " (new)" : "");
	if (plan->disk.dirty)
		log_warning("%s was not closed cleanly (qcow2 dirty bit): QEMU repairs it when it "
			    "starts",
			    plan->disk.path);
	log_info("%ld MiB, %ld processor%s, %s, disk on %s", s->ram_mb, s->cpus,
		 s->cpus == 1 ? "" : "s", s->machine,
		 setting_choice(SETTING_QEMU_DISK_BUS, s->disk_bus, bus, sizeof bus));
	log_info("accelerator %s", plan->accel.reason);
	describe_forwards(s, forwards, sizeof forwards);
	if (s->serial_raw_port)
		(void)snprintf(raw, sizeof raw, " and (raw) %ld", s->serial_raw_port);
	log_info("on %s: serial console (telnet) %s%s, monitor (telnet) %s%s", s->bind,
		 port_text(s->serial_port, serial), raw, port_text(s->monitor_port, monitor),
		 forwards);
	if (s->net != NET_USER && s->net != NET_NONE)
		log_info("network: %s", network_describe(s, network));
	if (s->gdb)
		log_info("on %s: GDB %ld (target remote)", s->bind, s->gdb_port);
	if (s->guest_runs)
		log_info("a guest runs here already (VM_RUN_DIR=%s)", s->run_dir);
}
