/* plan.c - see plan.h. */
#include "plan/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "config/guest_preset.h"
#include "format/markers.h"
#include "format/plain_text.h"
#include "host/confined.h"
#include "host/listen.h"
#include "host/memory.h"
#include "plan/check_network.h"
#include "plan/direct_boot.h"
#include "plan/fsck.h"
#include "plan/marker_files.h"
#include "proto/stop_rungs.h"

/* The exit status for a file that cannot be read, by errno. */
static enum exit_status file_status(int why)
{
	return why == ENOENT || why == ENOTREG ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION;
}

/* Read the first line of FILE, the value of SETTING, into PASSWORD. This process reads it once:
 * QEMU's user cannot read the file, and the password appears on no command line. */
static void read_password(struct plan *plan, const char *setting, const char *file, char *password,
			  size_t size)
{
	char line[RELAY_PASSWORD + 8];
	char fix[96];

	if (!file)
		return;
	(void)snprintf(fix, sizeof fix, "mount the file into the container, or correct %s",
		       setting);
	ssize_t got = read_small(file, line, sizeof line);
	size_t n = got < 0 ? 0 : (size_t)got;

	if (got < 0) {
		(void)errors_add(&plan->errors, file_status(errno), fix, "%s=%s: %s", setting, file,
				 file_strerror(errno));
		return;
	}
	const char *why = plain_text(line, &n);
	size_t len = strcspn(line, "\r\n");

	line[len] = '\0';
	if (why)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, plain_text_fix, "%s=%s %s",
				 setting, file, why);
	else if (len == 0)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "write the password into its first line",
				 "%s=%s: its first line is empty", setting, file);
	if (len > RELAY_PASSWORD)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, "choose a shorter one",
				 "%s=%s: the password is longer than %d bytes", setting, file,
				 RELAY_PASSWORD);
	if (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		(void)errors_add(&plan->warnings, EXIT_BAD_SETTING, "",
				 "%s=%s: a blank at the end of the password is part of it", setting,
				 file);
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
	char login[RELAY_PASSWORD + 1];

	/* Only checked here; each login reads it again. */
	read_password(plan, "VM_LOGIN_PASSWORD_FILE", s->login_password_file, login, sizeof login);
	explicit_bzero(login, sizeof login);

	if (s->vnc && s->vnc_password_file)
		read_vnc_password(plan);
	read_password(plan, "SERIAL_PASSWORD_FILE", s->serial_password_file, plan->serial_password,
		      sizeof plan->serial_password);
	read_password(plan, "MONITOR_PASSWORD_FILE", s->monitor_password_file,
		      plan->monitor_password, sizeof plan->monitor_password);
}

static void check_files(struct plan *plan)
{
	char name[4096];
	const struct settings *s = &plan->s;

	plan_firmware(plan);
	plan_check_dtb(plan);
	if (s->trace && s->trace[0] == '/')
		plan_trace(plan);
	if (s->share == SHARE_9P || s->share == SHARE_DISK)
		(void)plan_check_file(plan, "SHARE_DIR", s->share_dir, strlen(s->share_dir),
				      S_IFDIR);
	if (s->share == SHARE_DISK && !find_program(getenv("PATH"), "xorriso", name, sizeof name))
		(void)errors_add(&plan->errors, EXIT_QEMU_FAILED, "install xorriso",
				 "VM_SHARE=disk needs xorriso, which is not on PATH");
	read_passwords(plan);
}

struct markers_text {
	const char *text;
	size_t n;
};

static bool parse_markers(const void *arg, void *answer, struct error *err)
{
	static struct markers parsed;
	const struct markers_text *t = arg;

	(void)answer;
	return markers_parse(t->text, t->n, &parsed, err);
}

/* Is the text of the file PATH (N bytes) safe to parse, and does it contain valid markers? */
static bool markers_try(const char *path, const char *text, size_t n, struct error *err)
{
	const struct markers_text t = {text, n};
	const struct confined c = {.name = path,
				   .run = parse_markers,
				   .arg = &t,
				   .in = -1,
				   .out = -1,
				   .memory = (size_t)64 << 20};

	return confined_run(&c, err);
}

static bool compile_markers(struct plan *plan, struct error *err)
{
	return markers_compile(plan->markers_text, plan->markers_len, &plan->markers,
			       &plan->patterns, err);
}

