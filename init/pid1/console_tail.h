/* console_tail.h - the last lines of the guest's serial console, for the log. */
#ifndef VM_PID1_CONSOLE_TAIL_H
#define VM_PID1_CONSOLE_TAIL_H

#include <stdint.h>

struct relay;

/* Of what came on the relay SERIAL behind its first SINCE bytes. */
void console_tail_log(const struct relay *serial, uint64_t since);

#endif
