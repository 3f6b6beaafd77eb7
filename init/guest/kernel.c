/* kernel.c - see kernel.h. */
#include "guest/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "format/elf.h"
#include "format/image_format.h"
#include "guest/plan.h"
#include "host/child.h"
#include "host/disk.h"

#define UNPACK_NS UINT64_C(60000000000)
/* What a kernel or an unpacked module may take; a Linux without debug information takes a tenth. */
#define BYTES_MAX ((size_t)512 << 20)

/* One of the files, under the name of its setting. */
struct file {
	struct plan *plan;
	const char *setting;
	char path[4096];
	uint8_t *bytes;
	size_t n;
};

void kernel_init(struct kernel *k)
{
	*k = (struct kernel){0};
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		k->fds[i] = -1;
}

void kernel_close(struct kernel *k)
{
	for (int i = 0; i <= KERNEL_MODULES_MAX; i++)
		fd_close(&k->fds[i]);
}

/* ---- reading and unpacking ----------------------------------------------------------------- */

/* SIGTERM and SIGINT, to be seen and not to be taken. */
static int open_stop(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool grow(struct file *f, size_t *room)
{
	size_t more = *room ? 2 * *room : (size_t)1 << 20;
	uint8_t *bytes = *room < BYTES_MAX ? realloc(f->bytes, more) : NULL;

	if (!bytes) {
		errno = *room < BYTES_MAX ? ENOMEM : EFBIG;
		return false;
	}
	f->bytes = bytes;
	*room = more;
	return true;
}

/* All that FD (a file or a pipe) has, into F. False with errno: EFBIG beyond BYTES_MAX, ETIMEDOUT,
 * EINTR when a stop is asked for. */
static bool read_whole(struct file *f, int fd)
{
	_cleanup_fd_ int stop = open_stop();
	uint64_t end = clock_now() + UNPACK_NS;
	size_t room = 0;

	for (f->n = 0;;) {
		if (f->n == room && !grow(f, &room))
			return false;
		ssize_t got = read_until(fd, stop, end, f->bytes + f->n, room - f->n);

		if (got <= 0)
			return got == 0;
		f->n += (size_t)got;
	}
}

/* Why F could not be read or unpacked, from errno. */
static bool unreadable(const struct file *f, const char *what)
{
	struct errors *errs = &f->plan->errors;

	switch (errno) {
	case EINTR:
		return errors_add(errs, EXIT_CLEAN, "", "%s=%s: stopped while it was read",
				  f->setting, f->path);
	case EFBIG:
		return errors_add(errs, EXIT_BAD_IMAGE, "strip it (strip --strip-debug)",
				  "%s=%s: %s more than %zu MiB", f->setting, f->path, what,
				  BYTES_MAX >> 20);
	case ETIMEDOUT:
		return errors_add(errs, EXIT_BAD_IMAGE, "unpack it before, and name the result",
				  "%s=%s: %s more than a minute", f->setting, f->path, what);
	default:
		return errors_add(errs, EXIT_NO_PERMISSION, "see that the container may read it",
				  "%s=%s: %s", f->setting, f->path, strerror(errno));
	}
}

/* Put what `PROGRAM -dc` makes of FD into F. The bytes are not ours: it runs as QEMU's user. */
static bool unpack(struct file *f, int fd, const char *program)
{
	struct errors *errs = &f->plan->errors;
	struct error err = {0};
	char path[4096];
	char *argv[] = {path, (char *)"-dc", NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	int pipe_fds[2];
	int status = 0;

	if (!find_program(getenv("PATH"), program, path, sizeof path))
		return errors_add(errs, EXIT_QEMU_FAILED, "install it, or unpack the file before",
				  "%s=%s is compressed, and %s is not on PATH", f->setting, f->path,
				  program);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return unreadable(f, "takes");
	_cleanup_fd_ int output = pipe_fds[0];
	_cleanup_fd_ int theirs = pipe_fds[1];
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = envp,
			  .fds = {{fd, STDIN_FILENO}, {theirs, STDOUT_FILENO}},
			  .fd_count = 2,
			  .identity = &f->plan->identity,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true};
	pid_t pid = child_start(&c, NULL, &err);

	if (pid < 0)
		return errors_append(errs, &err);
	fd_close(&theirs);
	bool whole = read_whole(f, output) || unreadable(f, "unpacking it takes");

	if (!whole)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (whole && status != 0)
		return errors_add(errs, EXIT_BAD_IMAGE, "get a whole copy of the file",
				  "%s=%s is compressed and damaged: %s cannot unpack it",
				  f->setting, f->path, program);
	return whole;
}

/* The program that unpacks what is of KIND, or NULL. */
static const char *unpacker(enum kernel_kind kind)
{
	return kind == KERNEL_GZIP ? "gzip" : kind == KERNEL_XZ ? "xz" : NULL;
}

/* What F has now, in a file without a name that QEMU's user can read. -1 with an error. */
static int write_file(const struct file *f)
{
	_cleanup_fd_ int fd = disk_open_nameless(f->plan->s.tmp_dir, 0444);

	/* The mode once more: umask may have taken some of it. */
	if (fd >= 0 && fchmod(fd, 0444) == 0 && write_all(fd, f->bytes, f->n))
		return fd_take(&fd);
	(void)errors_add(&f->plan->errors, EXIT_NO_PERMISSION,
			 "give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
			 "/var/tmp)",
			 "VM_TMP_DIR=%s: %s=%s cannot be unpacked there: %s", f->plan->s.tmp_dir,
			 f->setting, f->path, strerror(errno));
	return -1;
}

/* ---- the kernel ---------------------------------------------------------------------------- */

/* What QEMU does not boot, and what does. */
static bool refuse(const struct file *f, enum kernel_kind kind)
{
	static const char *const fixes[] = {
		[KERNEL_UNKNOWN] = "name a Linux bzImage, a multiboot 1 kernel or an ELF file with "
				   "a PVH note; disks go to QEMU_DRIVE, ISO images to QEMU_CDROM",
		[KERNEL_GZIP] = "unpack it before, and name the result",
		[KERNEL_XZ] = "unpack it before, and name the result",
		[KERNEL_MULTIBOOT2] = "QEMU knows multiboot 1 only: let GRUB boot it (multiboot2 "
				      "in the grub.cfg of an ISO by grub-mkrescue), and name that "
				      "in QEMU_CDROM",
		[KERNEL_ELF] = "give it a multiboot header within its first 8 KiB or a PVH note, "
			       "or name the bzImage of a Linux kernel"};
	struct image_format image = image_format(f->bytes, f->n, NULL);
	const char *what = kind == KERNEL_UNKNOWN && image.kind != IMAGE_UNKNOWN
				   ? image.name
				   : kernel_kind_name(kind);

	return errors_add(&f->plan->errors, EXIT_BAD_IMAGE, fixes[kind], "%s=%s is %s%s",
			  f->setting, f->path, what,
			  unpacker(kind) ? " twice over" : ": QEMU cannot boot it");
}

static bool bootable(const struct file *f, const struct kernel_file *k)
{
	switch (k->kind) {
	case KERNEL_LINUX: return true;
	case KERNEL_MULTIBOOT:
	case KERNEL_MULTIBOOT_WIDE:
	case KERNEL_PVH:
		return !k->long_mode || f->plan->s.arch != ARCH_I386 ||
		       errors_add(&f->plan->errors, EXIT_BAD_SETTING,
				  "set QEMU_ARCH=x86_64, or name a 32-bit kernel",
				  "%s=%s is for x86-64, and QEMU_ARCH=i386 has no such processor",
				  f->setting, f->path);
	default: return refuse(f, k->kind);
	}
}

static int guest_of(const struct kernel_file *k)
{
	return k->kind == KERNEL_LINUX ? GUEST_LINUX : k->mach ? GUEST_MACH : GUEST_GENERIC;
}

/* The kernel of PLAN, into its kernel. Returns its kind, KERNEL_UNKNOWN with an error. */
static enum kernel_kind prepare_kernel(struct file *f)
{
	struct kernel *out = &f->plan->kernel;
	struct error err = {0};
	char name[4200];
	_cleanup_fd_ int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !read_whole(f, fd)) {
		(void)unreadable(f, "has");
		return KERNEL_UNKNOWN;
	}
	struct kernel_file k = kernel_recognise(f->bytes, f->n);
	const char *program = unpacker(k.kind);

	if (program) {
		if (lseek(fd, 0, SEEK_SET) < 0 || !unpack(f, fd, program))
			return KERNEL_UNKNOWN;
		k = kernel_recognise(f->bytes, f->n);
	}
	if (!bootable(f, &k))
		return KERNEL_UNKNOWN;
	f->plan->s.kernel_guest = guest_of(&k);
	out->end = k.end;
	(void)snprintf(name, sizeof name, "%s=%s", f->setting, f->path);
	bool wide = k.kind == KERNEL_MULTIBOOT_WIDE;

	if (wide && !elf_narrow(f->bytes, f->n, name, &err)) {
		(void)errors_append(&f->plan->errors, &err);
		return KERNEL_UNKNOWN;
	}
	if (program || wide) {
		out->fds[0] = write_file(f);
		if (out->fds[0] < 0)
			return KERNEL_UNKNOWN;
	}
	(void)snprintf(out->path, sizeof out->path, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	(void)snprintf(out->about, sizeof out->about, "%s: %s%s%s%s%s", f->path,
		       kernel_kind_name(k.kind), k.mach ? ", GNU Mach" : "",
		       program ? ", unpacked by " : "", program ? program : "",
		       wide ? ", its ELF64 rewritten as ELF32" : "");
	return k.kind;
}

/* ---- modules ------------------------------------------------------------------------------- */

/* F->path, a multiboot module: unpacked as descriptor number I of the kernel, when it is compressed
 * (as GRUB does). Returns whether it was; *OK becomes false with an error. */
static bool unpack_module(struct file *f, int i, bool *ok)
{
	struct kernel *out = &f->plan->kernel;
	uint8_t head[8];
	_cleanup_fd_ int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

	if (got < 0) {
		*ok = unreadable(f, "");
		return false;
	}
	const char *program = unpacker(kernel_recognise(head, (size_t)got).kind);

	if (!program)
		return false;
	if (i > KERNEL_MODULES_MAX) {
		*ok = errors_add(&f->plan->errors, EXIT_BAD_SETTING, "unpack some of them before",
				 "%s has more than %d compressed modules", f->setting,
				 KERNEL_MODULES_MAX);
		return false;
	}
	*ok = unpack(f, fd, program);
	if (*ok)
		out->fds[i] = write_file(f);
	*ok = out->fds[i] >= 0;
	return *ok;
}

/* The name of the module at TEXT, into PATH: up to a blank or a comma; two commas are one. Returns
 * what TEXT has behind it. */
static const char *module_name(const char *text, char path[4096])
{
	size_t n = 0;

	for (; *text && *text != ' ' && (*text != ',' || text[1] == ','); text++) {
		text += *text == ',';
		if (n < 4095)
			path[n++] = *text;
	}
	path[n] = '\0';
	return text;
}

/* Where the arguments of a module end: at its comma, or with the text. */
static const char *module_end(const char *text)
{
	while (*text && (*text != ',' || text[1] == ','))
		text += 1 + (*text == ',');
	return text;
}

/* QEMU_INITRD of a multiboot kernel: `file arguments,file arguments` (QEMU: hw/i386/multiboot.c).
 */
static void prepare_modules(struct file *f)
{
	struct plan *plan = f->plan;
	char list[sizeof plan->kernel.initrd] = "";
	size_t used = 0;
	int unpacked = 0;
	bool ok = true;

	for (const char *p = plan->s.initrd; *p;) {
		const char *arguments = module_name(p, f->path);
		const char *end = module_end(arguments);
		size_t n = strlen(f->path);

		ok &= plan_check_file(plan, f->setting, f->path, n, S_IFREG);
		if (ok && unpack_module(f, unpacked + 1, &ok))
			used += (size_t)snprintf(
				list + used, sizeof list - used, "/proc/self/fd/%d%.*s",
				QEMU_FD_KERNEL + ++unpacked, (int)(end - arguments), arguments);
		else
			used += (size_t)snprintf(list + used, sizeof list - used, "%.*s",
						 (int)(end - p), p);
		if (*end && used < sizeof list)
			used += (size_t)snprintf(list + used, sizeof list - used, ",");
		if (used >= sizeof list) { /* QEMU_INITRD is at most 8000 bytes, but names grow */
			(void)errors_add(&plan->errors, EXIT_BAD_SETTING, "shorten it",
					 "QEMU_INITRD is too long");
			return;
		}
		p = end + (*end == ',');
	}
	if (unpacked)
		(void)snprintf(plan->kernel.initrd, sizeof plan->kernel.initrd, "%s", list);
}

void kernel_prepare(struct plan *plan)
{
	const struct settings *s = &plan->s;
	static struct file f;
	enum kernel_kind kind;

	if (!s->kernel)
		return;
	f = (struct file){.plan = plan, .setting = "QEMU_KERNEL"};
	(void)snprintf(f.path, sizeof f.path, "%s", s->kernel);
	kind = plan_check_file(plan, f.setting, s->kernel, strlen(s->kernel), S_IFREG)
		       ? prepare_kernel(&f)
		       : KERNEL_UNKNOWN;
	f.setting = "QEMU_INITRD";
	if (!s->initrd)
		; /* none */
	else if (kind == KERNEL_MULTIBOOT || kind == KERNEL_MULTIBOOT_WIDE)
		prepare_modules(&f);
	else if (kind != KERNEL_UNKNOWN)
		(void)plan_check_file(plan, f.setting, s->initrd, strlen(s->initrd), S_IFREG);
	free(f.bytes);
}

void kernel_check_memory(struct plan *plan)
{
	const struct settings *s = &plan->s;
	unsigned long long mib =
		(plan->kernel.end >> 20) + ((plan->kernel.end & ((1 << 20) - 1)) != 0);

	if (mib > (unsigned long long)s->ram_mb)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "raise QEMU_RAM, or link the kernel for lower addresses",
				 "QEMU_RAM=%ld: QEMU_KERNEL=%s is loaded up to %llu MiB", s->ram_mb,
				 s->kernel, mib);
}
