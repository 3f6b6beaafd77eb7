/* plan.h - everything that is decided before QEMU runs: `vm run` carries it out, `vm check` tells
 * what is wrong with it, `vm args` prints the vector it ends in.
 */
#ifndef VM_GUEST_PLAN_H
#define VM_GUEST_PLAN_H

#include "base/error.h"
#include "base/settings.h"
#include "guest/kernel.h"
#include "guest/relay.h"
#include "host/disk.h"
#include "host/kvm.h"
#include "host/privileges.h"
#include "host/state_dir.h"
#include "qemu/accel.h"
#include "qemu/args.h"
#include "qemu/emulator.h"
#include "qemu/manifest.h"

/* A saved state that the start resumes (guest/state.h). */
struct resume {
	enum { RESUME_NONE, RESUME_WARM, RESUME_SUSPENDED } kind;
	char dir[STATE_PATH_MAX];
	int memory; /* its file */
	bool mapped_ram, ready, login;
	int64_t saved; /* when, seconds of CLOCK_REALTIME */
	char qemu[64]; /* the version of QEMU that saved it */
};

struct plan {
	struct settings s;
	struct disk disk;
	struct kernel kernel;
	int cdrom_fd;
	int share_fd;  /* the disk of VM_SHARE=disk, for QEMU; -1: none, as the following */
	int share_out; /* for who writes it */
	int net_fd;    /* what the network card is connected to (network.h) */
	int kvm_fd;    /* KVM for QEMU, which needs no permission of its own then; -1 under TCG */
	struct kvm_result kvm; /* of the proof, if one was made */
	struct accel_choice accel;
	struct identity identity;
	struct facts facts;
	struct args args;
	struct resume resume;
	struct errors errors;
	struct errors warnings;
	unsigned rungs;	     /* of the stop, as bits (guest/ladder.h) */
	const char *markers; /* the marker file's text, of markers_len bytes */
	size_t markers_len;
	char vnc_password[9]; /* "" for none, as the following */
	char serial_password[RELAY_PASSWORD + 1];
	char monitor_password[RELAY_PASSWORD + 1];
	char qemu[4096]; /* the emulator's path */
};

/* From the environment ENVP to PLAN. Goes on after an error as far as that makes sense, so that
 * plan->errors has all of them; returns whether there are none. The image and the CD-ROM stay open
 * in the plan. Nothing is written, but /dev/kvm may be made. PLAN is zeroed before, but for
 * facts.unattended. */
bool plan_make(struct plan *plan, char *const envp[]);

/* Does PID 1 run a guest in this VM_RUN_DIR? */
bool plan_guest_runs(const struct settings *s);

/* The vector again, after plan->accel changed. */
bool plan_args(struct plan *plan, struct error *err);

/* With a cache that bypasses the host's, QEMU wants descriptors that do so already. */
void plan_direct(struct plan *plan);

/* Find out whether a saved state is to be resumed, and put it into the plan. A state that does not
 * fit this machine is a warning, and the start a cold one. */
void plan_resume(struct plan *plan);
/* Give a state up: the plan becomes that of a cold start. */
bool plan_cold(struct plan *plan, struct error *err);
/* What a state saved now belongs to, into M: all that manifest_same() compares. M's texts stay
 * until the next call. */
bool plan_machine(const struct plan *plan, struct manifest *m, struct error *err);

/* Ask the plan's emulator what it offers, under the plan's accelerator; MODEL as in emulator.h. */
bool plan_ask_emulator(const struct plan *plan, const char *model, struct emulator *out,
		       struct error *err);
/* Refuse a CPU model, a feature of one or a machine type that it has not. An emulator that does not
 * answer is a warning: its start tells more. */
void plan_check_offers(struct plan *plan);
/* The same for the items of QEMU_DEBUG and VM_TRACE. */
void plan_check_logs(struct plan *plan);

/* QEMU opens PATH (of length LEN), the value of SETTING, itself: is it there, of TYPE (S_IFREG,
 * S_IFDIR) and readable by QEMU's user? */
bool plan_check_file(struct plan *plan, const char *setting, const char *path, size_t len,
		     mode_t type);

/* Is NAME a program in one of the directories of PATH (separated by colons)? Its path goes to OUT.
 */
bool find_program(const char *path, const char *name, char *out, size_t size);

/* Tell people what was decided, in a few lines of the log. */
void plan_describe(const struct plan *plan);

#endif
