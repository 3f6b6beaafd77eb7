/* readiness.h - what is concluded from what the guest says and does: ready, panicked, down, late.
 *
 * readiness.c takes markers and probes to "ready" and keeps the boot's deadline; panic_check.c
 * makes sure of an end that the guest announces; boot_retry.c starts a guest that was late once
 * more.
 */
#ifndef VM_PID1_READINESS_H
#define VM_PID1_READINESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/fault_text.h"
#include "format/markers.h"
#include "pid1/port_probe.h"

struct supervisor;

/* One look at the guest's health. */
struct checkup {
	enum { CHECK_NONE, CHECK_CPUS, CHECK_AGAIN, CHECK_SERVICE } step;
	unsigned dead; /* looks in a row at which no processor could run */
	uint64_t end_ns;
};

/* An end that the guest has announced and that is being looked into. */
struct suspicion {
	const struct marker *marker; /* NULL: none */
	uint64_t since_ns;
	unsigned samples; /* of the processors, in a row, that speak for it */
	bool told;	  /* by a device: nothing is to be proved */
	bool asked;	  /* QEMU has been asked and has not answered */
};

struct life {
	bool ready;
	uint64_t ready_ns; /* CLOCK_MONOTONIC */
	bool panicked;	   /* proved, or told by pvpanic */
	bool halted;	   /* proved: the guest has shut down and QEMU does not know */
	bool late;	   /* the boot's deadline has passed */
	bool failed;	   /* a boot that said it failed */
	bool dead;	   /* no processor can run any more */
	bool unwritten;	   /* cut off before it had written anything */
	unsigned resets;   /* in a row that came to no phase */
	bool was_reset;	   /* since QEMU's start */
	uint64_t resets_since_ns;
	struct fault_text fault; /* the last triple fault among them */
	bool watching;		 /* the next one ends in front of us (reset.c) */
	uint64_t boot_left_ns;	 /* of VM_BOOT_TIMEOUT, while a debugger holds the guest */
	long attempts;		 /* boots that were late */
	uint64_t console_start;	 /* what the serial line had brought by then, in bytes */
	struct suspicion suspicion;
};

/* QEMU runs the guest now, for the first time or after a pause. */
void life_running(struct supervisor *v);
/* It has stopped. Time in a debugger is not time that its boot takes. */
void life_paused(struct supervisor *v);
/* The guest starts again from its reset vector. */
void life_restart(struct supervisor *v);
/* A snapshot was loaded: another moment of the guest's life, READY or not yet. */
void life_loaded(struct supervisor *v, bool ready);
/* Marker M came on the serial line at NOW (phase_reached). */
void life_on_marker(const struct marker *m, uint64_t now, void *supervisor);
/* The last lines of the console, into the log. */
void life_log_console(const struct supervisor *v);
/* Timers: the boot's deadline; nothing came on the serial line yet. */
void life_deadline(struct supervisor *v);
void life_silence(struct supervisor *v);
void life_screen_timeout(struct supervisor *v);
/* What is ready is said under this name: "a login prompt on the serial console". */
const char *life_ready_text(const struct supervisor *v);

/* The guest says it is at its end; it is believed when its processors agree. */
void proof_begin(struct supervisor *v, const struct marker *m);
void proof_drop(struct supervisor *v);
void proof_timer(struct supervisor *v);
/* It is true, for the reason WHAT: do what VM_ON_PANIC says. */
void proof_panicked(struct supervisor *v, const char *what);
/* pvpanic: the guest's kernel says so by a device. */
void proof_pvpanic(struct supervisor *v);

/* The guest is ready: VM_PORTS=ready opens its ports. */
void ports_open(struct supervisor *v);

/* Before the guest runs for the first time: keep the state of the disk for VM_BOOT_RETRIES, then
 * call THEN; when the guest is ready: forget it. */
void retry_keep_disk(struct supervisor *v, void (*then)(struct supervisor *v));
void retry_forget_disk(struct supervisor *v);
/* QEMU has ended: is a late boot to be tried again? Starts that; true until it cannot. */
bool retry_boot(struct supervisor *v);
/* A stop ends what takes the disk back; its tables are written so that they are whole at any time.
 */
void retry_cancel(const struct supervisor *v);
/* False: VM_BOOT_RETRIES on a disk that cannot keep its state. */
struct plan;

/* Look whether a guest that was ready still is; requests_checked() hears. */
void health_check(struct supervisor *v);
void health_timer(struct supervisor *v);
void health_answered(struct supervisor *v, enum probe_id which);

/* The display into the PNG file PATH, which QEMU's user gets to own; DONE hears, and why not if so
 * (PATH is gone then). False when that cannot even begin, or another one is being taken. */
typedef void screenshot_done(struct supervisor *v, const char *error, const char *path);
bool screenshot(struct supervisor *v, const char *path, screenshot_done *done);

#endif
