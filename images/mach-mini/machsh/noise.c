/* noise.c - lines that come by themselves, in between whatever else is printed, as a kernel's
 * messages do. Who reads this console by program has to cope with them; `noise' makes them come
 * when wanted. They are printed where the shell looks for input, so never inside another line of
 * a command's output, but well behind a prompt or inside a line that is being typed.
 */
#include "machsh.h"

static uint64_t interval; /* milliseconds; 0: off */
static uint64_t due;
static uint64_t count;

void noise_set(uint64_t interval_ms)
{
	interval = interval_ms;
	due = clock_ms() + interval;
	count = 0;
}

void noise_poll(void)
{
	uint64_t now;

	if (interval == 0)
		return;
	now = clock_ms();
	if (now < due)
		return;
	due = now + interval;
	out("noise ");
	out_num(++count);
	out_char('\n');
	out_flush();
}
