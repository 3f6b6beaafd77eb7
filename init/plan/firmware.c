/* firmware.c - see firmware.h. */
#include "plan/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "config/arch.h"
#include "format/firmware.h"
#include "host/confined.h"
#include "host/image_read.h"
#include "plan/plan.h"

/* Where x86-64 packages install the two files, in order of preference: Debian, Alpine and older
 * Debians, Arch, Fedora, QEMU's own. */
static const struct {
	const char *code, *vars;
} places[] = {
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
	{"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},
	{"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},
	{"/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"},
};

/* The capacity of a PC's flash memory (QEMU: hw/i386/pc_sysfw.c), and the size of each of the two
 * chips of Arm's virt, which accepts no shorter file (hw/arm/virt.c, VIRT_FLASH). Its UEFI creates
 * variables in an empty one. */
#define FLASH_SIZE  ((off_t)8 << 20)
#define CHIP_SIZE   ((off_t)64 << 20)
#define FLASH_BLOCK 4096

/* In the child: identify CONFINED_IN. */
static bool look(const void *arg, void *answer, struct error *err)
{
	uint8_t head[FIRMWARE_HEAD];
	struct stat st;
	ssize_t n = pread(CONFINED_IN, head, sizeof head, 0);

	if (n < 0 || fstat(CONFINED_IN, &st) != 0)
		return error_set(err, EXIT_NO_PERMISSION, "make it readable for the container",
				 "%s: %s", (const char *)arg, strerror(errno));
	*(enum firmware_kind *)answer = firmware_kind(head, (size_t)n, (uint64_t)st.st_size);
	/* Arm's firmware begins with a page for the reset vector. */
	if (*(enum firmware_kind *)answer == FIRMWARE_OTHER &&
	    (n = pread(CONFINED_IN, head, sizeof head, FLASH_BLOCK)) > 0 &&
	    firmware_kind(head, (size_t)n, (uint64_t)st.st_size) == FIRMWARE_CODE)
		*(enum firmware_kind *)answer = FIRMWARE_CODE;
	return true;
}

static bool kind_of(int fd, const char *name, enum firmware_kind *kind, struct error *err)
{
	return confined_query(name, fd, look, name, kind, sizeof *kind, err);
}

/* ---- files of the firmware package --------------------------------------------------------- */

/* The variables file beside CODE: the one that a package pairs with this file name, or the name
 * with CODE replaced by VARS. */
static void vars_beside(const char *code, char out[4104])
{
	const char *base = path_base(code);
	int dir = (int)(base - code);
	const char *word = strstr(base, "CODE");

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strcmp(path_base(places[i].code), base) == 0) {
			(void)snprintf(out, 4104, "%.*s%s", dir, code, path_base(places[i].vars));
			return;
		}
	if (word)
		(void)snprintf(out, 4104, "%.*sVARS%s", (int)(word - code), code, word + 4);
	else
		(void)snprintf(out, 4104, "%s.vars", code);
}

/* The names of code and variables. False with an error: no package provides them here. */
static bool find_files(struct plan *plan, char code[4096], char vars[4104])
{
	const struct settings *s = &plan->s;
	const char *packaged = plan_packaged_firmware(plan);
	bool x86_64 = s->arch == ARCH_X86_64;

	if (s->firmware[0] == '/' || packaged) {
		(void)snprintf(code, 4096, "%s", s->firmware[0] == '/' ? s->firmware : packaged);
		vars_beside(code, vars);
		return true;
	}
	for (size_t i = 0; x86_64 && i < sizeof places / sizeof *places; i++)
		if (access(places[i].code, R_OK) == 0 && access(places[i].vars, R_OK) == 0) {
			(void)snprintf(code, 4096, "%s", places[i].code);
			(void)snprintf(vars, 4096, "%s", places[i].vars);
			return true;
		}
	return errors_add(&plan->errors, EXIT_NO_IMAGE,
			  !arch_of(s)->pc ? PLAN_FIRMWARE_FIX
			  : x86_64 ? "install the package ovmf (Debian and Alpine), or name a code "
				     "volume: QEMU_FIRMWARE=/path/OVMF_CODE_4M.fd"
				   : "leave QEMU_ARCH unset (qemu-system-x86_64 runs 32-bit guests "
				     "too), or name a code volume: "
				     "QEMU_FIRMWARE=/path/OVMF32_CODE_4M.fd",
			  "QEMU_FIRMWARE=uefi: there is no UEFI firmware here for "
			  "qemu-system-%s",
			  arch_of(s)->name);
}

static int open_file(struct plan *plan, const char *what, const char *path, const char *fix)
{
	int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, NULL);

	if (fd < 0)
		(void)errors_add(&plan->errors,
				 errno == EACCES ? EXIT_NO_PERMISSION : EXIT_NO_IMAGE, fix,
				 "QEMU_FIRMWARE: %s %s: %s", what, path, file_strerror(errno));
	return fd;
}

