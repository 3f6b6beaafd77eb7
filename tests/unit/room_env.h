/* room_env.h - the part of room.h that records: a clock driven by the test, notices, the log. */
#ifndef TEST_ROOM_ENV_H
#define TEST_ROOM_ENV_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/stop_ladder.h"
#include "proto/control.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

#define ROOM_TEXT 8192

static struct room {
	struct env env;
	struct plan plan;
	struct timers timers;
	struct qmp qmp;
	struct control control;
	struct helpers helpers;
	struct prompt prompt;
	struct phases phases;
	struct lifecycle life;
	struct relay *relays[RELAY_COUNT];
	int qemu;		 /* its end of QMP */
	int serial;		 /* its end of the serial line */
	int monitor;		 /* and of the monitor */
	int log;		 /* what is written to standard error */
	int received_fd;	 /* the descriptor that came with the last command; -1: none */
	pid_t child;		 /* qemu_process_runs(); 0: none */
	unsigned id;		 /* of the last command */
	char notices[ROOM_TEXT]; /* for room_posted() */
	int client_fds[CONTROL_CLIENTS]; /* ends of control clients */
	/* Callbacks of the test, or NULL. */
	void (*on_event)(const char *name, const struct json *doc, const struct json_value *data);
	void (*on_timer)(enum timer_id id);
	void (*on_notice)(const struct notice *n);
	void (*readable)(void); /* called instead of qmp_readable() */
} room;

/* ---- the clock ---------------------------------------------------------------------------- */

static uint64_t room_now;

static inline uint64_t room_clock(void)
{
	return room_now;
}

static inline bool is_armed(enum timer_id id)
{
	return room.env.timers->at[id] != 0;
}

/* Milliseconds until timer ID expires; -1: it is not armed. */
static inline long ms_until(enum timer_id id)
{
	return is_armed(id) ? (long)((int64_t)(room.env.timers->at[id] - clock_now()) / 1000000)
			    : -1;
}

/* Advance the clock by NS. Timers that expire on the way are called at their time. */
static inline void advance(uint64_t ns)
{
	uint64_t end = room_now + ns;

	for (;;) {
		uint64_t first = end;
		int id;

		for (int i = 0; i < TIMERS_MAX; i++)
			if (room.env.timers->at[i] && room.env.timers->at[i] < first)
				first = room.env.timers->at[i];
		if (first > room_now)
			room_now = first;
		id = timers_due(room.env.timers, room_now);
		if (id < 0 && first >= end)
			return;
		if (id >= 0 && room.on_timer)
			room.on_timer((enum timer_id)id);
	}
}

/* ---- notices ------------------------------------------------------------------------------ */

