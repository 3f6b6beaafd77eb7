/* args.c - what QEMU is started with, from the settings and from what was found.
 *
 * One function for each part of the machine, in the order in which they appear. Every spelling was
 * accepted by QEMU 7.2, 10.0 and 11.1 without a warning; tests/14-qemu-args.bats starts the
 * QEMU at hand with each vector of tests/golden and asks it what it understood.
 */
#include "qemu/args_parts.h"

#include <stdio.h>
#include <string.h>

#include "config/arch.h"
#include "config/guest_profile.h"

static bool cpu_is_host(const char *cpu)
{
	return strncmp(cpu, "host", 4) == 0 && (cpu[4] == '\0' || cpu[4] == ',');
}

/* The object that -machine's memory-backend names. Its file is opened by the name, not as
 * /dev/fdset/N (QEMU: softmmu/physmem.c, file_ram_open()). */
static void add_ram(const struct builder *b)
{
	if (b->f->ram != RAM_PRIVATE)
		args_option(b->out, "-object",
			    "memory-backend-file,id=%s,x-use-canonical-path-for-ramblock-id=off,"
			    "size=%ldM,mem-path=/proc/self/fd/%d,%s",
			    args_ram_name(b->s), b->s->ram_mb, QEMU_FD_RAM,
			    b->f->ram == RAM_SHARED ? "share=on" : "share=off,readonly=on,rom=off");
}

/* The interrupt controller of virt's default serves 8 processors. */
static const char *gic(const struct settings *s)
{
	return s->cpus > 8 && (s->arch == ARCH_AARCH64 || s->arch == ARCH_ARM) &&
			       arch_default_machine(s)
		       ? ",gic-version=3"
		       : "";
}

/* -machine: options in QEMU_MACHINE come after ours, and of two QEMU takes the last. */
static bool add_machine(const struct builder *b, struct error *err)
{
	const struct settings *s = b->s;
	bool kvm = b->f->accel == ACCEL_KVM;
	int type = (int)strcspn(s->machine, ",");

	if (!kvm && s->cpu && cpu_is_host(s->cpu))
		return error_set(err, EXIT_BAD_SETTING,
				 "leave QEMU_CPU unset or set it to a model such as max; `vm kvm` "
				 "says why KVM is not used",
				 "QEMU_CPU=%s needs KVM, and this guest runs under TCG", s->cpu);
	if (arch_of(s)->pc)
		args_option(b->out, "-machine", "%.*s,usb=%s,hpet=%s%s", type, s->machine,
			    s->usb ? "on" : "off", s->hpet ? "on" : "off", s->machine + type);
	else
		args_option(b->out, "-machine", "%.*s%s%s", type, s->machine, gic(s),
			    s->machine + type);
	if (b->f->uefi)
		args_more(b->out, ",pflash0=firmware,pflash1=variables");
	if (b->f->ram != RAM_PRIVATE)
		args_more(b->out, ",memory-backend=%s", args_ram_name(s));
	add_ram(b);
	/* TCG's own choice is a thread for each processor wherever that is safe; asking for it
	 * would only make it fail with -icount. */
	if (kvm) { /* a descriptor of PID 1's: QEMU's user needs no access to the node (QEMU >= 8.2)
		    */
		args_option(b->out, "-add-fd", "fd=%d,set=%d,opaque=kvm", QEMU_FD_KVM, QEMU_FD_KVM);
		args_option(b->out, "-accel", "kvm,device=/dev/fdset/%d", QEMU_FD_KVM);
	} else {
		/* Without a bound its translated code takes up to 1 GiB (QEMU: tcg/region.c). */
		args_option(b->out, "-accel", "tcg,tb-size=256%s",
			    s->tcg_single ? ",thread=single" : "");
	}
	if (s->cpu || kvm)
		args_option(b->out, "-cpu", "%s", s->cpu ? s->cpu : "host");
	else if (!arch_of(s)->pc && arch_default_machine(s))
		args_option(b->out, "-cpu", "%s", arch_of(s)->tcg_cpu);
	else if (!arch_of(s)->pc)
		; /* a board has its own */
	else if (s->arch == ARCH_I386 && strncmp(s->machine, "isapc", 5) == 0)
		args_option(b->out, "-cpu", "pentium3"); /* the last one it has (QEMU >= 10.1) */
	else /* the 32-bit emulator has neither flag, and warns about models that do */
		args_option(b->out, "-cpu", "%s%s", profile_of((enum guest)s->guest)->tcg_cpu,
			    s->arch == ARCH_I386 ? ",lm=off,syscall=off" : "");
	args_option(b->out, "-m", "%ld", s->ram_mb);
	args_option(b->out, "-smp", "%s", s->smp ? s->smp : "1");
	args_option(b->out, "-rtc", "base=%s,clock=host", CHOICE(SETTING_QEMU_RTC, s->rtc));
	/* A panic that pvpanic tells of is PID 1's to act on, after the guest's last words; so is
	 * the end (pid1/reset.c). */
	args_option(b->out, "-action", "reboot=%s,panic=none%s",
		    s->on_reboot == REBOOT_RESTART ? "reset" : "shutdown",
		    b->f->unattended ? "" : ",shutdown=pause");
	args_add(b->out, "-S");
	if (b->f->incoming)
		args_option(b->out, "-incoming", "defer");
	return true;
}

