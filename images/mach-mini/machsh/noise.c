/* noise.c - unsolicited lines among other output, like kernel messages, to test programs that read
 * the console. They are printed when the shell polls for input: never within a line of a command's
 * output, but possibly after a prompt or within a line that is being typed.
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
