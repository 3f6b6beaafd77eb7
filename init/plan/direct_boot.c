/* direct_boot.c - see direct_boot.h. */
#include "plan/direct_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "config/arch.h"
#include "format/elf.h"
#include "host/confined.h"
#include "host/unpack.h"
#include "plan/direct_read.h"
#include "plan/plan.h"

/* Why the firmware boots although nothing was tried; NULL: direct boot may be. */
static const char *set_against(const struct plan *plan)
{
	const struct settings *s = &plan->s;
	bool automatic = s->boot == BOOT_AUTO;

	if (s->kernel)
		return "QEMU_KERNEL names the kernel";
	if (plan->disk.count == 0)
		return "there is no disk";
	if (!arch_of(s)->pc)
		return "kernels are taken out of disks of PCs only";
	if (s->arch == ARCH_I386 || strncmp(s->machine, "isapc", 5) == 0)
		return "this machine was not tried with it";
	if (settings_uefi(s))
		return "QEMU_FIRMWARE is UEFI's";
	if (!automatic)
		return NULL;
	if (s->guest != GUEST_HURD && s->guest != GUEST_LINUX)
		return "VM_GUEST is neither hurd nor linux";
	return s->cdrom	       ? "QEMU_CDROM is set"
	       : s->boot_order ? "QEMU_BOOT_ORDER is set"
	       : s->bios       ? "QEMU_BIOS is set"
	       : s->extra_args ? "QEMU_EXTRA_ARGS is set"
	       : s->on_reboot == REBOOT_RESTART
		       ? "VM_ON_REBOOT=restart, and a kernel installed meanwhile is to boot"
		       : NULL;
}

/* What was found and is not for VM_BOOT=auto; NULL: it is. */
static const char *not_for_auto(const struct settings *s, const struct direct_found *f)
{
	if (f->waits)
		return "GRUB's menu waits for ever (timeout -1)";
	if ((f->kind == FOUND_LINUX) != (s->guest == GUEST_LINUX))
		return f->kind == FOUND_LINUX ? "GRUB boots Linux, and VM_GUEST is hurd"
					      : "GRUB boots no Linux, and VM_GUEST is linux";
	return f->kind == FOUND_MACH || f->kind == FOUND_LINUX ? NULL
							       : "its kernel is not GNU Mach";
}

/* Not directly, because of WHY. */
static void by_firmware(struct plan *plan, const char *why)
{
	struct boot_way *b = &plan->boot;

	kernel_close(&plan->kernel);
	b->direct = b->automatic = false;
	if (plan->s.boot == BOOT_DIRECT)
		(void)errors_add(&plan->errors, EXIT_BAD_IMAGE,
				 "set VM_BOOT=firmware, or auto to try both",
				 "VM_BOOT=direct: %s: %s", plan->disk.path, why);
	else
		plan_boots(plan, why, b->text, sizeof b->text);
}

/* The kernel, the ramdisk, and what is packed in the kernel. */
#define FILES 3

/* An empty file without a name for the child to write to. */
static int make_file(const struct plan *plan)
{
	_cleanup_fd_ int fd = disk_open_nameless(plan->s.tmp_dir, 0444);

	return fd >= 0 && fchmod(fd, 0444) == 0 ? fd_take(&fd) : -1;
}