const char *args_boot_order(const struct settings *s, const struct facts *f)
{
	bool disks = f->disk.count > 0;

	if (s->boot_order)
		return s->boot_order;
	if (!disks && f->has_cdrom && !f->more[DISK_FLOPPY].count)
		return "d";
	for (int i = 0; i < DISK_FLOPPY; i++)
		disks |= f->more[i].count > 0;
	return !disks && f->more[DISK_FLOPPY].count ? "a" : "c";
}

static void add_boot(const struct builder *b)
{
	const struct settings *s = b->s;
	const struct {
		const char *option, *value;
	} files[] = {{"-bios", s->bios},
		     {"-kernel", b->f->kernel ? b->f->kernel : s->kernel},
		     {"-initrd", b->f->initrd ? b->f->initrd : s->initrd},
		     {"-append", b->f->append ? b->f->append : s->append},
		     {"-dtb", s->dtb}};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (i == 1) /* behind -bios */
			b->out->direct_at = b->out->count;
		if (files[i].value)
			args_option(b->out, files[i].option, "%s", files[i].value);
	}
	b->out->direct_count = b->f->direct ? b->out->count - b->out->direct_at : 0;
	args_option(b->out, "-boot", "order=%s", args_boot_order(s, b->f));
}

static void add_display(const struct builder *b)
{
	const struct settings *s = b->s;

	/* A window that is closed would end QEMU as a power cut does. */
	args_option(b->out, "-display", "%s%s%s", CHOICE(SETTING_VM_DISPLAY, s->display),
		    s->display ? ",window-close=off" : "", s->gl ? ",gl=on" : "");
	if (s->vga != VGA_NONE && !arch_of(s)->pc) { /* its machines have no -vga, and no PS/2 */
		args_option(b->out, "-device", "virtio-gpu-pci");
		args_option(b->out, "-device", "virtio-keyboard-pci");
		args_option(b->out, "-device", "virtio-tablet-pci");
	} else if (s->vga == VGA_VIRTIO_GL) {
		args_option(b->out, "-vga", "none");
		args_option(b->out, "-device", "virtio-vga-gl%s",
			    s->gl == GL_VENUS ? ",hostmem=1G,blob=on,venus=on" : "");
	} else if (s->vga != VGA_NONE)
		args_option(b->out, "-vga", "%s", CHOICE(SETTING_QEMU_VGA, s->vga));
	/* PID 1 listens (console/attach.h). A client that asks for the display for itself does not
	 * throw the others out; with share=force-shared it would be refused. */
	if (s->vnc && !b->f->unattended)
		args_option(b->out, "-vnc", "none,share=ignore%s",
			    s->vnc_password_file ? ",password=on" : "");
}

/* The sockets: what PID 1 holds the other end of, and the one that users' programs reach. One QMP
 * monitor serves one client, so each has its own. */
