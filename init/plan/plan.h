/* plan.h - everything that is decided before QEMU runs: `vm run` carries it out, `vm check` reports
 * its errors, `vm args` prints QEMU's argument vector.
 */
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
	int stream; /* its file that QEMU loads: the devices, and the memory unless it is mapped */
	enum state_format format; /* how the memory was saved */
	bool ready, login;
	enum prompt_state console;
	int64_t saved; /* when, seconds of CLOCK_REALTIME */
	char qemu[64]; /* the version of QEMU that saved it */
};

/* Where the guest's memory is (qemu/args.h). */
struct plan_ram {
	enum guest_ram where;
	int fd;	     /* QEMU_FD_RAM; -1: none, as the following */
	int from;    /* RAM_SHARED: the saved state's file that is copied into it before it runs */
	bool packed; /* FROM is in the form of host/ram_file.h */
	char copied[64]; /* why a state's memory that could be mapped is copied; "" for no reason */
};

#define PLAN_PORTS   1280
#define NETWORK_TEXT 400

struct plan {
	bool repairs; /* plan_make() repairs the disks (plan/fsck.h): they are to be booted */
	struct settings s;
	struct disk disk;
	struct disk more[DISKS_MORE]; /* settings_more_disk() */
	int more_disks;		      /* how many of them there are */
	struct kernel kernel;
	struct boot_way boot;
	struct firmware firmware;
	int cdrom_fd, cdrom2_fd;
	int share_fd;  /* the disk of VM_SHARE=disk, for QEMU; -1: none, as the following */
	int share_out; /* for the helper that writes it */
	int net_fd;    /* what the network card is connected to (network.h) */
	int trace_fd;  /* a copy of VM_TRACE's file, where QEMU cannot read that as it is */
	int kvm_fd;    /* KVM for QEMU, which needs no permission of its own then; -1 under TCG */
	struct kvm_result kvm; /* of the proof, if one was made */
	struct accel_choice accel;
	struct identity identity;
	struct facts facts;
	struct args args;
	struct resume resume;
	struct plan_ram ram;
	struct {
		struct file_systems found[1 + DISKS_MORE]; /* on disk and more (plan/fsck.h) */
		int repaired;				   /* how many of them */
		char unread[416]; /* why they were not looked for; "": they were */
		char result[256]; /* for the journal of events; "" for nothing */
	} fsck;
	struct errors errors;
	struct errors warnings;
	unsigned rungs;			 /* of the stop, as bits (pid1/stop_ladder.h) */
	struct markers markers;		 /* without their expressions once they are handed over */
	struct pattern_program patterns; /* these */
	const char *markers_text;	 /* the file, of markers_len bytes; for the planner */
	size_t markers_len;
	char vnc_password[9]; /* "" for none, as the following */
	char serial_password[RELAY_PASSWORD + 1];
	char monitor_password[RELAY_PASSWORD + 1];
	char qemu[4096]; /* the emulator's path */
	/* What the settings name and QEMU opens by its name: paths, a NUL behind each. */
	char files[16384];
	size_t files_used;
	bool files_full; /* there were more */
	/* What PID 1, which has no planner, may need instead: the vector under TCG, when QEMU does
	 * not come up under a KVM that was chosen automatically (count 0: there is none); and all
	 * of a cold start, when a state cannot be resumed. */
	struct args args_tcg;
	struct {
		struct disk disk;
		struct plan_ram ram;
		struct args args, args_tcg;
	} cold;
	/* For log lines, `vm status` and errors. */
	char network_text[NETWORK_TEXT];
	char ports_text[PLAN_PORTS];
	const char *guest_name; /* of its profile, as the next ones */
	bool idle_panic;	/* its kernel may stop with interrupts on */
	const char *set_clock;	/* NULL: its clock cannot be set */
	char unreadable[1024];	/* a file that QEMU_EXTRA_ARGS names and QEMU's user may not open */
	char vm[4096];		/* the program vm, for PID 1's helpers */
	int landlock_abi;	/* of QEMU's ruleset (confine.h), 0: none */
	char landlock[128];	/* "ABI 7", or "off: WHY" */
};

