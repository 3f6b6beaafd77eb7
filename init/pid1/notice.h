/* notice.h - what a room of PID 1 tells the others.
 *
 * A room does its own work and posts a notice when something has happened that concerns others; the
 * one table of reactions.c knows what follows from each. The reaction is carried out before post()
 * returns: what is done, and in which order the log has it, does not depend on a queue. So a room
 * leaves its own state as it should be before it posts.
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
	NOTICE_RESUMED,
	NOTICE_PAUSED,
	NOTICE_SHUTDOWN, /* text: QMP's reason */
	NOTICE_POWERDOWN,
	NOTICE_MACHINE_RESET, /* on: by its guest */
	NOTICE_PVPANIC,	      /* the guest's kernel tells a device that it has panicked */
	NOTICE_DISK_ERROR,    /* doc, json: QMP's data, as the next two */
	NOTICE_MIGRATION,
	NOTICE_JOB,
	/* the serial line */
	NOTICE_SERIAL, /* data, size: bytes of the guest's, which are in the log */
	NOTICE_LATE,   /* the boot's deadline has passed */
	NOTICE_READY,  /* what VM_READY asks for has happened */
	/* of the guest */
	NOTICE_CONDITION,     /* value: enum condition; on */
	NOTICE_TROUBLE,	      /* something is wrong: waiting clients are answered */
	NOTICE_VERDICT,	      /* value: enum verdict */
	NOTICE_PANIC,	      /* text: why; value: VERDICT_PANIC or VERDICT_BOOT_FAILED */
	NOTICE_HALTED,	      /* text: the marker's name */
	NOTICE_FATAL_RESET,   /* text: why; its verdict is given already */
	NOTICE_RESET_PRESSED, /* the reset button: clients that wait go on waiting */
	NOTICE_RESTARTED,     /* by a reset: it boots again */
	NOTICE_KEPT,	      /* it has ended and is kept to be looked at */
	NOTICE_GAVE_UP,	      /* QEMU cannot be used for it */
	NOTICE_PORT_ANSWERED, /* value: enum probe_id */
	NOTICE_CHECKED,	      /* `vm health`; text: what is wrong, NULL for nothing */
	NOTICE_RESET_WANTED,  /* on: the guest runs when the reset is done */
	NOTICE_DISK_KEPT,     /* its disk's state is kept, or is not to be: it may run */
	NOTICE_BOOT_AGAIN,    /* its disk is as it was before the boot: another QEMU */
	NOTICE_SHARE_MADE,    /* VM_SHARE=disk: QEMU may start */
	NOTICE_SHARE_FAILED,  /* value: exit status */
	/* the stop */
	NOTICE_RUNG,	  /* value: enum rung, which is carried out now */
	NOTICE_RUNG_ENDS, /* value: enum ladder_event for the present rung */
	/* states and snapshots */
	NOTICE_STATE_RESUMED,	/* on: its login prompt has been seen */
	NOTICE_WARM_ENDS,	/* value: exit status, text: the answer */
	NOTICE_SNAPSHOT_LOADED, /* on: the guest was ready */
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
};

typedef void notice_handler(const struct notice *n, void *arg);

/* Post a notice of KIND with the members that follow: `post(env, NOTICE_LATE)`, `post(env,
 * NOTICE_PANIC, .text = why)`. */
#define post(env, ...) notice_post(env, &(const struct notice){.kind = __VA_ARGS__})
void notice_post(const struct env *env, const struct notice *n);

#endif
