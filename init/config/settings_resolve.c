/* settings_resolve.c - resolves and checks settings in combination.
 *
 * First the preset of the kind of guest replaces `auto`; then texts with their own syntax are
 * checked; then combinations that are known to fail are rejected, each with the reason. VM_FORCE=1
 * turns only the last kind of errors into warnings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/netaddr.h"
#include "config/arch.h"
#include "config/guest_preset.h"
#include "config/settings_internal.h"

#define bad	   settings_error
#define only	   settings_consists_of
#define machine_is settings_machine_is

/* QEMU's memory besides the guest's, in MiB: its heap, page tables, the graphics card's memory, and
 * TCG's translated code, which grows with the code that the guest runs up to the 256 MiB that
 * args.c allows. Small guests were seen with 60 to 120, a busy Linux of 1 GiB with 300. */
static long overhead_mb(long ram_mb)
{
	long mb = 128 + ram_mb / 4;

	return mb < 512 ? mb : 512;
}

/* The largest guest memory, in multiples of 64 MiB, under a limit. */
static long fitting_mb(long limit_mb)
{
	long mb = limit_mb / 64 * 64;

	while (mb > 0 && mb + overhead_mb(mb) > limit_mb)
		mb -= 64;
	return mb;
}

#define SMP_MAX 255

/* The number of processors that QEMU_SMP defines, or 0: `N` or `[cpus=N,]sockets=S,cores=C,…` with
 * QEMU's meaning (docs: -smp); a bare N may come first. */
static long smp_count(const char *text)
{
	static const char *const keys[] = {"cpus",  "sockets", "dies",
					   "cores", "threads", "maxcpus"};
	long cpus = 0;
	long product = 1;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "=,");
		size_t key = 0;
		char *end;

		if (p[len] == '=') {
			while (key < 6 &&
			       (strlen(keys[key]) != len || memcmp(keys[key], p, len) != 0))
				key++;
			if (key == 6)
				return 0;
			p += len + 1;
		} else if (p != text) {
			return 0;
		}
		if (*p < '1' || *p > '9')
			return 0;
		long n = strtol(p, &end, 10);

		if (n > SMP_MAX || (*end && *end != ',') || (*end && !end[1]))
			return 0;
		if (key == 0)
			cpus = n;
		else if (key < 5)
			product *= n;
		p = *end ? end + 1 : end;
	}
	return cpus ? cpus : product;
}

static void check_texts(struct settings *s, struct errors *errs)
{

	s->cpus = s->smp ? smp_count(s->smp) : 1;
	if (s->cpus == 0 || s->cpus > SMP_MAX) {
		bad(errs, "QEMU_SMP", s->smp, "is neither a count from 1 to 255 nor a topology",
		    "set QEMU_SMP to a number, or to sockets=1,cores=4,threads=2");
		s->cpus = 1;
	}
	if (s->machine && !only(s->machine, "-._,="))
		bad(errs, "QEMU_MACHINE", s->machine, "is not a machine type with options",
		    "set QEMU_MACHINE to q35, pc, isapc or a versioned type; options follow as "
		    ",name=value");
	if (s->cpu && !only(s->cpu, "-._,=+"))
		bad(errs, "QEMU_CPU", s->cpu, "is not a CPU model with flags",
		    "set QEMU_CPU to a model's name; flags follow as ,name=on, ,+name or ,-name");
	if (s->overlay && (s->overlay[0] == '/' ? !s->overlay[1] : !only(s->overlay, "-_.")))
		bad(errs, "QEMU_OVERLAY", s->overlay, "is neither an absolute path nor a name",
		    "set QEMU_OVERLAY to /path/file, or to letters, digits, - _ .");
	if (s->warm && s->disk_mode != DISK_MODE_THROWAWAY)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "use QEMU_DISK_MODE=throwaway, or, to go on where the guest was, "
				 "VM_STOP=suspend",
				 "VM_WARM=1 on a disk that is kept: every start would reset it to "
				 "the saved state");
	if (s->overlay && s->disk_mode != DISK_MODE_OVERLAY)
		bad(errs, "QEMU_OVERLAY", s->overlay, "is set with another QEMU_DISK_MODE",
		    "set QEMU_DISK_MODE=overlay, or leave one of them unset");
	if (s->debug && !only(s->debug, "_,:*.-"))
		bad(errs, "QEMU_DEBUG", s->debug, "is not a list of items of QEMU's -d",
		    "set QEMU_DEBUG to guest_errors,int,cpu_reset, …, or none");
	if (s->trace && s->trace[0] != '/' && !only(s->trace, "_,*?-"))
		bad(errs, "VM_TRACE", s->trace, "is not a list of trace events",
		    "set VM_TRACE to names or patterns such as ide_*,pci_cfg_write, or to the path "
		    "of a file of them");
	if (!only(s->share_tag ? s->share_tag : "scripts", "-_."))
		bad(errs, "QEMU_9P_TAG", s->share_tag,
		    "contains characters other than letters, digits, - _ .",
		    "set QEMU_9P_TAG to a short name such as scripts");
	if (s->web_prefix && (s->web_prefix[0] != '/' || !only(s->web_prefix, "/-_.") ||
			      s->web_prefix[strlen(s->web_prefix) - 1] == '/'))
		bad(errs, "VM_WEB_PREFIX", s->web_prefix, "is not a path",
		    "set VM_WEB_PREFIX to a path such as /guest, without a slash at its end");
	if (!only(s->web_hosts ? s->web_hosts : "", ",-."))
		bad(errs, "VM_WEB_HOSTS", s->web_hosts, "is not a list of host names",
		    "set VM_WEB_HOSTS to names such as vm.example.org,vm");
}

