/* kernel.c - see kernel.h. */
#include "plan/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "config/arch.h"
#include "format/elf.h"
#include "format/image_format.h"
#include "format/multiboot.h"
#include "host/confined.h"
#include "host/disk.h"
#include "host/unpack.h"
#include "plan/kernel_fit.h"
#include "plan/plan.h"

/* One of the files, and the name of its setting. */
struct file {
	struct plan *plan;
	const char *setting;
	char path[4096];
};

/* The kind of a file's contents. */
struct content {
	struct kernel_file k;
	char other[64]; /* kind of a file that is not a kernel, "" for unknown */
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

/* Open F for reading; -1 with an error. */
static int open_file(const struct file *f)
{
	int fd = open_regular(AT_FDCWD, f->path, O_RDONLY, false, NULL);

	if (fd < 0)
		(void)errors_add(&f->plan->errors, EXIT_NO_PERMISSION,
				 "make it readable for the container", "%s=%s: %s", f->setting,
				 f->path, file_strerror(errno));
	return fd;
}

/* Map CONFINED_IN privately. NULL with ERR, whose message begins with NAME. */
static uint8_t *map_whole(const char *name, size_t *n, struct error *err)
{
	static uint8_t none[1];
	char magic[4] = "";
	struct stat st;

	if (fstat(CONFINED_IN, &st) != 0 || st.st_size > (off_t)UNPACK_BYTES_MAX) {
		bool elf = pread(CONFINED_IN, magic, sizeof magic, 0) == sizeof magic &&
			   memcmp(magic, "\177ELF", sizeof magic) == 0;

		(void)error_set(err, EXIT_BAD_IMAGE,
				elf ? "strip it (strip --strip-debug)" : KERNEL_UNKNOWN_FIX,
				"%s has more than %zu MiB", name, UNPACK_BYTES_MAX >> 20);
		return NULL;
	}
	*n = (size_t)st.st_size;
	if (*n == 0)
		return none;
	void *p = mmap(NULL, *n, PROT_READ | PROT_WRITE, MAP_PRIVATE, CONFINED_IN, 0);

	if (p != MAP_FAILED)
		return p;
	(void)error_set(err, EXIT_NO_PERMISSION, "make it readable for the container", "%s: %s",
			name, strerror(errno));
	return NULL;
}

/* In the child: identify CONFINED_IN. ARG is its name. */
static bool recognise(const void *arg, void *answer, struct error *err)
{
	struct content *c = answer;
	size_t n;
	const uint8_t *bytes = map_whole(arg, &n, err);

	if (!bytes)
		return false;
	c->k = kernel_recognise(bytes, n);
	struct image_format format = image_format(bytes, n, NULL);

	if (format.kind != IMAGE_UNKNOWN)
		(void)snprintf(c->other, sizeof c->other, "%s", format.name);
	else if (n == 0)
		(void)snprintf(c->other, sizeof c->other, "empty");
	return kernel_check(bytes, n, arg, &c->k, err);
}

/* In the child: rewrite CONFINED_IN as an ELF32 file to CONFINED_OUT. */
static bool narrow(const void *arg, void *answer, struct error *err)
{
	size_t n;
	uint8_t *bytes = map_whole(arg, &n, err);

	(void)answer;
	if (!bytes || !elf_narrow(bytes, n, arg, err))
		return false;
	return write_all(CONFINED_OUT, bytes, n) ||
	       error_set(err, EXIT_NO_PERMISSION,
			 "give VM_TMP_DIR room (docker run --tmpfs /var/tmp)",
			 "%s cannot be rewritten in VM_TMP_DIR: %s", (const char *)arg,
			 strerror(errno));
}

/* Run RUN in a confined child on the file IN of F, writing to OUT (-1: nothing). */
static bool confined(const struct file *f, int in, int out,
		     bool (*run)(const void *, void *, struct error *), void *answer, size_t size)
{
	char name[4200];
	struct error err = {0};
	const struct confined c = {.name = name,
				   .run = run,
				   .arg = name,
				   .answer = answer,
				   .size = size,
				   .in = in,
				   .out = out,
				   .memory = UNPACK_BYTES_MAX,
				   .output = UNPACK_BYTES_MAX};

	(void)snprintf(name, sizeof name, "%s=%s", f->setting, f->path);
	return confined_run(&c, &err) || errors_append(&f->plan->errors, &err);
}

/* Identify the file IN of F. */
static bool look_into(const struct file *f, int in, struct content *c)
{
	if (!confined(f, in, -1, recognise, c, sizeof *c))
		return false;
	c->other[sizeof c->other - 1] = '\0';
	return c->k.kind <= KERNEL_ELF ||
	       errors_add(
		       &f->plan->errors, EXIT_BAD_IMAGE,
		       "get the file again; if it was complete, please report this and attach it",
		       "%s=%s: the process that checks it did not answer", f->setting, f->path);
}

bool kernel_identify(int fd, const char *name, struct kernel_file *out, struct error *err)
{
	struct content content = {0};
	const struct confined c = {.name = name,
				   .run = recognise,
				   .arg = name,
				   .answer = &content,
				   .size = sizeof content,
				   .in = fd,
				   .out = -1,
				   .memory = UNPACK_BYTES_MAX};
	bool ok = confined_run(&c, err);

	*out = content.k;
	return ok;
}

int kernel_new_file(const struct plan *plan)
{
	_cleanup_fd_ int fd = disk_open_anonymous(plan->s.tmp_dir, 0444);

	/* Set the mode again, because of umask. */
	return fd >= 0 && fchmod(fd, 0444) == 0 ? fd_take(&fd) : -1;
}

/* The same for F; -1 with an error. */
static int make_file(const struct file *f)
{
	int fd = kernel_new_file(f->plan);

	if (fd >= 0)
		return fd;
	(void)errors_add(&f->plan->errors, EXIT_NO_PERMISSION,
			 "give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
			 "/var/tmp)",
			 "VM_TMP_DIR=%s: %s=%s cannot be unpacked there: %s", f->plan->s.tmp_dir,
			 f->setting, f->path, strerror(errno));
	return -1;
}

/* Filter the file IN of F through PROGRAM; -1 with an error. */
static int unpacked(const struct file *f, int in, const char *program)
{
	char name[4200];
	struct error err = {0};
	_cleanup_fd_ int out = make_file(f);

	(void)snprintf(name, sizeof name, "%s=%s", f->setting, f->path);
	if (out < 0)
		return -1;
	if (unpack(program, in, out, name, &f->plan->identity, &err))
		return fd_take(&out);
	(void)errors_append(&f->plan->errors, &err);
	return -1;
}

/* ---- the kernel ---------------------------------------------------------------------------- */

static int guest_of(const struct kernel_file *k)
{
	bool is_linux = (k->kind == KERNEL_LINUX && !k->other) || k->kind == KERNEL_ARM64 ||
			k->kind == KERNEL_ARM || k->kind == KERNEL_RISCV;

	return is_linux ? GUEST_LINUX : k->mach ? GUEST_MACH : GUEST_GENERIC;
}

/* Prepare the kernel of PLAN. Returns its kind, KERNEL_UNKNOWN with an error. */
static enum kernel_kind prepare_kernel(struct file *f)
{
	struct kernel *out = &f->plan->kernel;
	struct content c;
	_cleanup_fd_ int fd = open_file(f);

