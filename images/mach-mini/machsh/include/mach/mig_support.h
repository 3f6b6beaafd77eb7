/* mig_support.h - what the stubs made by MIG expect from their library
 * (with a C library, it would come from there).  Implemented in mig_support.c. */
#ifndef MACHSH_MIG_SUPPORT_H
#define MACHSH_MIG_SUPPORT_H

#include <mach/message.h>
#include <mach/mach_types.h>

void	*memcpy(void *, const void *, unsigned long);
void	*memset(void *, int, unsigned long);

mach_port_t	mig_get_reply_port(void);
void		mig_put_reply_port(mach_port_t);
void		mig_dealloc_reply_port(mach_port_t);
unsigned long	mig_strncpy(char *, const char *, unsigned long);
#endif