/* Reject, or with VM_FORCE warn. */
static void known_to_fail(const struct settings *s, struct errors *errs, struct errors *warnings,
			  const char *fix, const char *what)
{
	if (s->force)
		(void)errors_add(warnings, EXIT_BAD_SETTING, "", "%s (VM_FORCE=1: ignored)", what);
	else
		(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%s", what);
}

static bool machine_option(const char *machine, const char *option)
{
	const char *at = strstr(machine, option);

	return at && at > machine && at[-1] == ',' &&
	       (at[strlen(option)] == ',' || !at[strlen(option)]);
}

static void check_hurd(const struct settings *s, struct errors *errs, struct errors *warnings)
{
	bool mach = s->guest == GUEST_HURD || s->guest == GUEST_MACH;

	if (mach && (!s->hpet || machine_option(s->machine, "hpet=off")))
		known_to_fail(s, errs, warnings,
			      "leave QEMU_HPET unset and hpet=off out of QEMU_MACHINE",
			      "QEMU_HPET=0: GNU Mach stops with an assertion (hpet_addr != 0) "
			      "without an HPET");
	if (s->guest != GUEST_HURD || !arch_of(s)->pc) /* settings_check_arch() refuses others */
		return;
	if (machine_is(s->machine, "pc") && s->disk_bus == BUS_IDE && s->ram_mb >= 3584)
		known_to_fail(
			s, errs, warnings,
			"use QEMU_MACHINE=q35 with QEMU_DISK_BUS=ahci, or QEMU_RAM below 3584",
			"QEMU_MACHINE=pc with QEMU_DISK_BUS=ide and QEMU_RAM of 3584 or more: the "
			"Hurd's disk driver reports Input/output error and the root file system is "
			"not mounted");
	if (s->disk_bus == BUS_VIRTIO || s->disk_bus == BUS_SCSI)
		known_to_fail(s, errs, warnings, "use QEMU_DISK_BUS=ahci (or ide)",
			      "QEMU_DISK_BUS=virtio or scsi: the Hurd's disk driver supports AHCI "
			      "and IDE only and finds no root device");
	if (s->net != NET_NONE && s->net_model != NET_MODEL_E1000 &&
	    s->net_model != NET_MODEL_RTL8139)
		known_to_fail(s, errs, warnings, "use QEMU_NET_MODEL=e1000 or rtl8139",
			      "QEMU_NET_MODEL: the Hurd's network driver supports e1000 and "
			      "rtl8139, but not this card");
}

static void check_gl(const struct settings *s, struct errors *errs)
{
	if (s->gl && !s->display)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "set VM_DISPLAY=gtk or sdl, or QEMU_GL=off",
				 "QEMU_GL=%s without a window: OpenGL needs one",
				 s->gl == GL_VENUS ? "venus" : "on");
	if (s->vga == VGA_VIRTIO_GL && !s->gl)
		(void)errors_add(errs, EXIT_BAD_SETTING, "set QEMU_GL=on, or QEMU_VGA=virtio",
				 "QEMU_VGA=virtio-gl without QEMU_GL: that card needs OpenGL");
	if (s->gl == GL_VENUS && s->vga != VGA_VIRTIO_GL)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "set QEMU_VGA=virtio-gl, or leave it unset",
				 "QEMU_GL=venus: only the card virtio-gl has Vulkan");
}