/* Load VM_MARKERS or the guest's built-in markers; choose the shutdown commands. */
static void read_life(struct plan *plan)
{
	static char text[MARKERS_TEXT_MAX + 2];
	const struct settings *s = &plan->s;
	struct error err = {0};
	const struct guest_preset *preset = preset_of((enum guest_kind)s->guest);
	const char *bad;

	plan->guest_name = preset->name;
	plan->set_clock = preset->set_clock;
	plan->idle_panic = preset->idle_panic;
	plan_power_button(plan);
	plan->rungs = rungs_parse(s->stop_ladder, &bad);
	if (!plan->rungs)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "set it to a list such as acpi,ssh,serial, to none or to auto",
				 "VM_STOP_LADDER=%s: %.*s is none of acpi, ssh and serial",
				 s->stop_ladder, (int)strcspn(bad, ","), bad);
	if (s->stop == STOP_SUSPEND)
		plan->rungs |= 1u << RUNG_SUSPEND;
	if (!s->markers) {
		plan->markers_text = marker_file((enum guest_kind)s->guest, &plan->markers_len);
		if (!compile_markers(plan, &err))
			(void)errors_append(&plan->errors, &err);
		return;
	}
	ssize_t n = read_small(s->markers, text, sizeof text);

	if (n < 0 || n > MARKERS_TEXT_MAX) {
		(void)errors_add(&plan->errors, n < 0 ? file_status(errno) : EXIT_BAD_SETTING,
				 "mount the file into the container, or correct VM_MARKERS",
				 "VM_MARKERS=%s: %s", s->markers,
				 n < 0 ? file_strerror(errno) : "the file is too large");
		return;
	}
	plan->markers_text = text;
	plan->markers_len = (size_t)n;
	const char *why = plain_text(text, &plan->markers_len);

	if (why)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, plain_text_fix,
				 "VM_MARKERS=%s %s", s->markers, why);
	else if (!markers_try(s->markers, text, plan->markers_len, &err) ||
		 !compile_markers(plan, &err))
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, err.fix, "VM_MARKERS=%s: %s",
				 s->markers, err.message);
}

static bool retry_possible(const struct plan *plan, struct error *err)
{
	const struct disk_layer *top = &plan->disk.layers[0];

	if (plan->s.boot_retries == 0 || plan->disk.count == 0 ||
	    (top->format == FORMAT_QCOW2 && top->writable))
		return true;
	return error_set(err, EXIT_BAD_SETTING,
			 "use QEMU_DISK_MODE=throwaway, or convert the image to qcow2",
			 "VM_BOOT_RETRIES=%ld: a raw disk cannot be restored to its earlier state",
			 plan->s.boot_retries);
}

/* The condition for readiness must be possible. */
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
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "set VM_BOOT_TIMEOUT to the seconds that a boot may take",
				 "VM_BOOT_RETRIES=%ld without VM_BOOT_TIMEOUT: no boot can be late",
				 s->boot_retries);
	if (s->ready != READY_SSH && s->ready != READY_HTTP)
		return;
	for (int i = 0; i < n; i++)
		if (!f[i].udp && f[i].guest_port == port)
			return;
	(void)errors_add(
		&plan->errors, EXIT_BAD_SETTING,
		"add the forward to QEMU_HOSTFWDS (with QEMU_NET=user or passt), or choose "
		"another VM_READY such as login",
		"VM_READY=%s: no port is forwarded to the guest's port %u",
		s->ready == READY_SSH ? "ssh" : "http", port);
}

/* `vm check` and `vm args` may run beside a running guest. A second start may not: it ends when it
 * finds the socket in use. */
bool plan_guest_runs(const struct settings *s)
{
	char path[RUN_PATH_MAX];

	(void)run_path(s, "control.sock", path);
	_cleanup_fd_ int fd = connect_unix(path);

	return fd >= 0;
}

/* Was a stop requested while files were read? Then other errors do not matter. */
static bool plan_stopped(struct plan *plan)
{
	if (!confined_stopped())
		return false;
	struct errors *errs = &plan->errors;

	for (size_t i = 0; i < errs->count && i < ERRORS_MAX; i++)
		if (errs->list[i].status == EXIT_CLEAN) {
			errs->list[0] = errs->list[i];
			errs->count = 1;
			return true;
		}
	errs->count = 0;
	(void)errors_add(errs, EXIT_CLEAN, "", "stopped before the start");
	return true;
}

