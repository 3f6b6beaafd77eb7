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

/* The reason to boot by the firmware without trying; NULL: try direct boot. */
static const char *set_against(const struct plan *plan)
{
	const struct settings *s = &plan->s;
	bool automatic = s->boot == BOOT_AUTO;

	if (s->kernel)
		return "QEMU_KERNEL names the kernel";
	if (plan->disk.count == 0)
		return "there is no disk";
	if (!arch_of(s)->pc)
		return "kernels are read from disks of PCs only";
	if (s->arch == ARCH_I386 || strncmp(s->machine, "isapc", 5) == 0)
		return "it is untested on this machine type";
	if (settings_uefi(s))
		return "QEMU_FIRMWARE selects UEFI";
	if (!automatic)
		return NULL;
	if (s->guest != GUEST_HURD && s->guest != GUEST_LINUX)
		return "VM_GUEST is neither hurd nor linux";
	return s->cdrom	       ? "QEMU_CDROM is set"
	       : s->boot_order ? "QEMU_BOOT_ORDER is set"
	       : s->bios       ? "QEMU_BIOS is set"
	       : s->extra_args ? "QEMU_EXTRA_ARGS is set"
	       : s->on_reboot == REBOOT_RESTART
		       ? "VM_ON_REBOOT=restart must boot a kernel that is installed meanwhile"
		       : NULL;
}

/* The reason why VM_BOOT=auto does not boot the kernel that was found; NULL: it does. */
static const char *not_for_auto(const struct settings *s, const struct direct_found *f)
{
	if (f->waits)
		return "GRUB's menu has no timeout (timeout -1)";
	if ((f->kind == FOUND_LINUX) != (s->guest == GUEST_LINUX))
		return f->kind == FOUND_LINUX ? "GRUB boots Linux, and VM_GUEST is hurd"
					      : "GRUB boots no Linux, and VM_GUEST is linux";
	return f->kind == FOUND_MACH || f->kind == FOUND_LINUX ? NULL
							       : "its kernel is not GNU Mach";
}

/* Boot by the firmware, because of WHY. */
static void boot_by_firmware(struct plan *plan, const char *why)
{
	struct boot_way *b = &plan->boot;

	kernel_close(&plan->kernel);
	b->direct = b->automatic = b->restarts = false;
	if (plan->s.boot == BOOT_DIRECT)
		(void)errors_add(&plan->errors, EXIT_BAD_IMAGE,
				 "set VM_BOOT=firmware, or auto to try both",
				 "VM_BOOT=direct: %s: %s", plan->disk.path, why);
	else
		plan_describe_boot(plan, why, b->text, sizeof b->text);
}

/* The kernel, the ramdisk, and the compressed ELF file inside the kernel. */
#define FILES 3

/* O_DIRECT, which plan_set_direct_io() sets for a cache that bypasses the host's, requires aligned
 * reads: clear it while we read. */