/* A machine without PCI. */
static void check_isapc(const struct settings *s, struct errors *errs)
{
	const struct {
		bool wrong;
		const char *setting, *why;
	} rows[] = {
		{s->disk_bus != BUS_IDE, "QEMU_DISK_BUS", "its only disks are IDE"},
		{s->net != NET_NONE && s->net_model != NET_MODEL_NE2K_ISA, "QEMU_NET_MODEL",
		 "its only network card is ne2k_isa"},
		{s->cpus > 1, "QEMU_SMP", "it has one processor"},
		{s->share == SHARE_9P, "VM_SHARE", "9p needs PCI (VM_SHARE=disk does not)"},
		{s->vga == VGA_VIRTIO || s->vga == VGA_VMWARE || s->vga == VGA_VIRTIO_GL,
		 "QEMU_VGA", "its graphics cards are std and cirrus"},
		{s->usb, "QEMU_USB", "its USB controller would need PCI"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char fix[64];

		if (!rows[i].wrong || !machine_is(s->machine, "isapc"))
			continue;
		(void)snprintf(fix, sizeof fix, "leave %s unset with it", rows[i].setting);
		(void)errors_add(errs, EXIT_BAD_SETTING, fix,
				 "QEMU_MACHINE=isapc with %s: that machine has no PCI; %s",
				 rows[i].setting, rows[i].why);
	}
}

/* Errors that VM_FORCE does not affect, because QEMU rejects the settings. */
static void check_qemu(const struct settings *s, struct errors *errs)
{
	bool direct = s->cache == CACHE_NONE || s->cache == CACHE_DIRECTSYNC;

	if (s->aio == AIO_NATIVE && !direct)
		bad(errs, "QEMU_AIO", "native",
		    "needs a disk cache that bypasses the host's (O_DIRECT)",
		    "set QEMU_CACHE=none or directsync with it, or QEMU_AIO=threads");
	if (s->initrd && !s->kernel)
		bad(errs, "QEMU_INITRD", s->initrd,
		    "without QEMU_KERNEL: there is no kernel to give it to", "set QEMU_KERNEL too");
	if (s->append && !s->kernel)
		bad(errs, "QEMU_APPEND", s->append,
		    "without QEMU_KERNEL: a boot loader's kernel has its own command line",
		    "set QEMU_KERNEL too, or change the boot loader's configuration in the image");
	if (s->disk_bus == BUS_IDE && machine_is(s->machine, "q35"))
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "use QEMU_DISK_BUS=ahci, or QEMU_MACHINE=pc",
				 "QEMU_DISK_BUS=ide with QEMU_MACHINE=%s: that machine has no IDE "
				 "controller",
				 s->machine);
	if (s->builtin_guest && s->arch == ARCH_I386)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "leave QEMU_ARCH unset, or name a 32-bit guest in QEMU_DRIVE or "
				 "QEMU_KERNEL",
				 "QEMU_ARCH=i386: the built-in guest is a 64-bit one");
	if (s->accel == ACCEL_TCG && s->cpu && strncmp(s->cpu, "host", strcspn(s->cpu, ",")) == 0)
		bad(errs, "QEMU_CPU", s->cpu, "needs KVM, and QEMU_ACCEL=tcg excludes it",
		    "set QEMU_CPU to a model such as max, or leave QEMU_CPU unset");
}

struct port_use {
	const char *name;
	long port;
	bool used;
};

/* One port is used for two purposes. */
static void check_ports(const struct settings *s, struct errors *errs)
{
	struct forward forwards[FORWARDS_MAX];
	struct port_use uses[] = {{"SERIAL_PORT", s->serial_port, s->serial_port != 0},
				  {"SERIAL_RAW_PORT", s->serial_raw_port, s->serial_raw_port != 0},
				  {"MONITOR_PORT", s->monitor_port, s->monitor_port != 0},
				  {"VNC_PORT", s->vnc_port, s->vnc},
				  {"GDB_PORT", s->gdb_port, s->gdb || s->gdb_wait},
				  {"VM_WEB_PORT", s->web_port, s->web == WEB_ON}};
	int n = settings_forwards(s, forwards);

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		for (size_t j = 0; j < i; j++)
			if (uses[i].used && uses[j].used && uses[i].port == uses[j].port)
				(void)errors_add(errs, EXIT_BAD_SETTING, "give each its own port",
						 "%s=%ld is also the port of %s", uses[i].name,
						 uses[i].port, uses[j].name);
		for (int k = 0; k < n; k++)
			if (uses[i].used && !forwards[k].udp && uses[i].port == forwards[k].port)
				(void)errors_add(errs, EXIT_BAD_SETTING, "give each its own port",
						 "%s=%ld is also a forwarded port of QEMU_HOSTFWDS",
						 uses[i].name, uses[i].port);
	}
}

