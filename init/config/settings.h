/* settings.h - converts an environment to a struct; all errors are reported together.
 *
 * settings.def declares each setting once. settings_parse() reads them from an environment,
 * settings_resolve() replaces `auto` by what the guest needs (guest_preset.h) and rejects
 * combinations that are known to fail. Both are pure: they do not access files.
 */
#ifndef VM_CONFIG_SETTINGS_H
#define VM_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/netaddr.h"

enum setting_type {
	SETTING_BOOL,
	SETTING_INT,
	SETTING_PORT,
	SETTING_MEM,
	SETTING_ENUM,
	SETTING_TEXT,
	SETTING_PATH
};

/* The values of the settings of type ENUM, in the order of their choices. */
enum guest_kind {
	GUEST_AUTO,
	GUEST_HURD,
	GUEST_MACH,
	GUEST_LINUX,
	GUEST_MINIX,
	GUEST_EXOV6,
	GUEST_GENERIC
};
enum arch { ARCH_X86_64, ARCH_I386, ARCH_AARCH64, ARCH_ARM, ARCH_RISCV64 };
enum accel {
	ACCEL_AUTO,
	ACCEL_KVM,
	ACCEL_TCG,
	/* QEMU's own option values; settings_resolve() converts them to the ones above. */
	ACCEL_KVM_TCG,
	ACCEL_KVM_COMMA_TCG,
	ACCEL_TCG_MULTI,
	ACCEL_TCG_SINGLE
};
enum drive_format { FORMAT_QCOW2, FORMAT_RAW };
enum disk_mode { DISK_MODE_AUTO, DISK_MODE_PERSISTENT, DISK_MODE_OVERLAY, DISK_MODE_THROWAWAY };
enum ports { PORTS_START, PORTS_READY };
enum stop { STOP_POWEROFF, STOP_SUSPEND };
enum state_format {
	STATE_FORMAT_AUTO,
	STATE_FORMAT_STREAM,
	STATE_FORMAT_MAPPED_RAM,
	STATE_FORMAT_MAPPED,
	STATE_FORMAT_PACKED
};
enum disk_bus {
	BUS_AUTO,
	BUS_AHCI,
	BUS_IDE,
	BUS_VIRTIO,
	BUS_SCSI,
	BUS_VIRTIO_MMIO,
	BUS_VIRTIO_MMIO_LEGACY
};
enum cache { CACHE_WRITEBACK, CACHE_WRITETHROUGH, CACHE_NONE, CACHE_DIRECTSYNC, CACHE_UNSAFE };
enum aio { AIO_THREADS, AIO_NATIVE, AIO_IO_URING };
enum boot_setting { BOOT_AUTO, BOOT_FIRMWARE, BOOT_DIRECT };
enum backing { BACKING_REFUSE, BACKING_ALLOW };
enum fsck { FSCK_AUTO, FSCK_OFF };
enum net { NET_AUTO, NET_USER, NET_NONE, NET_TAP, NET_PASST, NET_SOCKET };
enum net_model {
	NET_MODEL_AUTO,
	NET_MODEL_E1000,
	NET_MODEL_E1000E,
	NET_MODEL_RTL8139,
	NET_MODEL_VIRTIO,
	NET_MODEL_NE2K_PCI,
	NET_MODEL_PCNET,
	NET_MODEL_NE2K_ISA
};
enum share { SHARE_AUTO, SHARE_9P, SHARE_DISK, SHARE_NONE };
enum serial_stdio { STDIO_AUTO, STDIO_ON, STDIO_OFF };
enum console_stdout { CONSOLE_STDOUT_AUTO, CONSOLE_STDOUT_OFF, CONSOLE_STDOUT_ON };
enum web { WEB_AUTO, WEB_OFF, WEB_ON };
enum ready { READY_AUTO, READY_LOGIN, READY_SSH, READY_HTTP, READY_MARKER, READY_RUNNING };
enum on_panic { PANIC_EXIT, PANIC_KEEP, PANIC_PAUSE };
enum display { DISPLAY_NONE, DISPLAY_GTK, DISPLAY_SDL };
enum on_reboot { REBOOT_EXIT, REBOOT_RESTART };
enum vga { VGA_AUTO, VGA_NONE, VGA_STD, VGA_CIRRUS, VGA_VMWARE, VGA_VIRTIO, VGA_VIRTIO_GL };
enum gl { GL_OFF, GL_ON, GL_VENUS };

/* Value of a PORT that is auto; 0: the port is off. */
#define PORT_AUTO (-1)

/* Members by type: BOOL bool; INT, MEM (MiB) long, 0 while auto; PORT long; ENUM int; TEXT and PATH
 * const char *, NULL while unset or auto (they point into the environment or into `cleaned`). */
