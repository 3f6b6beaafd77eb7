/* mig_support.c - the few library functions that MIG's stubs and gcc's code call. */
#include "machsh.h"

void *memcpy(void *dst, const void *src, unsigned long n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, unsigned long n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

/* The task has one thread, so one reply port serves all RPCs.  A stub calls
 * the dealloc function when the port may hold a late reply. */
static mach_port_t reply_port = MACH_PORT_NULL;

mach_port_t mig_get_reply_port(void)
{
	if (reply_port == MACH_PORT_NULL)
		reply_port = mach_reply_port();
	return reply_port;
}

void mig_put_reply_port(mach_port_t port)
{
	(void)port;
}

void mig_dealloc_reply_port(mach_port_t port)
{
	(void)port;
	reply_port = MACH_PORT_NULL; /* leaked: never happens in practice */
}

unsigned long mig_strncpy(char *dst, const char *src, unsigned long len)
{
	unsigned long i;

	if (len == 0)
		return 0;
	for (i = 0; i < len - 1 && src[i] != '\0'; i++)
		dst[i] = src[i];
	dst[i] = '\0';
	return i;
}

/* mach_msg is the trap, restarted when the kernel interrupted it. */
mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option,
			   mach_msg_size_t send_size, mach_msg_size_t rcv_size,
			   mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
			   mach_port_name_t notify)
{
	mach_msg_return_t r;

	do
		r = mach_msg_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify);
	while (r == MACH_SEND_INTERRUPTED);
	while (r == MACH_RCV_INTERRUPTED)
		r = mach_msg_trap(msg, option & ~MACH_SEND_MSG, 0, rcv_size, rcv_name, timeout,
				  notify);
	return r;
}
