/* marker_files.h - the marker files of init/plan/markers/, which are part of the program. */
#ifndef VM_PLAN_MARKER_FILES_H
#define VM_PLAN_MARKER_FILES_H

#include <stddef.h>

#include "config/settings.h"

/* The text of G's marker file (the generic one for GUEST_AUTO), of *N bytes, without a terminating
 * NUL (format/markers.h parses it). */
const char *marker_file(enum guest_kind g, size_t *n);

#endif
