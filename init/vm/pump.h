/* pump.h - a process between PID 1 and a sub-command that reads the console. It goes on reading
 * while the sub-command is busy (its output waits, or it is stopped), so that PID 1 does not
 * disconnect it as too slow (console/mux.h). */
#ifndef VM_VM_PUMP_H
#define VM_VM_PUMP_H

/* Put such a process before CONSOLE, a stream of the console, which becomes its own. What nobody
 * has taken yet waits in memory (PUMP_MEMORY) and then in a file without a name in the first of
 * DIRS (ends with NULL) that takes one. Returns our end of the stream; where there can be no such
 * process, CONSOLE itself. Before this process ends, it waits for what was typed to be handed on.
 */
int pump_start(int console, const char *const *dirs);

#define PUMP_MEMORY (1024 * 1024)

#endif