static int open_code(struct plan *plan, const char *path)
{
	static const struct {
		const char *what, *fix;
	} wrong[] = {
		[FIRMWARE_OTHER] = {"is no UEFI firmware volume",
				    "set QEMU_FIRMWARE=uefi, or name a code volume such as "
				    "OVMF_CODE_4M.fd; other firmware goes to QEMU_BIOS"},
		[FIRMWARE_VARS] = {"holds UEFI's variables, not its code",
				   "name the code volume: OVMF_CODE_4M.fd for OVMF_VARS_4M.fd"},
		[FIRMWARE_WHOLE] = {"holds UEFI's code and variables in one file",
				    "name the code volume (OVMF_CODE_4M.fd), or give this file to "
				    "QEMU_BIOS: the guest's variables are not kept then"}};
	enum firmware_kind kind = FIRMWARE_OTHER;
	struct error err = {0};
	_cleanup_fd_ int fd = open_file(plan, "the code volume", path,
					"mount the file into the container, or correct "
					"QEMU_FIRMWARE");

	if (fd < 0)
		return -1;
	if (!kind_of(fd, path, &kind, &err)) {
		(void)errors_append(&plan->errors, &err);
		return -1;
	}
	if (kind == FIRMWARE_CODE)
		return fd_take(&fd);
	if (kind > FIRMWARE_WHOLE)
		kind = FIRMWARE_OTHER;
	(void)errors_add(&plan->errors, EXIT_BAD_IMAGE, wrong[kind].fix, "QEMU_FIRMWARE=%s %s",
			 path, wrong[kind].what);
	return -1;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : 0;
}

static bool fits(struct plan *plan, int code, int vars, const char *path)
{
	const off_t most = FLASH_SIZE;
	off_t sizes[] = {size_of(code), size_of(vars)};

	if (sizes[0] % FLASH_BLOCK == 0 && sizes[1] % FLASH_BLOCK == 0 && sizes[0] > 0 &&
	    sizes[1] > 0 && sizes[0] <= most && sizes[1] <= most - sizes[0])
		return true;
	return errors_add(&plan->errors, EXIT_BAD_IMAGE,
			  "name the files of one build of UEFI for QEMU, as packages have them",
			  "QEMU_FIRMWARE: %s of %lld bytes and variables of %lld do not fit into "
			  "the machine's flash memory: multiples of 4096, %lld in all",
			  path, (long long)sizes[0], (long long)sizes[1], (long long)most);
}

/* Pad the code at *FD to the size of a chip of Arm's virt, and create an empty file for the
 * variables in *EMPTY. The modification time stays that of the code's file, because saved states
 * identify it by that. */
static bool fill_chips(struct plan *plan, int *fd, int *empty, const char *path)
{
	struct stat st;
	_cleanup_fd_ int whole = file_memory("uefi-code");

	*empty = file_memory("uefi-variables");
	if (fstat(*fd, &st) != 0 || whole < 0 || *empty < 0 || ftruncate(*empty, CHIP_SIZE) != 0)
		return errors_add(&plan->errors, EXIT_INTERNAL, "give the container more memory",
				  "no memory for UEFI: %s", strerror(errno));
	if (st.st_size > CHIP_SIZE)
		return errors_add(
			&plan->errors, EXIT_BAD_IMAGE,
			"name the files of one build of UEFI for QEMU, as packages have them",
			"QEMU_FIRMWARE: %s has %lld bytes, and the machine's flash memory %lld",
			path, (long long)st.st_size, (long long)CHIP_SIZE);
	if (!file_copy(*fd, whole) || ftruncate(whole, CHIP_SIZE) != 0 ||
	    futimens(whole, (struct timespec[]){st.st_atim, st.st_mtim}) != 0)
		return errors_add(&plan->errors, EXIT_INTERNAL, "give the container more memory",
				  "UEFI's code cannot be copied: %s", strerror(errno));
	/* QEMU requires a descriptor with exactly the access mode that it would open the file with.
	 */
	char self[32];

	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", whole);
	fd_close(fd);
	*fd = open(self, O_RDONLY | O_CLOEXEC);
	return *fd >= 0 ||
	       errors_add(&plan->errors, EXIT_INTERNAL, "give the container more memory",
			  "UEFI's code cannot be copied: %s", strerror(errno));
}

