/* log_items.h - the items that QEMU can log (-d) and trace (-trace), to check settings.
 *
 * QEMU ends on an unknown item of -d, and only warns about an unknown trace event. So the program
 * is asked for its lists (`-d help`, `-trace help`), which takes some hundredths of a second.
 */
#ifndef VM_QEMU_LOG_ITEMS_H
#define VM_QEMU_LOG_ITEMS_H

#include <stdbool.h>

#include "base/error.h"
#include "host/privileges.h"

/* The longest list: `-trace help` of QEMU 10 has 120 kB. */
#define LOG_ITEMS_MAX (512 * 1024)

/* QEMU's list: LOG_LIST, or TRACE_LIST. */
enum log_list { LOG_LIST, TRACE_LIST };

/* Run the emulator PROGRAM as user ID; its LIST goes into BUF. False with ERR. */
bool log_items_ask(const char *program, const struct identity *id, enum log_list list,
		   char buf[LOG_ITEMS_MAX], struct error *err);

/* Check the comma-separated VALUE of SETTING against TEXT from log_items_ask() for LIST. Errors go
 * to ERRS (EXIT_BAD_SETTING), with the nearest name. Items `trace:...` of -d are not checked. */
void log_items_check(enum log_list list, const char *text, const char *setting, const char *value,
		     struct errors *errs);

#endif
