/* pump.h - a process between PID 1 and a sub-command that reads the console. It goes on reading
 * while the sub-command is busy (its output waits, or it is stopped), so that PID 1 does not
 * disconnect it as too slow (console/mux.h). */
#ifndef VM_VM_PUMP_H
#define VM_VM_PUMP_H

/* Start such a process for CONSOLE, a stream of the console, which then belongs to it. Unread bytes
 * are kept in memory (PUMP_MEMORY) and then in an unnamed file in the first of DIRS (ends with
 * NULL) that permits one. Returns our end of the stream, or CONSOLE itself if the process cannot be
 * started. Before this process ends, it waits until the input has been passed on. */
int pump_start(int console, const char *const *dirs);

#define PUMP_MEMORY (1024 * 1024)

#endif
