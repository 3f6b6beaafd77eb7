/* emulator_files.c - finds the emulator and the firmware of the guest's architecture, which may be
 * missing from an image or a host. (plan.h) */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/arch.h"
#include "plan/plan.h"

static const char *environment(char *const envp[], const char *name)
{
	size_t len = strlen(name);

	for (; *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* qemu-system-i386 is in the image only on request: it is as large as qemu-system-x86_64, which
 * runs 32-bit guests as well. The same applies to architectures other than PCs. */
static const char *no_emulator_fix(enum arch arch)
{
	switch (arch) {
	case ARCH_I386:
		return "leave QEMU_ARCH unset (qemu-system-x86_64 runs 32-bit guests too), or "
		       "build the image with --build-arg I386=1 (make image I386=1); outside a "
		       "container install qemu-system-i386 (Debian: qemu-system-x86)";
	case ARCH_AARCH64:
		return "build the image with --build-arg ARCHS=aarch64 (make image "
		       "ARCHS=aarch64); outside a container install qemu-system-aarch64 (Debian: "
		       "qemu-system-arm)";
	case ARCH_ARM:
		return "build the image with --build-arg ARCHS=arm (make image ARCHS=arm); "
		       "outside a container install qemu-system-arm";
	case ARCH_RISCV64:
		return "build the image with --build-arg ARCHS=riscv64 (make image "
		       "ARCHS=riscv64); outside a container install qemu-system-riscv64 (Debian "
		       "13: qemu-system-riscv, before it: qemu-system-misc)";
	case ARCH_X86_64: break;
	}
	return "install QEMU (Alpine: qemu-system-x86_64; Debian: qemu-system-x86), or set VM_QEMU";
}

void plan_find_emulator(struct plan *plan, char *const envp[])
{
	char name[64];
	const char *arch = arch_of(&plan->s)->name;
	const char *path = environment(envp, "PATH");

	if (plan->s.qemu) {
		(void)snprintf(plan->qemu, sizeof plan->qemu, "%s", plan->s.qemu);
		if (access(plan->qemu, X_OK) != 0)
			(void)errors_add(&plan->errors, EXIT_QEMU_FAILED,
					 "set VM_QEMU to a qemu-system program, or leave it unset",
					 "VM_QEMU=%s: %s", plan->qemu, strerror(errno));
		return;
	}
	(void)snprintf(name, sizeof name, "qemu-system-%s", arch);
	if (!find_program(path ? path : "/usr/local/bin:/usr/bin:/bin", name, plan->qemu,
			  sizeof plan->qemu))
		(void)errors_add(&plan->errors, EXIT_QEMU_FAILED,
				 no_emulator_fix((enum arch)plan->s.arch),
				 "QEMU_ARCH=%s: there is no program %s on PATH", arch, name);
}

void plan_firmware(struct plan *plan)
{
	struct settings *s = &plan->s;
	const char *arch = arch_of(s)->name;

	if (!s->bios && !s->kernel && !arch_of(s)->pc && !settings_uefi(s)) {
		s->bios = plan_packaged_firmware(plan);
		if (!s->bios)
			(void)errors_add(
				&plan->errors, EXIT_BAD_SETTING,
				s->arch == ARCH_RISCV64
					? "set QEMU_KERNEL to a kernel, or to U-Boot, which boots "
					  "disks (Debian: u-boot-qemu)"
					: PLAN_FIRMWARE_FIX,
				"QEMU_ARCH=%s without QEMU_KERNEL: there is no firmware that boots "
				"its disks",
				arch);
	}
	if (s->bios && arch_of(s)->pc && !settings_no_firmware(s))
		firmware_check_bios(plan);
	else if (s->bios && !settings_no_firmware(s))
		(void)plan_check_file(plan, "QEMU_BIOS", s->bios, strlen(s->bios), S_IFREG);
}