static void direct_io(const struct disk *disk, bool on)
{
	for (int i = 0; i < disk->count; i++) {
		int flags = fcntl(disk->layers[i].fd, F_GETFL);

		(void)fcntl(disk->layers[i].fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
	}
}

static bool read_disk(struct plan *plan, struct direct_found *f, struct error *err)
{
	struct direct_task t = {
		.count = plan->disk.count,
		.screen = plan->s.vnc || plan->s.display,
		/* Linux' VGA console needs the boot parameters of the real entry point. */
		.slow = plan->accel.accel == ACCEL_TCG && plan->s.vga == VGA_NONE};
	int more[DISK_LAYERS_MAX + 1];
	struct kernel *k = &plan->kernel;

	for (int i = 0; i < t.count; i++) {
		const struct disk_layer *l = &plan->disk.layers[i];
		struct stat st;

		if (fstat(l->fd, &st) != 0)
			return error_set(err, EXIT_INTERNAL,
					 "look for errors of the host's disk (dmesg)",
					 "fstat of the disk: %s", strerror(errno));
		t.layers[i].size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : l->virtual_size;
		t.layers[i].is_qcow2 = l->format == FORMAT_QCOW2;
		if (i > 0)
			more[i - 1] = l->fd;
	}
	for (int i = 0; i < FILES; i++)
		k->fds[i] = kernel_new_file(plan);
	if (k->fds[0] < 0 || k->fds[1] < 0 || k->fds[2] < 0)
		return error_set(err, EXIT_NO_PERMISSION,
				 "give the container a writable VM_TMP_DIR with room (docker run "
				 "--tmpfs /var/tmp)",
				 "no file can be created in VM_TMP_DIR: %s", strerror(errno));
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

/* The answer comes from a process that the disk may have compromised. */
static bool is_valid(struct direct_found *f)
{
	f->title[sizeof f->title - 1] = f->device[sizeof f->device - 1] = '\0';
	f->unpacker[sizeof f->unpacker - 1] = '\0';
	f->kernel[sizeof f->kernel - 1] = f->line[sizeof f->line - 1] = '\0';
	for (const char *p = f->line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return f->kind <= FOUND_BZIMAGE && f->modules >= 0 && f->modules <= GRUB_MODULES_MAX;
}

/* A Linux kernel decompresses itself, which takes seconds on an emulated processor. The ELF file
 * inside it has an entry for QEMU as well (PVH): decompressed here, it boots the same kernel. If
 * anything that this requires is missing, the kernel is used unchanged. Returns the program that
 * decompressed it, NULL for none. */
static const char *unpack_kernel(struct plan *plan, const struct direct_found *f)
{
	static const char *const programs[] = {"gzip", "xz", "zstd"};
	struct kernel *k = &plan->kernel;
	struct kernel_file inner;
	struct error err = {0};
	_cleanup_fd_ int packed = fd_take(&k->fds[2]);
	_cleanup_fd_ int out = f->unpacker[0] ? kernel_new_file(plan) : -1;

	for (size_t i = 0; out >= 0 && i < sizeof programs / sizeof *programs; i++) {
		if (strcmp(f->unpacker, programs[i]) != 0 ||
		    !unpack(programs[i], packed, out, f->kernel, &plan->identity, &err) ||
		    !kernel_identify(out, f->kernel, &inner, &err) || inner.kind != KERNEL_PVH ||
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
	b->restarts = plan->s.on_reboot == REBOOT_RESTART;
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
		boot_by_firmware(plan, err.message);
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
	if (plan->resume.kind != RESUME_NONE) { /* the saved memory contains the kernel */
		char cold[sizeof b->text];

		plan_describe_boot(plan, NULL, cold, sizeof cold);
		(void)snprintf(b->text, sizeof b->text,
			       "none: a saved state is resumed; without it, %s%.480s",
			       why || plan->s.boot == BOOT_FIRMWARE ? "" : "direct, or else ",
			       cold);
		return;
	}
	plan_describe_boot(plan, NULL, b->text, sizeof b->text);
	if (plan->s.boot == BOOT_FIRMWARE)
		return;
	if (why && plan->s.boot == BOOT_DIRECT) {
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, "set VM_BOOT=firmware or auto",
				 "VM_BOOT=direct: %s", why);
		return;
	}
	if (why) {
		if (plan->disk.count && !plan->disk.embedded)
			plan_describe_boot(plan, why, b->text, sizeof b->text);
		return;
	}
	f = (struct direct_found){0};
	bool ok = read_disk(plan, &f, &err);

	if (!ok && err.status == EXIT_CLEAN) { /* a stop was requested */
		(void)errors_append(&plan->errors, &err);
		kernel_close(&plan->kernel);
		return;
	}
	if (ok && !is_valid(&f))
		ok = error_set(&err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
			       "the process that reads it did not answer");
	why = ok ? NULL : err.message;
	if (ok && plan->s.boot == BOOT_AUTO)
		why = not_for_auto(&plan->s, &f);
	if (ok && !why && (f.end >> 20) >= (uint64_t)plan->s.ram_mb)
		why = "kernel and modules do not fit into QEMU_RAM";
	if (why)
		boot_by_firmware(plan, why);
	else
		take(plan, &f, began);
}
