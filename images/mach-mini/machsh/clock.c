/* clock.c - the time since boot, in milliseconds. */
#include "machsh.h"

#include "mach_host.h"

uint64_t clock_ms(void)
{
	time_value64_t t = {0};

	/* It fails only for a wrong port. */
	(void)host_get_uptime64(mach_host_self(), &t);
	return (uint64_t)t.seconds * 1000 + (uint64_t)t.nanoseconds / 1000000;
}
