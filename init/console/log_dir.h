/* log_dir.h - the files that a run leaves in VM_LOG_DIR.
 *
 * console.log (every byte of the serial line; console/console_log.h), qemu.log (QEMU's own output
 * and ours), events.jsonl and guest-errors.log (QEMU's -d and trace events; console/debug_log.h).
 * A directory that cannot be written costs the logs and a warning, never the guest.
 */
#ifndef VM_CONSOLE_LOG_DIR_H
#define VM_CONSOLE_LOG_DIR_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* VM_LOG_DIR, made when it is missing, is this guest's alone as long as it runs: when another guest
 * has it, S->log_dir becomes a directory in it that is free, with a warning. Once, before the
 * following. */
void files_claim_log_dir(struct settings *s);

/* Open (append) qemu.log and events.jsonl for the log. Called again, it reopens them (rotation). */
void files_open_logs(const struct settings *s);

/* NAME in VM_LOG_DIR, made when it is missing, for appending, and ours. -1 with errno, and a
 * warning said. */
int files_open(const struct settings *s, const char *name);

/* NAME becomes NAME.1, NAME.1 becomes NAME.2, and so on to NAME.KEEP, whose former file is gone;
 * KEEP 0: NAME is removed. False with errno when NAME is there still. */
bool files_rotate(const struct settings *s, const char *name, long keep);

/* Would files_rotate() remove a file? */
bool files_rotate_drops(const struct settings *s, const char *name, long keep);

/* VM_RUN_DIR, made when it is missing. */
bool files_make_run_dir(const struct settings *s, struct error *err);

#endif
