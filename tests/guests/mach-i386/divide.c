/* divide.c - 64-bit division, for which gcc calls libgcc on 32-bit processors (GCC internals,
 * "Integer library routines"). Debian has the 32-bit libgcc only in gcc-multilib.
 */
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);

/* Long division, one bit at a time. */
uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *remainder)
{
	uint64_t quotient = 0;
	uint64_t r = 0;

	for (int bit = 63; bit >= 0; bit--) {
		r = r << 1 | (n >> bit & 1);
		if (r >= d) {
			r -= d;
			quotient |= UINT64_C(1) << bit;
		}
	}
	if (remainder)
		*remainder = r;
	return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
	return __udivmoddi4(n, d, 0);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
	uint64_t remainder;

	(void)__udivmoddi4(n, d, &remainder);
	return remainder;
}
