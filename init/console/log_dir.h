/* log_dir.h - the files in VM_LOG_DIR.
 *
 * console.log (every byte of the serial line; console/console_log.h), qemu.log (output of QEMU and
 * of this program), events.jsonl and guest-errors.log (QEMU's -d and trace events;
 * console/debug_log.h). Without a writable directory there is a warning and no logs; the guest
 * runs all the same.
 */
#ifndef VM_CONSOLE_LOG_DIR_H
#define VM_CONSOLE_LOG_DIR_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* Create VM_LOG_DIR if it is missing, and lock it for this container. If another container has it,
 * S->log_dir becomes an unused directory in it, with a warning. Called once, before the other
 * functions. */
void files_claim_log_dir(struct settings *s);

/* Open qemu.log and events.jsonl for appending. Called again, reopen them (rotation). */
void files_open_logs(const struct settings *s);

/* Open NAME in VM_LOG_DIR for appending, owned by PID 1's user; create it if it is missing. -1
 * with errno, and a warning. */
int files_open(const struct settings *s, const char *name);

/* Rename NAME to NAME.1, NAME.1 to NAME.2, and so on up to NAME.KEEP, whose former file is
 * removed. KEEP 0: remove NAME. False with errno if NAME still exists. */
bool files_rotate(const struct settings *s, const char *name, long keep);

/* Whether files_rotate() would remove a file. */
bool files_rotate_drops(const struct settings *s, const char *name, long keep);

/* Create VM_RUN_DIR if it is missing. */
bool files_make_run_dir(const struct settings *s, struct error *err);

#endif