static void add_sockets(const struct builder *b)
{
	args_option(b->out, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	args_option(b->out, "-qmp", "chardev:qmp");
	args_option(b->out, "-chardev", "stdio,id=serial,signal=off");
	args_option(b->out, "-serial", "chardev:serial");
	if (b->f->unattended)
		return;
	args_option(b->out, "-chardev", "socket,id=monitor,fd=%d", QEMU_FD_MONITOR);
	args_option(b->out, "-monitor", "chardev:monitor");
	args_option(b->out, "-chardev", "socket,id=user-qmp,fd=%d,server=on,wait=off",
		    QEMU_FD_USER_QMP);
	args_option(b->out, "-qmp", "chardev:user-qmp");
}

static void add_share(const struct builder *b)
{
	const struct settings *s = b->s;

	if (s->share != SHARE_9P)
		return;
	args_option(b->out, "-fsdev", "local,id=share,path=");
	args_more_escaped(b->out, s->share_dir);
	args_more(b->out, ",security_model=%s,multidevs=remap",
		  CHOICE(SETTING_QEMU_9P_SECURITY, s->share_security));
	args_option(b->out, "-device", "virtio-9p-pci,fsdev=share,mount_tag=%s", s->share_tag);
}

static void add_panic_device(const struct builder *b)
{
	const struct settings *s = b->s;

	if (profile_of((enum guest)s->guest)->pvpanic &&
	    (arch_of(s)->pc || arch_default_machine(s)))
		args_option(b->out, "-device", arch_of(s)->pc ? "pvpanic" : "pvpanic-pci");
}

static void add_debugging(const struct builder *b)
{
	const struct settings *s = b->s;

	if (s->debug && strcmp(s->debug, "none") != 0)
		args_option(b->out, "-d", "%s", s->debug);
	if (s->trace && s->trace[0] == '/') {
		args_option(b->out, "-trace", "events=");
		if (b->f->trace_copy)
			args_more(b->out, "/proc/self/fd/%d", QEMU_FD_TRACE);
		else
			args_more_escaped(b->out, s->trace);
	}
	for (const char *p = s->trace && s->trace[0] != '/' ? s->trace : ""; *p;) {
		int len = (int)strcspn(p, ",");

		args_option(b->out, "-trace", "enable=%.*s", len, p);
		p += len + (p[len] == ',');
	}
	/* QEMU opens it by name: again, when the monitor's `log` begins anew. */
	if (!b->f->unattended)
		args_option(b->out, "-D", "/proc/self/fd/%d", QEMU_FD_LOG);
	if (s->gdb && !b->f->unattended) {
		args_option(b->out, "-chardev",
			    "socket,id=" QEMU_CHARDEV_GDB ",fd=%d,server=on,wait=off", QEMU_FD_GDB);
		args_option(b->out, "-gdb", "chardev:" QEMU_CHARDEV_GDB);
	}
}

bool args_build(const struct settings *s, const struct facts *f, struct args *out,
		struct error *err)
{
	const struct builder b = {.out = out, .s = s, .f = f};

	out->count = out->used = 0;
	out->direct_at = out->direct_count = 0;
	out->full = false;
	if (s->qemu)
		args_add(out, "%s", s->qemu);
	else
		args_add(out, "qemu-system-%s", CHOICE(SETTING_QEMU_ARCH, s->arch));
	args_option(out, "-name", "guest=%s", CHOICE(SETTING_VM_GUEST, s->guest));
	args_add(out, "-nodefaults");
	args_add(out, "-no-user-config");
	/* virglrenderer and Mesa fork for their helpers; QEMU would be killed for that. */
	if (s->sandbox)
		args_option(out, "-sandbox",
			    "on,obsolete=deny,elevateprivileges=deny,spawn=%s,"
			    "resourcecontrol=deny",
			    s->gl ? "allow" : "deny");
	if (!add_machine(&b, err))
		return false;
	args_firmware(&b);
	add_boot(&b);
	args_drives(&b);
	args_network(&b);
	add_display(&b);
	add_sockets(&b);
	add_share(&b);
	add_panic_device(&b);
	if (s->usb && !arch_of(s)->pc)
		args_option(out, "-device", "qemu-xhci");
	add_debugging(&b);
	if (s->extra_args && !args_split(out, s->extra_args))
		return error_set(err, EXIT_BAD_SETTING,
				 "close the quote; a backslash must stand before something",
				 "QEMU_EXTRA_ARGS=%.300s has an open quote", s->extra_args);
	if (out->full)
		return error_set(
			err, EXIT_BAD_SETTING,
			"shorten QEMU_EXTRA_ARGS, QEMU_INITRD or QEMU_APPEND",
			"QEMU's command line has more than %d arguments or %zu bytes in all",
			ARGS_MAX, sizeof out->text);
	return true;
}