/* Parse QEMU_ACCEL's long forms. TCG's default is one thread for each processor. */
static void resolve_accel(struct settings *s)
{
	s->tcg_single = s->accel == ACCEL_TCG_SINGLE;
	if (s->accel == ACCEL_KVM_TCG || s->accel == ACCEL_KVM_COMMA_TCG)
		s->accel = ACCEL_AUTO;
	else if (s->accel == ACCEL_TCG_MULTI || s->accel == ACCEL_TCG_SINGLE)
		s->accel = ACCEL_TCG;
}

static void resolve_memory(struct settings *s, const struct guest_preset *p, bool hurd_i386,
			   uint64_t memory_limit, struct errors *errs, struct errors *warnings)
{
	long limit_mb = (long)(memory_limit >> 20);
	bool automatic = s->ram_mb == 0;

	if (automatic)
		s->ram_mb = hurd_i386 ? 2048 : p->ram_mb;
	if (memory_limit == 0 || s->ram_mb + overhead_mb(s->ram_mb) <= limit_mb)
		return;
	/* Round to multiples of 64 MiB, and to the minimum that a Hurd needs to boot. */
	long fits = fitting_mb(limit_mb);
	char text[512];

	if (automatic && fits >= (p->ram_mb < 1024 ? p->ram_mb : 1024)) {
		(void)errors_add(warnings, EXIT_BAD_SETTING, "",
				 "QEMU_RAM lowered from %ld to %ld MiB: the container's memory "
				 "limit is %ld MiB, and QEMU itself needs %ld",
				 s->ram_mb, fits, limit_mb, overhead_mb(fits));
		s->ram_mb = fits;
		return;
	}
	(void)snprintf(text, sizeof text,
		       "QEMU_RAM=%ld: the container's memory limit is %ld MiB and QEMU itself "
		       "needs %ld more than the guest, so the kernel would kill it",
		       s->ram_mb, limit_mb, overhead_mb(s->ram_mb));
	known_to_fail(s, errs, warnings,
		      "raise the container's memory limit (compose: mem_limit) or lower QEMU_RAM",
		      text);
}

/* The guest that is booted: a kernel takes precedence over a disk; GNU Mach on a disk means the
 * Hurd. */
static int guest_found(const struct settings *s)
{
	if (s->builtin_guest)
		return GUEST_MACH;
	if (s->drive && arch_of(s)->pc &&
	    (s->kernel_guest == GUEST_AUTO || s->kernel_guest == GUEST_MACH))
		return GUEST_HURD;
	return s->kernel_guest == GUEST_AUTO ? GUEST_GENERIC : s->kernel_guest;
}

/* In the MultiProcessor table, which a guest without ACPI reads, SeaBIOS enters one processor of
 * each socket; for a plain count QEMU (since 6.2) makes cores of one socket. */
static void resolve_smp(struct settings *s, const struct guest_preset *p)
{
	static char text[96];

	if (!arch_of(s)->pc || !p->mp_table || s->cpus < 2 || s->smp[strspn(s->smp, "0123456789")])
		return;
	(void)snprintf(text, sizeof text, "%ld,sockets=%ld,cores=1,threads=1", s->cpus, s->cpus);
	s->smp = text;
}

bool settings_resolve(struct settings *s, uint64_t memory_limit, struct errors *errs,
		      struct errors *warnings)
{
	size_t before = errs->count;

	settings_warn_values(s, warnings);
	resolve_accel(s);
	if (s->guest == GUEST_AUTO)
		s->guest = guest_found(s);
	const struct guest_preset *p = preset_of((enum guest_kind)s->guest);
	bool hurd_i386 = s->guest == GUEST_HURD && s->arch == ARCH_I386;