/* ---- the guest's variables ----------------------------------------------------------------- */

/* The path of the variables of PLAN's disk, or of the image below its overlay. "" for none. */
static void name_kept(const struct plan *plan, bool below, char out[4200])
{
	const struct disk *disk = &plan->disk;
	const char *of = disk->overlay[0] && !below ? disk->overlay : disk->path;

	out[0] = '\0';
	if (disk->count == 0)
		return;
	if (disk->layers[disk->count - 1].device) /* no files can be created in /dev */
		(void)snprintf(out, 4200, "%s/%s.vars", plan->s.image_dir, path_base(of));
	else
		(void)snprintf(out, 4200, "%s.vars", of);
}

/* Open the variables at PATH, which must have SIZE bytes like those of CODE. -1: there are none, or
 * with an error. */
static int open_kept(struct plan *plan, const char *path, bool writable, off_t size,
		     const char *code)
{
	struct image image = {.name = path, .fd = -1};
	enum firmware_kind kind = FIRMWARE_OTHER;
	struct error err = {0};
	struct stat st;

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return -1;
	bool ok = image_open(AT_FDCWD, path, writable, O_NOFOLLOW, &image, &st, &err);
	_cleanup_fd_ int fd = image.fd;

	ok = ok && (plan->s.guest_runs || image_check_lock(&image, writable, &err)) &&
	     kind_of(fd, path, &kind, &err);
	if (kind == FIRMWARE_BLANK &&
	    !arch_of(&plan->s)->pc) /* empty until the guest boots for the first time */
		kind = FIRMWARE_VARS;
	if (ok && (!S_ISREG(st.st_mode) || st.st_size != size || kind != FIRMWARE_VARS))
		ok = error_set(
			&err, EXIT_BAD_IMAGE,
			"name the firmware that it was made with in QEMU_FIRMWARE, or move it "
			"away: the guest's boot entries are lost then",
			kind == FIRMWARE_VARS ? "%s has %lld bytes, and the variables of %s "
						"have %lld: it was made with another firmware"
					      : "%s of %lld bytes holds no UEFI variables, as "
						"those of %s do in %lld",
			path, (long long)st.st_size, code, (long long)size);
	if (!ok) {
		(void)errors_append(&plan->errors, &err);
		return -1;
	}
	return fd_take(&fd);
}

/* Copy FROM into memory. */
static int copy_of(struct plan *plan, int from)
{
	_cleanup_fd_ int fd = file_memory("uefi-variables");

	if (fd >= 0 && file_copy(from, fd) && ftruncate(fd, size_of(from)) == 0)
		return fd_take(&fd);
	(void)errors_add(&plan->errors, EXIT_INTERNAL, "give the container more memory",
			 "UEFI's variables cannot be copied: %s", strerror(errno));
	return -1;
}

/* The descriptor of the variables for QEMU; EMPTY is the firmware package's own file. */
static int open_vars(struct plan *plan, int empty, const char *code)
{
	struct firmware *f = &plan->firmware;
	bool throwaway = plan->s.disk_mode == DISK_MODE_THROWAWAY;
	size_t errors = plan->errors.count;
	char below[4200];
	off_t size = size_of(empty);

	name_kept(plan, false, f->kept);
	if (throwaway)
		f->kept[0] = '\0';
	int fd = f->kept[0] ? open_kept(plan, f->kept, true, size, code) : -1;

	if (fd >= 0 || plan->errors.count > errors)
		return fd;
	f->kept_new = f->kept[0] != '\0';
	name_kept(plan, true, below);
	_cleanup_fd_ int image = below[0] ? open_kept(plan, below, false, size, code) : -1;

	return plan->errors.count > errors ? -1 : copy_of(plan, image >= 0 ? image : empty);
}

