/* emulator.h - an emulator's CPU models and machine types.
 *
 * The program is started without a machine and queried over QMP (query-cpu-definitions,
 * query-machines, device-list-properties; QEMU docs: qemu-qmp-ref), which takes a tenth of a
 * second.
 */
#ifndef VM_QEMU_EMULATOR_H
#define VM_QEMU_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/privileges.h"

struct cpu_model {
	const char *name;
	const char *type;     /* in QEMU's object model: max-x86_64-cpu */
	const char *alias_of; /* the versioned model behind this name, "" for none */
	const char *missing;  /* features that this accelerator lacks, "a,b"; "" for none */
	bool deprecated;
};

struct machine_type {
	const char *name;
	const char *alias; /* "" for none */
	int64_t cpu_max;
	bool standard; /* QEMU's default */
	bool deprecated;
};

struct emulator {
	char version[64]; /* "10.0.2" */
	size_t cpu_count, machine_count, feature_count;
	struct cpu_model cpus[384];
	struct machine_type machines[256];
	const char *features[768]; /* of the requested model */
	size_t used;
	char text[131072]; /* of all the texts */
};

struct emulator_query {
	char *path; /* path of the program, absolute */
	const struct identity *identity;
	int kvm;	   /* /dev/kvm, to query it under KVM; -1: under TCG */
	const char *model; /* model whose features are queried, up to a comma; NULL: none */
};

/* Run the queries. Takes at most EMULATOR_BOUND_MS, and leaves no process. False with ERR
 * (EXIT_QEMU_FAILED) if the program cannot be started or does not answer. An unknown model has no
 * features. */
#define EMULATOR_BOUND_MS 5000
bool emulator_ask(const struct emulator_query *query, struct emulator *out, struct error *err);

/* The model NAME (of LEN bytes), NULL if there is none. */
const struct cpu_model *emulator_cpu(const struct emulator *e, const char *name, size_t len);

/* Check the values of QEMU_CPU (with its features, if E has those of the model) and QEMU_MACHINE
 * (up to its options). Errors go to ERRS (EXIT_BAD_SETTING), with the nearest name. */
void emulator_check_cpu(const struct emulator *e, const char *value, struct errors *errs);
void emulator_check_machine(const struct emulator *e, const char *value, struct errors *errs);

#endif