	settings_resolve_arch(s);
	if (!s->machine)
		s->machine = hurd_i386 ? "pc" : p->machine;
	if (s->disk_bus == BUS_AUTO)
		s->disk_bus =
			hurd_i386 || machine_is(s->machine, "isapc") ? BUS_IDE : (int)p->disk_bus;
	/* If the chip set was chosen, the guest gets that chip set's own disk bus. */
	if (!s->given[SETTING_QEMU_DISK_BUS] && s->given[SETTING_QEMU_MACHINE] &&
	    s->disk_bus != BUS_VIRTIO)
		s->disk_bus = machine_is(s->machine, "q35") ? BUS_AHCI : BUS_IDE;
	if (s->net == NET_AUTO)
		s->net = p->net;
	if (s->net_model == NET_MODEL_AUTO)
		s->net_model =
			machine_is(s->machine, "isapc") ? NET_MODEL_NE2K_ISA : NET_MODEL_E1000;
	if (s->ready == READY_AUTO)
		s->ready = (int)p->ready;
	s->gdb |= s->gdb_wait;
	if (s->monitor_port == PORT_AUTO)
		s->monitor_port =
			s->monitor_password_file || settings_bind_is_loopback(s) ? 9999 : 0;
	if (s->console_stdout == CONSOLE_STDOUT_AUTO)
		s->console_stdout = s->not_passed ? CONSOLE_STDOUT_ON : CONSOLE_STDOUT_OFF;
	if (s->web == WEB_AUTO)
		s->web = s->not_passed ? WEB_ON : WEB_OFF;
	if (s->share == SHARE_AUTO)
		s->share = s->share_9p ? SHARE_9P : SHARE_NONE;
	else if (s->share_9p && s->share != SHARE_9P)
		(void)errors_add(
			errs, EXIT_BAD_SETTING, "leave ENABLE_9P unset, or set VM_SHARE=9p",
			"ENABLE_9P=1 and VM_SHARE=%s: SHARE_DIR can be shared in one way only",
			s->share == SHARE_DISK ? "disk" : "none");
	if (s->serial_rfc2217_port && s->serial_password_file)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "leave one of them out; SERIAL_RAW_PORT asks for the password",
				 "SERIAL_RFC2217_PORT=%ld with SERIAL_PASSWORD_FILE: clients of "
				 "that protocol cannot be asked for a password",
				 s->serial_rfc2217_port);
	if (s->share == SHARE_9P && (s->warm || s->stop == STOP_SUSPEND))
		(void)errors_add(warnings, EXIT_BAD_SETTING, "",
				 "%s with a 9p share: while the guest has it mounted its state "
				 "cannot be saved (QEMU); unmount it before, or use vm push and "
				 "vm pull",
				 s->warm ? "VM_WARM=1" : "VM_STOP=suspend");
	if (s->share == SHARE_DISK && (s->warm || s->stop == STOP_SUSPEND))
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "leave VM_SHARE=disk out, and use vm push and vm pull",
				 "VM_SHARE=disk with %s: that disk is created at each start, and a "
				 "saved state belongs to an older one",
				 s->warm ? "VM_WARM=1" : "VM_STOP=suspend");
	if (!s->stop_ladder) {
		bool no_button =
			!settings_has_power_button(s) && strncmp(p->stop_ladder, "acpi,", 5) == 0;

		s->stop_ladder = p->stop_ladder + (no_button ? 5 : 0);
	}
	if (s->vga == VGA_AUTO)
		s->vga = s->gl ? VGA_VIRTIO_GL : s->vnc || s->display ? VGA_STD : (int)p->vga;
	if (s->disk_mode == DISK_MODE_AUTO)
		s->disk_mode = s->overlay		     ? DISK_MODE_OVERLAY
			       : s->builtin_guest || s->warm ? DISK_MODE_THROWAWAY
							     : DISK_MODE_PERSISTENT;
	resolve_memory(s, p, hurd_i386, memory_limit, errs, warnings);
	check_texts(s, errs);
	resolve_smp(s, p);
	settings_check_disks(s, errs);
	settings_check_network(s, errs);
	settings_check_firmware(s, errs);
	check_qemu(s, errs);
	check_isapc(s, errs);
	settings_check_arch(s, errs);
	check_gl(s, errs);
	check_ports(s, errs);
	check_hurd(s, errs, warnings);
	if (s->vnc && !s->vnc_password_file)
		known_to_fail(s, errs, warnings,
			      "put a password into a file and name it in VNC_PASSWORD_FILE",
			      "ENABLE_VNC=1 without VNC_PASSWORD_FILE: every client of the port "
			      "gets the guest's screen and keyboard");
	return errs->count == before;
}