static inline void record(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void record(const char *fmt, ...)
{
	size_t used = strlen(room.notices);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(room.notices + used, sizeof room.notices - used, fmt, ap);
	va_end(ap);
}

static inline void room_notice(const struct notice *n, void *arg)
{
	static const char *const names[NOTICES] = {
		[NOTICE_QMP_READY] = "qmp-ready",
		[NOTICE_QMP_LOST] = "qmp-lost",
		[NOTICE_RESUMED] = "resumed",
		[NOTICE_PAUSED] = "paused",
		[NOTICE_SHUTDOWN] = "shutdown",
		[NOTICE_POWERDOWN] = "powerdown",
		[NOTICE_MACHINE_RESET] = "machine-reset",
		[NOTICE_PVPANIC] = "pvpanic",
		[NOTICE_DISK_ERROR] = "disk-error",
		[NOTICE_MIGRATION] = "migration",
		[NOTICE_JOB] = "job",
		[NOTICE_SERIAL] = "serial",
		[NOTICE_LATE] = "late",
		[NOTICE_READY] = "ready",
		[NOTICE_CONDITION] = "condition",
		[NOTICE_PROBLEM] = "problem",
		[NOTICE_VERDICT] = "verdict",
		[NOTICE_PANIC] = "panic",
		[NOTICE_HALTED] = "halted",
		[NOTICE_FATAL_RESET] = "fatal-reset",
		[NOTICE_RESET_PRESSED] = "reset-pressed",
		[NOTICE_RESTARTED] = "restarted",
		[NOTICE_KEPT] = "kept",
		[NOTICE_GAVE_UP] = "gave-up",
		[NOTICE_PORT_ANSWERED] = "port-answered",
		[NOTICE_CHECKED] = "checked",
		[NOTICE_RESET_WANTED] = "reset-wanted",
		[NOTICE_DISK_KEPT] = "disk-kept",
		[NOTICE_BOOT_AGAIN] = "boot-again",
		[NOTICE_SHARE_MADE] = "share-made",
		[NOTICE_SHARE_FAILED] = "share-failed",
		[NOTICE_RUNG] = "rung",
		[NOTICE_RUNG_ENDS] = "rung-ends",
		[NOTICE_STATE_RESUMED] = "state-resumed",
		[NOTICE_WARM_ENDS] = "warm-ends",
		[NOTICE_SNAPSHOT_LOADED] = "snapshot-loaded",
	};
	static const char *const conditions[CONDITIONS] = {
		[COND_CHECKING_WRITES] = "checking-writes",
		[COND_HELD] = "held",
		[COND_CONTINUING] = "continuing",
		[COND_RESETTING] = "resetting",
		[COND_SNAPSHOT_SAVE] = "save",
		[COND_SNAPSHOT_LOAD] = "load",
		[COND_SNAPSHOT_DELETE] = "delete",
		[COND_SAVING_WARM] = "saving-warm",
		[COND_SUSPENDING] = "suspending",
		[COND_RESUMING] = "resuming",
		[COND_DISK_FULL] = "disk-full",
		[COND_DISK_ERROR] = "disk-error",
		[COND_LOAD_FAILED] = "load-failed",
		[COND_INTERNAL_ERROR] = "internal-error",
		[COND_WATCHDOG] = "watchdog",
		[COND_NO_NETWORK] = "no-network",
		[COND_READ_ONLY] = "read-only",
	};

	static const char *const verdicts[] = {[VERDICT_NONE] = "none",
					       [VERDICT_DEAD] = "dead",
					       [VERDICT_UNWRITTEN] = "unwritten",
					       [VERDICT_HALTED] = "halted",
					       [VERDICT_SUSPENDED] = "suspended",
					       [VERDICT_LATE] = "late",
					       [VERDICT_TIME_OVER] = "time-over",
					       [VERDICT_PANIC] = "panic",
					       [VERDICT_BOOT_FAILED] = "boot-failed",
					       [VERDICT_GAVE_UP] = "gave-up"};
	static const char *const events[LADDER_EVENTS] = {
		[LADDER_STOP] = "stop",		[LADDER_NOW] = "now",
		[LADDER_ACCEPTED] = "accepted", [LADDER_TIMEOUT] = "timeout",
		[LADDER_FAILED] = "failed",	[LADDER_GONE] = "gone"};

	(void)arg;
	if (n->kind == NOTICE_CONDITION) {
		bool was = lifecycle_is(&room.life, (enum condition)n->value);

		lifecycle_set(&room.life, (enum condition)n->value, n->on);
		if (was != n->on) /* only changes are recorded */
			record("[%c%s]", n->on ? '+' : '-', conditions[n->value]);
	} else {
		record("[%s", names[n->kind]);
		if (n->kind == NOTICE_VERDICT || n->kind == NOTICE_PANIC)
			record(" %s", verdicts[n->value]);
		else if (n->kind == NOTICE_RUNG)
			record(" %s", rung_name((enum rung)n->value));
		else if (n->kind == NOTICE_RUNG_ENDS)
			record(" %s", events[n->value]);
		else if (n->value)
			record(" %d", n->value);
		record("%s%s%s]", n->on ? " on" : "", n->text ? ": " : "", n->text ? n->text : "");
	}
	if (n->kind == NOTICE_VERDICT || n->kind == NOTICE_PANIC)
		lifecycle_judge(&room.life, (enum verdict)n->value);
	if (n->kind == NOTICE_RUNG)
		room.life.rung = (enum rung)n->value;
	if (room.on_notice)
		room.on_notice(n);
}

/* The notices since the last call: "[+held][panic boot-failed: why]"; a condition that was posted
 * already is left out. */
static inline const char *room_posted(void)
{
	static char text[ROOM_TEXT];

	(void)snprintf(text, sizeof text, "%s", room.notices);
	room.notices[0] = '\0';
	return text;
}

#define assert_posted(text) assert_string_equal(room_posted(), text)

/* ---- the log ------------------------------------------------------------------------------ */

/* The lines logged since the last call. */
static inline const char *room_logged(void)
{
	static char text[16384];
	ssize_t n = pread(room.log, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)ftruncate(room.log, 0);
	(void)lseek(room.log, 0, SEEK_SET);
	return text;
}

#define assert_logged(text)                                                                        \
	do {                                                                                       \
		const char *logged_ = room_logged();                                               \
		if (!strstr(logged_, text))                                                        \
			fail_msg("not in the log: %s; but:\n%s", text, logged_);                   \
	} while (0)

#define assert_log_empty() assert_string_equal(room_logged(), "")

#endif
