/* files.h - the files that a run leaves in VM_LOG_DIR.
 *
 * console.log (every byte of the serial line), qemu.log (QEMU's own output and ours), events.jsonl
 * and guest-errors.log (QEMU's -d, opened by QEMU itself: it is made here so that QEMU's user owns
 * it). A directory that cannot be written costs the logs and a warning, never the guest.
 */
#ifndef VM_GUEST_FILES_H
#define VM_GUEST_FILES_H

#include <stdbool.h>

#include "base/settings.h"
#include "host/privileges.h"

/* Open (append) qemu.log and events.jsonl for the log, and make guest-errors.log. Called again, it
 * reopens them (rotation). Returns whether QEMU can have guest-errors.log. */
bool files_open_logs(const struct settings *s, const struct identity *id);

/* console.log, for appending; -1 with a warning said. */
int files_open_console(const struct settings *s, const struct identity *id);

/* VM_RUN_DIR, made when it is missing. */
bool files_make_run_dir(const struct settings *s, struct error *err);

#endif