#define SETTING_MEMBER_BOOL bool
#define SETTING_MEMBER_INT  long
#define SETTING_MEMBER_PORT long
#define SETTING_MEMBER_MEM  long
#define SETTING_MEMBER_ENUM int
#define SETTING_MEMBER_TEXT const char *
#define SETTING_MEMBER_PATH const char *

enum setting_id {
#define X(group, name, member, type, dflt, min, max, choices, help) SETTING_##name,
#include "config/settings.def"
#undef X
	SETTINGS_COUNT
};

struct settings {
#define X(group, name, member, type, dflt, min, max, choices, help) SETTING_MEMBER_##type member;
#include "config/settings.def"
#undef X
	bool given[SETTINGS_COUNT]; /* set to a non-empty text */
	bool builtin_guest;	    /* no disk, kernel or CD given: the built-in guest */
	int kernel_guest; /* of VM_GUEST: the kind of QEMU_KERNEL; GUEST_AUTO: there is no kernel */
	bool guest_runs;  /* a guest already runs in this VM_RUN_DIR and has locked its image */
	long cpus;	  /* number of processors that QEMU_SMP defines */
	bool no_disk;	  /* QEMU_DRIVE=none */
	bool tcg_single;  /* QEMU_ACCEL=tcg,thread=single */
	char *const *environment; /* from which the settings were read */
	size_t cleaned_used;
	char cleaned[8192]; /* values that settings_clean() changed */
};

struct setting {
	const char *group, *name;
	enum setting_type type;
	const char *dflt;
	long min, max;
	const char *choices; /* of an ENUM, separated by | */
	const char *help;
	size_t offset; /* of its member in struct settings */
};

extern const struct setting setting_table[SETTINGS_COUNT];

/* The disks other than the first: QEMU_DRIVE2, 3 and 4, and QEMU_FLOPPY. */
#define DISKS_MORE  4
#define DISK_FLOPPY 3

struct more_disk {
	const char *setting, *what; /* "QEMU_DRIVE2", "second disk" */
	const char *path;	    /* NULL: unset */
	enum drive_format format;
};

/* The settings of disk N of them. */
struct more_disk settings_more_disk(const struct settings *s, int n);

/* The row of the setting NAME (LEN bytes), or NULL. */
const struct setting *setting_find(const char *name, size_t len);

/* Parse ENVP (NAME=VALUE, NULL-terminated) into OUT, which is always complete afterwards: an
 * invalid value is replaced by its default. Every error goes to ERRS (EXIT_BAD_SETTING). OUT must
 * not be moved. */
bool settings_parse(char *const envp[], struct settings *out, struct errors *errs);

/* Resolve settings that are auto. MEMORY_LIMIT is the container's in bytes, 0 for none. ACCEL is
 * resolved later (the CPU model depends on it and is chosen by args_build()). Combinations that are
 * known to fail go to ERRS, or with VM_FORCE to WARNINGS; notes for the user (memory lowered) go to
 * WARNINGS. */
bool settings_resolve(struct settings *s, uint64_t memory_limit, struct errors *errs,
		      struct errors *warnings);

/* The forwards of QEMU_HOSTFWDS that exist with S's QEMU_NET (auto, before it is resolved, counts
 * as user), into OUT. Returns their number. */
int settings_forwards(const struct settings *s, struct forward out[FORWARDS_MAX]);

/* Does QEMU_FIRMWARE select UEFI? */
bool settings_uefi(const struct settings *s);

/* The IPv4 address on which QEMU_HOSTFWDS listen: VM_BIND, or its IPv4 equivalent if it is :: or
 * ::1. NULL: none listens. QEMU's hostfwd does not support IPv6 addresses (as of QEMU 11.1). */
const char *settings_forward_address(const struct settings *s);

/* Is VM_BIND an address of the loopback interface? */
bool settings_bind_is_loopback(const struct settings *s);

/* Is QEMU_BIOS none? */
bool settings_no_firmware(const struct settings *s);

/* Enough for run_path(): VM_RUN_DIR is bounded, and the names in it are short. */
#define RUN_PATH_MAX 160

/* The path of NAME in VM_RUN_DIR ("control.sock", "qmp.sock"), into BUF. Returns BUF. */
const char *run_path(const struct settings *s, const char *name, char buf[RUN_PATH_MAX]);

/* Format the value of setting ID in S ("auto", "" for unset) into BUF. Returns BUF. */
const char *setting_text(const struct settings *s, enum setting_id id, char *buf, size_t size);

/* The name of value V of the ENUM setting ID: setting_choice(SETTING_QEMU_CACHE, CACHE_NONE) is
 * "none". The text is copied into BUF; returns BUF. */
const char *setting_choice(enum setting_id id, int v, char *buf, size_t size);

/* Does the machine type belong to the family NAME: `pc` includes pc-i440fx-7.2, `q35` pc-q35-9.2?
 */
bool settings_machine_is(const char *machine, const char *name);

#endif
