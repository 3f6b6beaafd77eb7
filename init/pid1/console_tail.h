/* console_tail.h - the last lines of the guest's serial console, for the log. */
#ifndef VM_PID1_CONSOLE_TAIL_H
#define VM_PID1_CONSOLE_TAIL_H

#include <stdint.h>

struct relay;

/* Only output after the first SINCE bytes of SERIAL is used. */
void console_tail_log(const struct relay *serial, uint64_t since);

#endif