	if (fd < 0 || !look_into(f, fd, &c))
		return KERNEL_UNKNOWN;
	const char *program = kernel_unpacker(c.k.kind);

	if (program) {
		out->fds[0] = unpacked(f, fd, program);
		if (out->fds[0] < 0 || !look_into(f, out->fds[0], &c))
			return KERNEL_UNKNOWN;
	}
	if (!kernel_fits(&f->plan->s, f->setting, f->path, &c.k, c.other, &f->plan->errors))
		return KERNEL_UNKNOWN;
	f->plan->s.kernel_guest = guest_of(&c.k);
	out->efi = c.k.kind == KERNEL_LINUX || c.k.kind == KERNEL_ARM64 || c.k.kind == KERNEL_ARM;
	bool pc = arch_of(&f->plan->s)->pc;
	bool wide = pc && c.k.kind == KERNEL_MULTIBOOT_WIDE;

	if (wide) {
		int whole = make_file(f);

		if (whole < 0)
			return KERNEL_UNKNOWN;
		bool ok = confined(f, program ? out->fds[0] : fd, whole, narrow, NULL, 0);

		fd_close(&out->fds[0]);
		out->fds[0] = whole;
		if (!ok)
			return KERNEL_UNKNOWN;
	}
	out->end = pc ? c.k.end : 0; /* other machines' memory does not begin at 0 */
	(void)snprintf(out->path, sizeof out->path, "/proc/self/fd/%d", QEMU_FD_KERNEL);
	(void)snprintf(out->about, sizeof out->about, "%s: %s%s%s%s%s", f->path,
		       c.k.other			   ? "a bzImage that is not Linux"
		       : !pc && c.k.kind == KERNEL_UNKNOWN ? "a raw binary"
		       : !pc && c.k.machine		   ? "an ELF file"
							   : kernel_kind_name(c.k.kind),
		       c.k.mach ? ", GNU Mach" : "", program ? ", unpacked by " : "",
		       program ? program : "", wide ? ", its ELF64 rewritten as ELF32" : "");
	return c.k.kind;
}

/* ---- modules ------------------------------------------------------------------------------- */

/* Account for the module FD, which is loaded page-aligned after the kernel and the previous
 * modules. */
static void add_size(struct kernel *k, int fd)
{
	static const uint64_t page = 4096;
	struct stat st;

	if (k->end && fstat(fd, &st) == 0)
		k->end = (k->end + page - 1) / page * page + (uint64_t)st.st_size;
}

/* F->path, a multiboot module: if it is compressed, decompress it (as GRUB does) to descriptor I of
 * the kernel. Returns whether it was; *OK becomes false with an error. */
static bool unpack_module(struct file *f, int i, bool *ok)
{
	struct kernel *out = &f->plan->kernel;
	uint8_t head[8];
	_cleanup_fd_ int fd = open_file(f);
	ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

	*ok = got >= 0;
	const char *program =
		*ok ? kernel_unpacker(kernel_recognise(head, (size_t)got).kind) : NULL;

	if (!program) {
		add_size(out, fd);
		return false;
	}
	if (i > KERNEL_MODULES_MAX) {
		*ok = errors_add(&f->plan->errors, EXIT_BAD_SETTING, "unpack some of them before",
				 "%s has more than %d compressed modules", f->setting,
				 KERNEL_MODULES_MAX);
		return false;
	}
	out->fds[i] = unpacked(f, fd, program);
	*ok = out->fds[i] >= 0;
	add_size(out, out->fds[i]);
	return *ok;
}

/* Copy the module name at TEXT, which ends at a blank or a comma (a double comma is a literal one),
 * into PATH. Returns the rest of TEXT. */
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

/* The end of a module's arguments: a comma or the end of the text. */
static const char *module_end(const char *text)
{
	while (*text && (*text != ',' || text[1] == ','))
		text += 1 + (*text == ',');
	return text;
}

/* The module at TEXT: its file's name into PATH, and where its arguments begin and end. */
static const char *module_at(const char *text, char path[4096], const char **arguments)
{
	*arguments = module_name(text, path);
	return module_end(*arguments);
}

bool kernel_module(const char **list, char path[4096])
{
	const char *arguments;

	if (!**list)
		return false;
	const char *end = module_at(*list, path, &arguments);

	*list = end + (*end == ',');
	return true;
}

/* Prepare QEMU_INITRD of a multiboot kernel: `file arguments,file arguments` (QEMU:
 * hw/i386/multiboot.c). */
static void prepare_modules(struct file *f)
{
	struct plan *plan = f->plan;
	char list[sizeof plan->kernel.initrd] = "";
	size_t used = 0;
	int unpacked = 0;
	bool ok = true;

	for (const char *p = plan->s.initrd; *p;) {
		const char *arguments;
		const char *end = module_at(p, f->path, &arguments);
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
		if (used >= sizeof list) { /* QEMU_INITRD is at most 8000 bytes, but replaced names
					      are longer */
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
	bool pc = arch_of(s)->pc;

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
	else if (pc && (kind == KERNEL_MULTIBOOT || kind == KERNEL_MULTIBOOT_WIDE))
		prepare_modules(&f);
	else if (kind != KERNEL_UNKNOWN || !pc)
		(void)plan_check_file(plan, f.setting, s->initrd, strlen(s->initrd), S_IFREG);
}

/* The size in MiB of the contiguous memory from address 0 on of MACHINE with RAM_MB. QEMU
 * (hw/i386/pc_q35.c, pc_piix.c): from LIMIT on, it ends at SPLIT and continues above 4 GiB. */
static unsigned long long low_memory(const char *machine, long ram_mb)
{
	bool q35 = settings_machine_is(machine, "q35");
	long limit = q35 ? 0xb00 : 0xe00;
	long split = q35 ? 0x800 : 0xc00;

	return (unsigned long long)(ram_mb >= limit ? split : ram_mb);
}

void kernel_check_memory(struct plan *plan)
{
	const struct settings *s = &plan->s;
	unsigned long long mib =
		(plan->kernel.end >> 20) + ((plan->kernel.end & ((1 << 20) - 1)) != 0);
	unsigned long long low = low_memory(s->machine, s->ram_mb);

	if (mib > low && mib <= low_memory(s->machine, (long)mib))
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "raise QEMU_RAM, or link the kernel for lower addresses",
				 "QEMU_RAM=%ld: QEMU_KERNEL=%s is loaded up to %llu MiB", s->ram_mb,
				 s->kernel, mib);
	else if (mib > low)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "link the kernel for lower addresses",
				 "QEMU_RAM=%ld: QEMU_KERNEL=%s is loaded up to %llu MiB, where "
				 "QEMU_MACHINE=%s has its devices",
				 s->ram_mb, s->kernel, mib, s->machine);
}
