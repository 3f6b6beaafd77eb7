/* mig_support.h - what the stubs made by MIG expect from their library (with a C library, it would
 * come from there). Implemented in mig_support.c.
 *
 * mig_allocate() is declared only: the stubs that call it (for results too big for a message) are
 * used by nobody here and dropped by the linker, which would complain if one were not.
 */
#ifndef MACHSH_MIG_SUPPORT_H
#define MACHSH_MIG_SUPPORT_H

#include <mach/mach_types.h>
#include <mach/message.h>

void *memcpy(void *dst, const void *src, unsigned long n);
void *memset(void *dst, int c, unsigned long n);

mach_port_t mig_get_reply_port(void);
void mig_put_reply_port(mach_port_t port);
void mig_dealloc_reply_port(mach_port_t port);
unsigned long mig_strncpy(char *dst, const char *src, unsigned long len);
void mig_allocate(vm_address_t *address, vm_size_t size);

#endif
