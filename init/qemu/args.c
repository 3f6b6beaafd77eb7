/* args.c - QEMU's argument vector, from the settings and from facts about host and files.
 *
 * One function for each part of the machine, in the order of the vector. Every spelling was
 * accepted by QEMU 7.2, 10.0 and 11.1 without a warning; tests/14-qemu-args.bats starts the
 * installed QEMU with each vector of tests/golden and queries the result.
 */
#include "qemu/args_parts.h"

#include <stdio.h>
#include <string.h>

#include "config/arch.h"
#include "config/guest_preset.h"

static bool cpu_is_host(const char *cpu)
{
	return strncmp(cpu, "host", 4) == 0 && (cpu[4] == '\0' || cpu[4] == ',');
}

/* The object of -machine's memory-backend. Its file is opened by name, not as /dev/fdset/N (QEMU:
 * softmmu/physmem.c, file_ram_open()). */
static void add_ram(const struct builder *b)
{
	if (b->f->ram != RAM_PRIVATE)
		args_option(b->out, "-object",
			    "memory-backend-file,id=%s,x-use-canonical-path-for-ramblock-id=off,"
			    "size=%ldM,mem-path=/proc/self/fd/%d,%s",
			    args_ram_name(b->s), b->s->ram_mb, QEMU_FD_RAM,
			    b->f->ram == RAM_SHARED ? "share=on" : "share=off,readonly=on,rom=off");
}

/* The default interrupt controller of virt supports 8 processors. */
static const char *gic(const struct settings *s)
{
	return s->cpus > 8 && (s->arch == ARCH_AARCH64 || s->arch == ARCH_ARM) &&
			       arch_default_machine(s)
		       ? ",gic-version=3"
		       : "";
}

/* Kernels for 32-bit Arm without LPAE reach nothing above 4 GiB, where virt has its PCI bus
 * otherwise (QEMU: hw/arm/virt.c). Its memory begins at 1 GiB. */
static const char *low_pci(const struct settings *s)
{
	return s->arch == ARCH_ARM && arch_default_machine(s) && s->ram_mb <= 3072 ? ",highmem=off"
										   : "";
}

/* -machine: options in QEMU_MACHINE follow ours, and QEMU takes the last of two. */
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
		args_option(b->out, "-machine", "%.*s%s%s%s", type, s->machine, gic(s), low_pci(s),
			    s->machine + type);
	if (b->f->uefi)
		args_more(b->out, ",pflash0=firmware,pflash1=variables");
	if (b->f->ram != RAM_PRIVATE)
		args_more(b->out, ",memory-backend=%s", args_ram_name(s));
	add_ram(b);
	/* By default TCG uses a thread for each processor where that is safe; asking for it would
	 * only make it fail with -icount. */
	if (kvm) { /* PID 1's descriptor: QEMU's user needs no access to the device (QEMU >= 8.2) */
		args_option(b->out, "-add-fd", "fd=%d,set=%d,opaque=kvm", QEMU_FD_KVM, QEMU_FD_KVM);
		args_option(b->out, "-accel", "kvm,device=/dev/fdset/%d", QEMU_FD_KVM);
	} else {
		/* Without a limit, translated code takes up to 1 GiB (QEMU: tcg/region.c). */
		args_option(b->out, "-accel", "tcg,tb-size=256%s",
			    s->tcg_single ? ",thread=single" : "");
	}
	if (s->cpu || kvm)
		args_option(b->out, "-cpu", "%s", s->cpu ? s->cpu : "host");
	else if (!arch_of(s)->pc && arch_default_machine(s))
		args_option(b->out, "-cpu", "%s", arch_of(s)->tcg_cpu);
	else if (!arch_of(s)->pc)
		; /* the board has its own processor */
	else if (s->arch == ARCH_I386 && strncmp(s->machine, "isapc", 5) == 0)
		args_option(b->out, "-cpu",
			    "pentium3"); /* the last model of the 32-bit emulator (QEMU >= 10.1) */
	else /* the 32-bit emulator lacks both flags, and warns about models that have them */
		args_option(b->out, "-cpu", "%s%s", preset_of((enum guest_kind)s->guest)->tcg_cpu,
			    s->arch == ARCH_I386 ? ",lm=off,syscall=off" : "");
	args_option(b->out, "-m", "%ld", s->ram_mb);
	args_option(b->out, "-smp", "%s", s->smp ? s->smp : "1");
	args_option(b->out, "-rtc", "base=%s,clock=host", CHOICE(SETTING_QEMU_RTC, s->rtc));
	/* PID 1 reacts to a panic reported by pvpanic, after the guest's last output, to the end of
	 * the guest (pid1/reset.c), and to a reboot that needs another QEMU (pid1/direct_watch.c).
	 */
	args_option(b->out, "-action", "reboot=%s,panic=none%s",
		    s->on_reboot == REBOOT_RESTART && !b->f->direct ? "reset" : "shutdown",
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
		if (i == 1) /* after -bios */
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

	/* Closing the window would end QEMU like a power cut. */
	args_option(b->out, "-display", "%s%s%s", CHOICE(SETTING_VM_DISPLAY, s->display),
		    s->display ? ",window-close=off" : "", s->gl ? ",gl=on" : "");
	const char *venus = s->gl == GL_VENUS ? ",hostmem=1G,blob=on,venus=on" : "";

	if (s->vga != VGA_NONE &&
	    !arch_of(s)->pc) { /* arm and riscv machines have neither -vga nor PS/2 */
		args_option(b->out, "-device", "%s%s",
			    s->vga == VGA_VIRTIO_GL ? "virtio-gpu-gl-pci" : "virtio-gpu-pci",
			    venus);
		args_option(b->out, "-device", "virtio-keyboard-pci");
		args_option(b->out, "-device", "virtio-tablet-pci");
	} else if (s->vga == VGA_VIRTIO_GL) {
		args_option(b->out, "-vga", "none");
		args_option(b->out, "-device", "virtio-vga-gl%s", venus);
	} else if (s->vga != VGA_NONE)
		args_option(b->out, "-vga", "%s", CHOICE(SETTING_QEMU_VGA, s->vga));
	/* PID 1 listens (pid1/attach.h). A client that asks for exclusive access does not
	 * disconnect the others; with share=force-shared it would be refused. */
	if ((s->vnc || (s->web == WEB_ON && s->vga != VGA_NONE)) && !b->f->unattended)
		args_option(b->out, "-vnc", "none,share=ignore%s",
			    s->vnc && s->vnc_password_file ? ",password=on" : "");
}

/* The sockets whose other end is in PID 1, and the one for users' programs. A QMP monitor serves
 * one client, so each has its own. */
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

	if (preset_of((enum guest_kind)s->guest)->pvpanic &&
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
	/* QEMU opens it by name again when the monitor command `log` is used. */
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
	/* virglrenderer and Mesa fork helpers, for which QEMU would be killed. */
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
				 "close the quote; a backslash must not be the last character",
				 "QEMU_EXTRA_ARGS=%.300s has an open quote", s->extra_args);
	if (out->full)
		return error_set(
			err, EXIT_BAD_SETTING,
			"shorten QEMU_EXTRA_ARGS, QEMU_INITRD or QEMU_APPEND",
			"QEMU's command line has more than %d arguments or %zu bytes in all",
			ARGS_MAX, sizeof out->text);
	return true;
}
