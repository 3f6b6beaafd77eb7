/* plan.h - everything that is decided before QEMU runs: `vm run` executes it, `vm check` reports
 * its errors, `vm args` prints QEMU's argument vector. */
#ifndef VM_PLAN_PLAN_H
#define VM_PLAN_PLAN_H

#include "base/error.h"
#include "config/settings.h"
#include "console/mux.h"
#include "console/prompt.h"
#include "format/markers.h"
#include "host/child.h"
#include "host/disk.h"
#include "host/file_systems.h"
#include "host/kvm.h"
#include "host/privileges.h"
#include "host/state_dir.h"
#include "plan/direct_boot.h"
#include "plan/firmware.h"
#include "plan/kernel.h"
#include "qemu/accel.h"
#include "qemu/args.h"
#include "qemu/emulator.h"
#include "qemu/manifest.h"

/* A saved state that the start resumes (pid1/savestate.h). */
struct resume {
	enum { RESUME_NONE, RESUME_WARM, RESUME_SUSPENDED } kind;
	char dir[STATE_PATH_MAX];
	int stream; /* the file that QEMU loads: the devices, and the memory unless it is mapped */
	enum state_format format; /* of the memory */
	bool ready, login;
	enum prompt_state console;
	char line[PROMPT_LINE]; /* the prompt on it; "": unknown */
	int64_t saved;		/* time of saving, seconds of CLOCK_REALTIME */
	char qemu[64];		/* the version of QEMU that saved it */
};

/* Where the guest's memory is (qemu/args.h). */
struct plan_ram {
	enum guest_ram where;
	int fd;	     /* QEMU_FD_RAM; -1: none, as for the following */
	int from;    /* RAM_SHARED: the saved state's file, which is copied into it before the guest
			runs */
	bool packed; /* FROM is in the format of host/ram_file.h */
	char copied[64]; /* why a state's memory that could be mapped is copied; "": it is not */
};

/* How QEMU is asked whether the guest has enabled the power button (plan/power_button.c). */
struct plan_button {
	char query[48];	  /* arguments of QMP's human-monitor-command; "": it cannot be asked */
	uint32_t enabled; /* the bit in the answer */
	uint32_t acpi;	  /* the bit that says whether the guest has switched ACPI on; 0: none */
};

#define PLAN_PORTS   1280
#define NETWORK_TEXT 400

struct plan {
	bool repairs; /* plan_make() repairs the disks (plan/fsck.h), because they will be booted */
	struct settings s;
	struct disk disk;
	struct disk more[DISKS_MORE]; /* settings_more_disk() */
	int more_disks;		      /* number of them */
	struct kernel kernel;
	struct boot_way boot;
	struct firmware firmware;
	int cdrom_fd, cdrom2_fd;
	int share_fd;  /* the disk of VM_SHARE=disk, for QEMU; -1: none, as for the following */
	int share_out; /* for the helper that writes it */
	int net_fd;    /* backend of the network card (network.h) */
	int trace_fd;  /* a copy of VM_TRACE's file, if QEMU cannot read the original */
	int kvm_fd;    /* KVM for QEMU, which then needs no permission of its own; -1 under TCG */
	struct kvm_result kvm; /* of the KVM test, if one was made */
	struct accel_choice accel;
	struct identity identity;
	struct facts facts;
	struct args args;
	struct resume resume;
	struct plan_ram ram;
	struct {
		struct file_systems found[1 + DISKS_MORE]; /* on disk and more (plan/fsck.h) */
		int repaired;				   /* number of those that were repaired */
		bool cold;	  /* a start that drops its state must repair first */
		char unread[416]; /* why no file systems were looked for; "": they were */
		char result[256]; /* for events.jsonl; "" for nothing */
	} fsck;
	struct errors errors;
	struct errors warnings;
	struct plan_button button;
	unsigned rungs;			 /* steps of the stop, as bits (pid1/stop_ladder.h) */
	struct markers markers;		 /* without their expressions after the handover */
	struct pattern_program patterns; /* the expressions */
	const char *markers_text; /* the file, of markers_len bytes; used by the planner only */
	size_t markers_len;
	char vnc_password[9]; /* "" for none, as for the following */
	char serial_password[RELAY_PASSWORD + 1];
	char monitor_password[RELAY_PASSWORD + 1];
	char qemu[4096]; /* the emulator's path */
	/* Paths that QEMU opens by name because settings contain them, each followed by a NUL. */
	char files[16384];
	size_t files_used;
	bool files_full; /* some did not fit */
	/* Alternatives that PID 1, which contains no planner, may need: the vector for TCG, if QEMU
	 * does not start under a KVM that was chosen automatically (count 0: there is none); and
	 *  everything for a cold start, if a state cannot be resumed.
	 */
	struct args args_tcg;
	struct {
		struct disk disk;
		struct plan_ram ram;
		struct args args, args_tcg;
	} cold;
	/* Texts for log lines, `vm status` and errors. */
	char network_text[NETWORK_TEXT];
	char ports_text[PLAN_PORTS];
	const char *guest_name; /* of its profile, as the next ones */
	bool idle_panic;	/* its kernel may stop with interrupts enabled */
	const char *set_clock;	/* NULL: its clock cannot be set */
	struct error no_state;	/* why no state and no snapshot can be saved; status 0: they can */
	char unreadable[1024];	/* a file in QEMU_EXTRA_ARGS that QEMU's user cannot open */
	char vm[4096];		/* path of the program vm, for PID 1's helpers */
	int landlock_abi;	/* of QEMU's ruleset (confine.h); 0: none */
	char landlock[128];	/* "ABI 7", or "off: WHY" */
};