/* From the environment ENVP to PLAN. Goes on after an error as far as that makes sense, so that
 * plan->errors has all of them; returns whether there are none. Images stay open
 * in the plan. Nothing is written, but /dev/kvm may be made, and disks are repaired if
 * PLAN->repairs is set. PLAN is zeroed before, but for that and facts.unattended. */
bool plan_make(struct plan *plan, char *const envp[]);

/* Does PID 1 run a guest in this VM_RUN_DIR? */
bool plan_guest_runs(const struct settings *s);

/* The vectors: for the accelerator, and for TCG where that may be tried next. */
bool plan_args(struct plan *plan, struct error *err);

/* With a cache that bypasses the host's, QEMU wants descriptors that do so already. */
void plan_direct(struct plan *plan);

/* Find out whether a saved state is to be resumed, and put it into the plan. A state that does not
 * fit this machine is a warning, and the start a cold one. */
void plan_resume(struct plan *plan);
/* Decide where the guest's memory is, and make it. Without room for another descriptor it is QEMU's
 * own. */
void plan_ram(struct plan *plan);
/* The same for the state in DIR, whose memory is not in its stream, into OUT: its file is mapped,
 * or else copied. A SUSPENDED guest's is copied. Errors: EXIT_NO_IMAGE, EXIT_BAD_IMAGE,
 * EXIT_BAD_SETTING, EXIT_INTERNAL. */
bool plan_ram_resume(struct plan *plan, const char *dir, bool packed, bool suspended,
		     struct plan_ram *out, struct error *err);
/* Give a state up: the plan becomes that of a cold start (qemu/machine.c). */
void plan_cold(struct plan *plan);
/* Go on with TCG. False: there is no vector for it. */
bool plan_tcg(struct plan *plan);
/* What a state saved now belongs to, into M: all that manifest_same() compares. M's texts stay
 * until the next call. */
bool plan_machine(const struct plan *plan, struct manifest *m, struct error *err);

/* The emulator, from VM_QEMU or from ENVP's PATH, into PLAN->qemu. */
void plan_find_emulator(struct plan *plan, char *const envp[]);
/* QEMU_BIOS; or the firmware that a disk needs where QEMU has none of its own. */
void plan_firmware(struct plan *plan);

/* Ask the plan's emulator what it offers, under the plan's accelerator; MODEL as in emulator.h. */
bool plan_ask_emulator(const struct plan *plan, const char *model, struct emulator *out,
		       struct error *err);
/* Refuse a CPU model, a feature of one or a machine type that it has not. An emulator that does not
 * answer is a warning: its start shows more. */
void plan_check_offers(struct plan *plan);
/* The same for the items of QEMU_DEBUG and VM_TRACE. */
void plan_check_logs(struct plan *plan);

/* QEMU opens PATH (of length LEN), the value of SETTING, itself: is it there, of TYPE (S_IFREG,
 * S_IFDIR) and readable by QEMU's user? */
bool plan_check_file(struct plan *plan, const char *setting, const char *path, size_t len,
		     mode_t type);

/* Open and check the disks beside the first, by its policy. */
void plan_more_disks(struct plan *plan);

/* Is PATH, or the directory that it would be made in, on the container's own file system or in
 * memory, so that it is removed with the container? */
bool plan_goes_with_container(const char *path);

/* Warn about files that should be kept and would be removed with the container. */
void plan_check_kept(struct plan *plan);

/* A file that QEMU_EXTRA_ARGS names and that QEMU's user may not open, into PATH. False: none. */
bool plan_extra_unreadable(const struct plan *plan, char *path, size_t size);

/* The file of VM_TRACE. QEMU takes a byte order mark and CR for parts of an event's name: it gets a
 * copy without them. */
void plan_trace(struct plan *plan);

/* The ports and what is there, one line without its end, into BUF. Returns BUF. */
const char *plan_ports(const struct plan *plan, char buf[PLAN_PORTS]);

/* Log what was decided, in a few lines. */
void plan_describe(const struct plan *plan);

#endif
