/* marker_files.h - the marker files of init/guest/markers/, which are part of the program. */
#ifndef VM_GUEST_MARKER_FILES_H
#define VM_GUEST_MARKER_FILES_H

#include <stddef.h>

#include "base/settings.h"

/* The text of G's marker file (GUEST_AUTO has the generic one), of *N bytes, without a NUL at its
 * end (format/markers.h reads it). */
const char *marker_file(enum guest g, size_t *n);

#endif