/* ---- the public functions ------------------------------------------------------------------ */

static bool kernel_suits(struct plan *plan)
{
	if (!plan->s.kernel || !plan->kernel.about[0] || plan->kernel.efi)
		return true;
	return errors_add(&plan->errors, EXIT_BAD_SETTING,
			  "leave QEMU_FIRMWARE unset, or let a boot loader for UEFI on a disk or "
			  "CD-ROM start the kernel",
			  "QEMU_KERNEL=%s: with UEFI, QEMU starts a Linux bzImage or Image only",
			  plan->s.kernel);
}

void firmware_prepare(struct plan *plan)
{
	static char code[4096], vars[4104];
	struct firmware *f = &plan->firmware;

	if (!settings_uefi(&plan->s) || !kernel_suits(plan) || !find_files(plan, code, vars))
		return;
	_cleanup_fd_ int fd = open_code(plan, code);
	_cleanup_fd_ int empty = -1;

	if (fd < 0)
		return;
	if (!arch_of(&plan->s)->pc) {
		if (!fill_chips(plan, &fd, &empty, code))
			return;
	} else {
		empty = open_file(plan, "the variables that belong to it", vars,
				  "put the file that came with the code volume there");
		if (empty < 0 || !fits(plan, fd, empty, code))
			return;
	}
	f->fds[1] = open_vars(plan, empty, code);
	if (f->fds[1] < 0)
		return;
	f->fds[0] = fd_take(&fd);
	(void)snprintf(f->about, sizeof f->about, "%s; the guest's variables %s%s%s", code,
		       f->kept[0] ? "are kept in " : "are not kept", f->kept,
		       f->kept_new ? " (new)" : "");
}

void firmware_keep(struct plan *plan)
{
	struct firmware *f = &plan->firmware;
	char part[4300];

	if (!f->kept_new || !plan->repairs || plan->errors.count > 0)
		return;
	_cleanup_fd_ int fd = file_begin_new(f->kept, 0644, part, sizeof part);
	bool begun = fd >= 0;

	if (begun && file_copy(f->fds[1], fd) && ftruncate(fd, size_of(f->fds[1])) == 0) {
		(void)identity_chown(&plan->identity, fd);
		if (file_commit_new(fd, part, f->kept)) {
			fd_close(&f->fds[1]);
			f->fds[1] = fd_take(&fd);
			f->kept_new = false;
			return;
		}
	} else if (begun) {
		file_drop(part);
	}
	(void)errors_add(&plan->errors, EXIT_NO_PERMISSION,
			 errno == EEXIST ? "start again to use it"
					 : "make its directory writable for this user, or set "
					   "QEMU_DISK_MODE=throwaway",
			 "the guest's UEFI variables cannot be kept in %s: %s", f->kept,
			 errno == EEXIST ? "another start has just created it" : strerror(errno));
}

/* QEMU loads multiples of 64 KiB only (hw/i386/x86.c, x86_bios_rom_init()). */
#define ROM_BLOCK (64 << 10)

void firmware_check_bios(struct plan *plan)
{
	const char *path = plan->s.bios;
	enum firmware_kind kind = FIRMWARE_OTHER;
	struct error err = {0};

	if (!plan_check_file(plan, "QEMU_BIOS", path, strlen(path), S_IFREG))
		return;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, NULL);
	off_t size = fd < 0 ? 0 : size_of(fd);

	if (fd < 0 || size % ROM_BLOCK == 0 || !kind_of(fd, path, &kind, &err))
		return;
	if (kind == FIRMWARE_CODE || kind == FIRMWARE_VARS)
		(void)errors_add(
			&plan->errors, EXIT_BAD_IMAGE,
			kind == FIRMWARE_CODE
				? "name it in QEMU_FIRMWARE instead, with the file of "
				  "variables beside it; or QEMU_FIRMWARE=uefi takes the "
				  "image's own"
				: "set QEMU_FIRMWARE=uefi, or to the code volume beside it",
			"QEMU_BIOS=%s is UEFI's %s for flash memory, not a BIOS image", path,
			kind == FIRMWARE_CODE ? "code volume" : "file of variables");
}