/* A cache that bypasses the host's wants aligned reads (plan_direct()): not while we read. */
static void direct_io(const struct disk *disk, bool on)
{
	for (int i = 0; i < disk->count; i++) {
		int flags = fcntl(disk->layers[i].fd, F_GETFL);

		(void)fcntl(disk->layers[i].fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
	}
}

static bool read_disk(struct plan *plan, struct direct_found *f, struct error *err)
{
	struct direct_task t = {.count = plan->disk.count,
				.screen = plan->s.vnc || plan->s.display,
				/* Linux' VGA console needs what its own entry is told. */
				.slow = plan->accel.accel == ACCEL_TCG && plan->s.vga == VGA_NONE};
	int more[DISK_LAYERS_MAX + 1];
	struct kernel *k = &plan->kernel;

	for (int i = 0; i < t.count; i++) {
		const struct disk_layer *l = &plan->disk.layers[i];
		struct stat st;

		if (fstat(l->fd, &st) != 0)
			return error_set(err, EXIT_INTERNAL, "", "%s", strerror(errno));
		t.layers[i].size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : l->virtual_size;
		t.layers[i].is_qcow2 = l->format == FORMAT_QCOW2;
		if (i > 0)
			more[i - 1] = l->fd;
	}
	for (int i = 0; i < FILES; i++)
		k->fds[i] = make_file(plan);
	if (k->fds[0] < 0 || k->fds[1] < 0 || k->fds[2] < 0)
		return error_set(err, EXIT_NO_PERMISSION, "",
				 "no file can be made in VM_TMP_DIR: %s", strerror(errno));
	more[t.count - 1] = k->fds[1];
	more[t.count] = k->fds[2];
	const struct confined c = {.name = plan->disk.path,
				   .run = direct_read,
				   .arg = &t,
				   .answer = f,
				   .size = sizeof *f,
				   .in = plan->disk.layers[0].fd,
				   .out = k->fds[0],
				   .more = more,
				   .more_count = t.count + 1,
				   .memory = DIRECT_MEMORY_MAX,
				   .output = 2 * DIRECT_READ_MAX};

	direct_io(&plan->disk, false);
	bool ok = confined_run(&c, err);

	if (plan->s.cache == CACHE_NONE || plan->s.cache == CACHE_DIRECTSYNC)
		direct_io(&plan->disk, true);
	return ok;
}

/* The answer comes from a process that the disk may have taken over. */
static bool sound(struct direct_found *f)
{
	f->title[sizeof f->title - 1] = f->device[sizeof f->device - 1] = '\0';
	f->unpacker[sizeof f->unpacker - 1] = '\0';
	f->kernel[sizeof f->kernel - 1] = f->line[sizeof f->line - 1] = '\0';
	for (const char *p = f->line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return f->kind <= FOUND_BZIMAGE && f->modules >= 0 && f->modules <= GRUB_MODULES_MAX;
}

/* A Linux kernel unpacks itself, which takes an emulated processor seconds. The ELF file in it has
 * an entry for QEMU too (PVH): unpacked here, it is the same kernel. Where anything is missing for
 * that, the kernel stays as it is. Returns the program that did it, NULL for none. */
static const char *unpack_kernel(struct plan *plan, const struct direct_found *f)
{
	static const char *const programs[] = {"gzip", "xz", "zstd"};
	struct kernel *k = &plan->kernel;
	struct kernel_file inner;
	struct error err = {0};
	_cleanup_fd_ int packed = fd_take(&k->fds[2]);
	_cleanup_fd_ int out = f->unpacker[0] ? make_file(plan) : -1;

	for (size_t i = 0; out >= 0 && i < sizeof programs / sizeof *programs; i++) {
		if (strcmp(f->unpacker, programs[i]) != 0 ||
		    !unpack(programs[i], packed, out, f->kernel, &plan->identity, &err) ||
		    !kernel_look(out, f->kernel, &inner, &err) || inner.kind != KERNEL_PVH ||
		    inner.end >> 20 >= (uint64_t)plan->s.ram_mb)
			continue;
		fd_close(&k->fds[0]);
		k->fds[0] = fd_take(&out);
		return programs[i];
	}
	return NULL;
}

static void take(struct plan *plan, struct direct_found *f, uint64_t began)
{
	struct boot_way *b = &plan->boot;
	struct kernel *k = &plan->kernel;
	struct error err = {0};

	uint64_t took = clock_now() - began;
	double read_ms = (double)(took - (f->unpack_ns < took ? f->unpack_ns : took)) / 1e6;
	const char *program = unpack_kernel(plan, f);

	b->direct = true;
	b->automatic = plan->s.boot == BOOT_AUTO;
	(void)snprintf(b->line, sizeof b->line, "%s", f->line);
	k->end = f->end;
	(void)snprintf(k->path, sizeof k->path, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	if (f->ramdisk)
		(void)snprintf(k->initrd, sizeof k->initrd, "/proc/self/fd/%d", QEMU_FD_KERNEL + 1);
	else
		fd_close(&k->fds[1]);
	(void)snprintf(b->text, sizeof b->text,
		       "direct: GRUB's entry '%.160s' of (%s): %.160s with %d module%s, %.1f MiB "
		       "read in %.0f ms%s%s%s",
		       f->title, f->device, f->kernel, f->modules, f->modules == 1 ? "" : "s",
		       (double)f->bytes / (1 << 20), read_ms, program ? ", unpacked by " : "",
		       program ? program : "",
		       f->clean ? "" : "; its file system was not unmounted cleanly");
	if (!plan_args(plan, &err))
		by_firmware(plan, err.message);
}

void direct_boot_prepare(struct plan *plan)
{
	static struct direct_found f;
	struct boot_way *b = &plan->boot;
	uint64_t began = clock_now();
	struct error err = {0};
	const char *why = set_against(plan);

	if (plan->errors.count > 0)
		return;
	if (plan->resume.kind != RESUME_NONE) { /* its kernel is in its memory */
		char cold[sizeof b->text];

		plan_boots(plan, NULL, cold, sizeof cold);
		(void)snprintf(b->text, sizeof b->text,
			       "none: a saved state is resumed; without it, %.500s", cold);
		return;
	}
	plan_boots(plan, NULL, b->text, sizeof b->text);
	if (plan->s.boot == BOOT_FIRMWARE)
		return;
	if (why && plan->s.boot == BOOT_DIRECT) {
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, "set VM_BOOT=firmware or auto",
				 "VM_BOOT=direct: %s", why);
		return;
	}
	if (why) {
		if (plan->disk.count && !plan->disk.embedded)
			plan_boots(plan, why, b->text, sizeof b->text);
		return;
	}
	f = (struct direct_found){0};
	bool ok = read_disk(plan, &f, &err);

	if (!ok && err.status == EXIT_CLEAN) { /* a stop was asked for */
		(void)errors_append(&plan->errors, &err);
		kernel_close(&plan->kernel);
		return;
	}
	if (ok && !sound(&f))
		ok = error_set(&err, EXIT_BAD_IMAGE, "", "no answer of its reader");
	why = ok ? NULL : err.message;
	if (ok && plan->s.boot == BOOT_AUTO)
		why = not_for_auto(&plan->s, &f);
	if (ok && !why && (f.end >> 20) >= (uint64_t)plan->s.ram_mb)
		why = "kernel and modules do not fit into QEMU_RAM";
	if (why)
		by_firmware(plan, why);
	else
		take(plan, &f, began);
}
