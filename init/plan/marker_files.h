/* marker_files.h - the marker files of init/plan/markers/, which are part of the program. */
#ifndef VM_PLAN_MARKER_FILES_H
#define VM_PLAN_MARKER_FILES_H

#include <stddef.h>

#include "config/settings.h"

/* The text of G's marker file (GUEST_AUTO has the generic one), of *N bytes, without a NUL at its
 * end (format/markers.h reads it). */
const char *marker_file(enum guest g, size_t *n);

#endif
