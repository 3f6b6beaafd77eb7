/* args.h - QEMU's argument vector, a pure function of the settings and of what was found.
 *
 * QEMU gets everything by inherited descriptors with fixed numbers, so that the vector is the same
 * at every start and `vm args` tells the truth.
 */
#ifndef VM_QEMU_ARGS_H
#define VM_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"

/* The descriptors of QEMU (struct child_fd.to); its serial line is on 0 and 1. */
enum qemu_fd {
	QEMU_FD_QMP = 3,     /* socketpair with PID 1 */
	QEMU_FD_NET = 4,     /* a TAP interface, or the socket of passt */
	QEMU_FD_MONITOR = 5, /* socketpair with PID 1, human monitor */
	QEMU_FD_USER_QMP =
		6, /* listening unix socket VM_RUN_DIR/qmp.sock, for the user's programs */
	QEMU_FD_CDROM = 7,
	QEMU_FD_KVM = 8,       /* /dev/kvm, under KVM */
	QEMU_FD_SHARE = 9,     /* the disk of VM_SHARE=disk */
	QEMU_FD_DISK = 10,     /* and one more for each layer: 10, 11, ... */
	QEMU_FD_TRACE = 18,    /* a copy of VM_TRACE's file */
	QEMU_FD_LOG = 19,      /* write end of a pipe: what QEMU logs and traces */
	QEMU_FD_KERNEL = 20,   /* a kernel made ready for QEMU, and behind it such modules */
	QEMU_FD_GDB = 29,      /* listening unix socket VM_RUN_DIR/gdb.sock */
	QEMU_FD_RAM = 39,      /* the guest's memory (enum guest_ram) */
	QEMU_FD_LANDLOCK = 40, /* a ruleset, closed before QEMU runs */
	QEMU_FD_FIRMWARE = 44, /* UEFI's code, and behind it its variables */
	QEMU_FD_CDROM2 = 47,
	QEMU_FD_MORE = 48, /* as QEMU_FD_DISK, of the other disks: eight for each */
};

/* The chardev of the GDB stub, for `add_client`. */
#define QEMU_CHARDEV_GDB "debugger"

struct disk_fact {
	enum drive_format format;
	bool device; /* a block device of the host */
	bool writable;
};

/* A disk's layers, top first, like struct disk; COUNT 0: there is none. */
struct disk_facts {
	int count;
	struct disk_fact layers[8];
};

/* Where the guest's memory is. */
enum guest_ram {
	RAM_PRIVATE, /* QEMU's own, anonymous */
	RAM_SHARED,  /* a memfd that PID 1 has too, and saves by itself */
	RAM_MAPPED,  /* a saved state's file: what the guest writes is QEMU's own copy of the page
		      */
};

struct facts {
	enum accel accel;   /* KVM or TCG, decided */
	enum guest_ram ram; /* RAM_PRIVATE, or behind QEMU_FD_RAM */
	bool has_cdrom, has_cdrom2;
	bool uefi;	 /* QEMU_FD_FIRMWARE and the next one are flash memory */
	bool incoming;	 /* the machine's state comes over QMP before it runs */
	bool unattended; /* nobody connects: no monitor and no QMP of the users' */
	bool has_share;	 /* the disk of VM_SHARE=disk */
	bool trace_copy; /* VM_TRACE's file is QEMU_FD_TRACE */
	struct disk_facts disk;
	struct disk_facts more[DISKS_MORE];
	/* Instead of QEMU_KERNEL, QEMU_INITRD and QEMU_APPEND, if not NULL. */
	const char *kernel, *initrd, *append;
	bool direct; /* they come from the disk (plan/direct_boot.h) */
};

#define ARGS_MAX 256

/* A vector and the memory of its texts. */
struct args {
	char *argv[ARGS_MAX + 1]; /* argv[0] is the emulator's path; ends with NULL */
	size_t count;
	size_t used;
	/* The arguments of a direct boot: left out, it is the vector of a boot by the firmware. */
	size_t direct_at, direct_count;
	bool full; /* something did not fit: the vector is not whole */
	char text[32768];
};

/* Of the descriptors, QEMU_FD_DISK and on must have O_DIRECT set if QEMU_CACHE is none or
 * directsync (QEMU >= 9 compares the flags), and QEMU_FD_CDROM must not. S must be resolved, with
 * S->qemu the emulator's path (else argv[0] is its bare name). A VNC password is not in the vector:
 * with VNC_PASSWORD_FILE the display refuses everybody until QMP's `set_password`
 * {"protocol":"vnc","password":...} has told it one, to be sent before `cont`. The guest is always
 * started paused (-S). Error, EXIT_BAD_SETTING: QEMU_EXTRA_ARGS with an open quote, QEMU_CPU=host
 * under TCG, a vector that is too long. */
bool args_build(const struct settings *s, const struct facts *f, struct args *out,
		struct error *err);

/* QEMU_BOOT_ORDER, or what it is unset: settings.def. */
const char *args_boot_order(const struct settings *s, const struct facts *f);

/* The name that QEMU gives to the memory of S's machine, "" when it is not known or when
 * QEMU_MACHINE or QEMU_EXTRA_ARGS say something about it themselves: RAM_PRIVATE then. A state fits
 * memory of this name only, wherever that is (QEMU: MachineClass.default_ram_id). */
const char *args_ram_name(const struct settings *s);

/* A is a copy of FROM: let its vector point to its own text. */
void args_rebase(struct args *a, const struct args *from);

/* Leave out the arguments of a direct boot, if A has some. */
void args_by_firmware(struct args *a);

/* Write argument TEXT, quoted for a POSIX shell where needed, into BUF (cut, with its quote closed,
 * when SIZE, at least 8, is too small). Returns BUF. */
const char *args_quote(const char *text, char *buf, size_t size);

/* The builder's own, for args.c: a new argument, more text for the last one, an option with its
 * value. What does not fit sets A->full. */
void args_add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_more(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_option(struct args *a, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add the words of TEXT, split by a shell's quoting rules (POSIX 2.2: backslash, single and double
 * quotes) without any of its expansions. False for an open quote or a last backslash. */
bool args_split(struct args *a, const char *text);

#endif
