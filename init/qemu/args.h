/* args.h - QEMU's argument vector, a pure function of the settings and of facts about host and
 * files.
 *
 * QEMU inherits descriptors with fixed numbers, so the vector is the same at every start and `vm
 * args` shows the real one.
 */
#ifndef VM_QEMU_ARGS_H
#define VM_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"

/* QEMU's descriptors (struct child_fd.to); its serial line is on 0 and 1. */
enum qemu_fd {
	QEMU_FD_QMP = 3,      /* socketpair with PID 1 */
	QEMU_FD_NET = 4,      /* a TAP interface, or the socket of passt */
	QEMU_FD_MONITOR = 5,  /* socketpair with PID 1, human monitor */
	QEMU_FD_USER_QMP = 6, /* listening unix socket VM_RUN_DIR/qmp.sock, for users' programs */
	QEMU_FD_CDROM = 7,
	QEMU_FD_KVM = 8,       /* /dev/kvm, with KVM */
	QEMU_FD_SHARE = 9,     /* the disk of VM_SHARE=disk */
	QEMU_FD_DISK = 10,     /* and one more for each layer: 10, 11, ... */
	QEMU_FD_TRACE = 18,    /* a copy of VM_TRACE's file */
	QEMU_FD_LOG = 19,      /* write end of a pipe: QEMU's log and trace */
	QEMU_FD_KERNEL = 20,   /* a kernel prepared for QEMU; modules follow */
	QEMU_FD_GDB = 29,      /* listening unix socket VM_RUN_DIR/gdb.sock */
	QEMU_FD_RAM = 39,      /* the guest's memory (enum guest_ram) */
	QEMU_FD_LANDLOCK = 40, /* a ruleset, closed before QEMU runs */
	QEMU_FD_FIRMWARE = 44, /* UEFI's code; its variables follow */
	QEMU_FD_CDROM2 = 47,
	QEMU_FD_MORE = 48, /* like QEMU_FD_DISK, for the other disks: eight each */
};

/* The chardev of the gdbstub, for `add_client`. */
#define QEMU_CHARDEV_GDB "debugger"

struct disk_fact {
	enum drive_format format;
	bool device; /* a block device of the host */
	bool writable;
};

/* A disk's layers, top first, as in struct disk; COUNT 0: no disk. */
struct disk_facts {
	int count;
	struct disk_fact layers[8];
};

/* Where the guest's memory is. */
enum guest_ram {
	RAM_PRIVATE, /* QEMU's own, anonymous */
	RAM_SHARED,  /* a memfd that PID 1 has, too, and saves itself */
	RAM_MAPPED,  /* the file of a saved state, mapped privately */
};

struct facts {
	enum accel accel;   /* KVM or TCG */
	enum guest_ram ram; /* RAM_PRIVATE, or in QEMU_FD_RAM */
	bool has_cdrom, has_cdrom2;
	bool uefi;	 /* QEMU_FD_FIRMWARE and the next one are flash memory */
	bool incoming;	 /* a saved state is read over QMP before the guest runs */
	bool unattended; /* no clients: no monitor and no QMP socket for users */
	bool has_share;	 /* the disk of VM_SHARE=disk */
	bool trace_copy; /* VM_TRACE's file is QEMU_FD_TRACE */
	struct disk_facts disk;
	struct disk_facts more[DISKS_MORE];
	/* Replace QEMU_KERNEL, QEMU_INITRD and QEMU_APPEND, unless NULL. */
	const char *kernel, *initrd, *append;
	bool direct; /* the kernel comes from the disk (plan/direct_boot.h) */
};

#define ARGS_MAX 256

/* An argument vector and the memory of its texts. */
struct args {
	char *argv[ARGS_MAX + 1]; /* argv[0] is the emulator's path; terminated by NULL */
	size_t count;
	size_t used;
	/* The arguments of a direct boot; without them the firmware boots. */
	size_t direct_at, direct_count;
	bool full; /* something did not fit, so the vector is incomplete */
	char text[32768];
};

/* Build OUT. The descriptors from QEMU_FD_DISK on must have O_DIRECT set if QEMU_CACHE is none or
 * directsync (QEMU >= 9 compares the flags), and QEMU_FD_CDROM must not. S must be resolved;
 * S->qemu is the emulator's path (if empty, argv[0] is its bare name). A VNC password is not in
 * the vector: with VNC_PASSWORD_FILE the display refuses everybody until it is set over QMP with
 * `set_password` {"protocol":"vnc","password":...}, before `cont`. The guest is always started
 * paused (-S). Errors, EXIT_BAD_SETTING: an open quote in QEMU_EXTRA_ARGS, QEMU_CPU=host under
 * TCG, a vector that is too long. */
bool args_build(const struct settings *s, const struct facts *f, struct args *out,
		struct error *err);

/* QEMU_BOOT_ORDER, or its default (settings.def). */
const char *args_boot_order(const struct settings *s, const struct facts *f);

/* QEMU's name for the machine's memory; "" if it is unknown, or if QEMU_MACHINE or QEMU_EXTRA_ARGS
 * configure memory themselves (RAM_PRIVATE then). A saved state fits memory of this name only
 * (QEMU: MachineClass.default_ram_id). */
const char *args_ram_name(const struct settings *s);

/* A is a copy of FROM: make its vector point to its own text. */
void args_rebase(struct args *a, const struct args *from);

/* Remove the arguments of a direct boot, if any. */
void args_by_firmware(struct args *a);

/* Write argument TEXT, quoted for a POSIX shell if needed, into BUF (cut, with the quote closed,
 * if SIZE, at least 8, is too small). Returns BUF. */
const char *args_quote(const char *text, char *buf, size_t size);

/* For args.c: append an argument; append text to the last argument; append an option with its
 * value. A->full is set if something does not fit. */
void args_add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_more(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_option(struct args *a, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Append the words of TEXT, split by a shell's quoting rules (POSIX 2.2: backslash, single and
 * double quotes) without expansions. False for an open quote or a trailing backslash. */
bool args_split(struct args *a, const char *text);

#endif