bool plan_make(struct plan *plan, char *const envp[])
{
	static char path[4096];
	struct error err = {0};
	struct settings *s = &plan->s;
	bool embedded = false;

	memset(&plan->disk, 0, sizeof plan->disk);
	memset(plan->more, 0, sizeof plan->more);
	plan->more_disks = 0;
	plan->no_state = (struct error){0};
	memset(&plan->cold.disk, 0, sizeof plan->cold.disk);
	plan->resume = (struct resume){.stream = -1};
	plan->ram = plan->cold.ram = (struct plan_ram){.fd = -1, .from = -1};
	plan->cdrom_fd = plan->cdrom2_fd = plan->share_fd = plan->share_out = -1;
	plan->kvm_fd = plan->net_fd = plan->trace_fd = -1;
	plan->firmware = (struct firmware){.fds = {-1, -1}};
	kernel_init(&plan->kernel);
	plan->boot = (struct boot_way){0};
	bool settings_ok = settings_parse(envp, s, &plan->errors);
	bool found = disk_find(s, path, &embedded, &plan->errors);

	s->builtin_guest = embedded;
	if (embedded)
		disk_check_unused(s, &plan->errors, &plan->warnings);
	s->guest_runs = plan_guest_runs(s);
	if (!s->drive && !embedded && path[0])
		s->drive = path;
	bool identified = identity_choose(s, &plan->identity, &err);

	confined_as(identified ? &plan->identity : NULL);
	if (identified)
		kernel_prepare(plan);
	settings_ok &= settings_resolve(s, memory_limit("/sys/fs/cgroup", "/proc/self/cgroup"),
					&plan->errors, &plan->warnings);
	kernel_check_memory(plan);
	if (!identified)
		(void)errors_append(&plan->errors, &err);
	if (found && path[0])
		(void)disk_open(s, path, embedded, &plan->disk, &plan->errors);
	if (!plan_stopped(plan))
		plan_more_disks(plan);
	if (plan_stopped(plan))
		return false;
	if (settings_ok)
		firmware_prepare(plan);
	plan_fsck_inspect(plan);
	plan_set_direct_io(plan);
	if (s->cdrom)
		(void)cdrom_open(s, s->cdrom, &plan->cdrom_fd, &plan->errors);
	if (s->cdrom2)
		(void)cdrom_open(s, s->cdrom2, &plan->cdrom2_fd, &plan->errors);
	plan_find_emulator(plan, envp);
	check_files(plan);
	read_life(plan);
	check_ready(plan);
	if (settings_ok)
		network_check(plan);
	/* The accelerator is checked last: a start that fails anyway does not need the KVM test. */
	plan->accel = (struct accel_choice){.accel = ACCEL_TCG};
	if (settings_ok && !accel_choose(s, &plan->kvm, &plan->accel, &err))
		(void)errors_append(&plan->errors, &err);
	if (plan->accel.accel == ACCEL_KVM)
		plan->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	/* All errors are reported together, so these names are checked even if there are other
	 * errors. */
	if (identified && access(plan->qemu, X_OK) == 0) {
		plan_check_emulator(plan);
		plan_check_logs(plan);
	}
	/* With "host", a state could be resumed on this host only. */
	if (plan->accel.accel == ACCEL_KVM && !s->cpu && (s->warm || s->stop == STOP_SUSPEND))
		s->cpu = "Nehalem";
	plan_ram(plan);
	if (settings_ok && !plan_args(plan, &err))
		(void)errors_append(&plan->errors, &err);
	if (plan->errors.count == 0 &&
	    !plan->facts.unattended) /* only saved states of a disk that can boot */
		plan_resume(plan);
	if (plan->errors.count == 0)
		plan_fsck_warn(plan);
	if (plan->errors.count == 0 && plan->repairs && !plan_fsck(plan, &err))
		(void)errors_append(&plan->errors, &err);
	if (settings_ok && identified)
		direct_boot_prepare(plan);
	firmware_keep(plan);
	(void)network_describe(s, plan->network_text);
	(void)plan_ports(plan, plan->ports_text);
	if (!plan_extra_unreadable(plan, plan->unreadable, sizeof plan->unreadable))
		plan->unreadable[0] = '\0';
	return !plan_stopped(plan) && plan->errors.count == 0;
}