/* Make PLAN from the environment ENVP. Continues after an error as far as possible, so that
 * plan->errors contains all of them; returns whether there are none. Images stay open in the plan.
 * Nothing is written, except that /dev/kvm may be created and, if PLAN->repairs is set, disks are
 * repaired. PLAN must be zeroed, except for PLAN->repairs and facts.unattended. */
bool plan_make(struct plan *plan, char *const envp[]);

/* Does PID 1 run a guest in this VM_RUN_DIR? */
bool plan_guest_runs(const struct settings *s);

/* Build the vectors: for the accelerator, and for TCG if that may be the fallback. */
bool plan_args(struct plan *plan, struct error *err);

/* With a cache that bypasses the host's, QEMU requires descriptors opened with O_DIRECT. */
void plan_set_direct_io(struct plan *plan);

/* Find out whether a saved state will be resumed, and add it to the plan. A state that does not fit
 * this machine causes a warning and a cold start. */
void plan_resume(struct plan *plan);
/* Decide where the guest's memory is, and allocate it. If no descriptor is free, QEMU allocates it.
 */
void plan_ram(struct plan *plan);
/* The same, into OUT, for the state in DIR, whose memory is not part of its stream: its file is
 * mapped, or else copied; that of a SUSPENDED guest is copied. Errors: EXIT_NO_IMAGE,
 * EXIT_BAD_IMAGE, EXIT_BAD_SETTING, EXIT_INTERNAL. */
bool plan_ram_resume(struct plan *plan, const char *dir, bool packed, bool suspended,
		     struct plan_ram *out, struct error *err);
/* Do not resume a state: the plan becomes that of a cold start (qemu/machine.c). */
void plan_cold(struct plan *plan);
/* Fall back to TCG. False: there is no vector for it. */
bool plan_tcg(struct plan *plan);
/* Fill M with what a state saved now would depend on: all that manifest_same() compares. M's texts
 * stay valid until the next call. */
bool plan_machine(const struct plan *plan, struct manifest *m, struct error *err);

/* Choose the question about the power button. */
void plan_power_button(struct plan *plan);

/* Find the emulator, from VM_QEMU or in ENVP's PATH, into PLAN->qemu. */
void plan_find_emulator(struct plan *plan, char *const envp[]);
/* Find QEMU_BIOS, or the firmware that is needed to boot a disk if QEMU has none of its own. */
void plan_firmware(struct plan *plan);
/* The packaged firmware of PLAN's architecture for booting a disk; NULL: none, or a PC. */
const char *plan_packaged_firmware(const struct plan *plan);
/* The fix if there is none. */
#define PLAN_FIRMWARE_FIX                                                                          \
	"install qemu-efi-aarch64 or qemu-efi-arm (Alpine: aavmf), or set QEMU_BIOS or "           \
	"QEMU_KERNEL"

/* Query the plan's emulator, under the plan's accelerator; MODEL is as in emulator.h. */
bool plan_query_emulator(const struct plan *plan, const char *model, struct emulator *out,
			 struct error *err);
/* Reject a CPU model, a CPU feature or a machine type that the emulator does not have. An emulator
 * that does not answer causes a warning only, because its start will show the reason. With one for
 * RISC-V that does not save the timers there are no states and no snapshots. */
void plan_check_emulator(struct plan *plan);
/* The same for the items of QEMU_DEBUG and VM_TRACE. */
void plan_check_logs(struct plan *plan);

/* QEMU opens PATH (of length LEN), the value of SETTING, itself. Does it exist, is it of TYPE
 * (S_IFREG, S_IFDIR) and readable by QEMU's user? */
bool plan_check_file(struct plan *plan, const char *setting, const char *path, size_t len,
		     mode_t type);
/* The same for QEMU_DTB, and does it begin as a device tree does? */
void plan_check_dtb(struct plan *plan);

/* Open and check the disks other than the first, by their policy. */
void plan_more_disks(struct plan *plan);

/* Is PATH, or its parent directory, on the container's own file system or in memory, so that it is
 * removed with the container? */
bool plan_in_container_layer(const char *path);

/* Warn about files that should be kept but would be removed with the container. */
void plan_check_kept(struct plan *plan);

/* Find a file in QEMU_EXTRA_ARGS that QEMU's user cannot open, into PATH. False: none. */
bool plan_extra_unreadable(const struct plan *plan, char *path, size_t size);

/* The file of VM_TRACE. QEMU treats a byte order mark and CR as parts of an event's name, so it
 * gets a copy without them. */
void plan_trace(struct plan *plan);

/* List the ports and their services in BUF, one line without its end. Returns BUF. */
const char *plan_ports(const struct plan *plan, char buf[PLAN_PORTS]);

/* Log the decisions in a few lines. */
void plan_describe(const struct plan *plan);

#endif
