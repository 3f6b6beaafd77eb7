/* foreign_open.h - the source of `vm image convert --from-format` (format/foreign_image.h). */
#ifndef VM_VM_FOREIGN_OPEN_H
#define VM_VM_FOREIGN_OPEN_H

#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"
#include "format/foreign_image.h"

/* Open PATH, an image of FORMAT that no other process uses, and query qemu-img, confined as for a
 * conversion, for the virtual size (*SIZE, bytes). Returns the descriptor; -1 with ERR. */
int foreign_open(const struct settings *s, const char *path, enum foreign_format format,
		 uint64_t *size, struct error *err);

#endif
