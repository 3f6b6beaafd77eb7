/* notice.h - messages between the rooms of PID 1.
 *
 * A room posts a notice when something has happened that concerns other rooms; the one table in
 * reactions.c has the reaction to each. post() returns when the reaction is done, so the order of
 * actions and log lines does not depend on a queue. A room must have updated its own struct before
 * it posts.
 */
#ifndef VM_PID1_NOTICE_H
#define VM_PID1_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;
struct json;
struct json_value;

enum notice_kind {
	/* qmp_link */
	NOTICE_QMP_READY,
	NOTICE_QMP_LOST,
	NOTICE_RESUMED, /* us: when, by QEMU's clock; also in NOTICE_MACHINE_RESET */
	NOTICE_PAUSED,
	NOTICE_SHUTDOWN, /* text: QMP's reason */
	NOTICE_POWERDOWN,
	NOTICE_MACHINE_RESET, /* on: by the guest */
	NOTICE_PVPANIC,	      /* the guest's kernel has reported a panic to the pvpanic device */
	NOTICE_DISK_ERROR,    /* doc, json: QMP's data, also in the next two */
	NOTICE_MIGRATION,
	NOTICE_JOB,
	/* of the serial line */
	NOTICE_SERIAL, /* data, size: output of the guest, already in the log */
	NOTICE_LATE,   /* VM_BOOT_TIMEOUT has passed */
	NOTICE_READY,  /* the condition of VM_READY holds */
	/* of the guest */
	NOTICE_CONDITION,     /* value: enum condition; on */
	NOTICE_PROBLEM,	      /* something is wrong: answer waiting clients */
	NOTICE_VERDICT,	      /* value: enum verdict */
	NOTICE_PANIC,	      /* text: why; value: VERDICT_PANIC or VERDICT_BOOT_FAILED */
	NOTICE_HALTED,	      /* text: the marker's name */
	NOTICE_FATAL_RESET,   /* text: why; its verdict is already set */
	NOTICE_RESET_PRESSED, /* the reset button: waiting clients keep waiting */
	NOTICE_RESTARTED,     /* by a reset: it boots again */
	NOTICE_KEPT,	      /* the guest has ended; QEMU keeps it for a debugger */
	NOTICE_GAVE_UP,	      /* QEMU cannot be used */
	NOTICE_PORT_ANSWERED, /* value: enum probe_id */
	NOTICE_CHECKED,	      /* `vm health`; text: what is wrong, NULL for nothing */
	NOTICE_RESET_WANTED,  /* on: run the guest after the reset */
	NOTICE_DISK_KEPT,     /* VM_BOOT_RETRIES: snapshot done or not wanted: run the guest */
	NOTICE_BOOT_AGAIN,    /* the disk is reverted: start another QEMU */
	NOTICE_SHARE_MADE,    /* VM_SHARE=disk: start QEMU */
	NOTICE_SHARE_FAILED,  /* value: exit status */
	/* the stop */
	NOTICE_RUNG,	  /* value: enum rung, carried out now */
	NOTICE_RUNG_ENDS, /* value: enum ladder_event for the present rung */
	/* saved states and snapshots */
	NOTICE_STATE_RESUMED,	/* on: the login prompt had been seen when it was saved */
	NOTICE_WARM_ENDS,	/* value: exit status, text: the answer */
	NOTICE_SNAPSHOT_LOADED, /* on: the guest was ready when it was saved */
	NOTICES
};

struct notice {
	enum notice_kind kind;
	int value;
	bool on;
	const char *text;
	const uint8_t *data;
	size_t size;
	const struct json *doc;
	const struct json_value *json;
	int64_t us;
};

typedef void notice_handler(const struct notice *n, void *arg);

/* Post a notice of KIND with the members that follow: `post(env, NOTICE_LATE)`, `post(env,
 * NOTICE_PANIC, .text = why)`. */
#define post(env, ...) notice_post(env, &(const struct notice){.kind = __VA_ARGS__})
void notice_post(const struct env *env, const struct notice *n);

#endif
