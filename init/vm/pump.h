/* pump.h - a process between PID 1 and a sub-command that reads the console. It keeps reading while
 * the sub-command is blocked or stopped, so that PID 1 does not disconnect it as too slow
 * (console/mux.h). */
#ifndef VM_VM_PUMP_H
#define VM_VM_PUMP_H

/* Start such a process for CONSOLE, a stream of the console, and hand the stream over to it. Unread
 * bytes are kept in memory (PUMP_MEMORY) and then in an unnamed file in the first of DIRS
 * (NULL-terminated) that permits one. Returns this process's end of the stream, or CONSOLE itself
 * if the process cannot be started. Before the process ends, it waits until the input has been
 * passed on. */
int pump_start(int console, const char *const *dirs);

/* Do not wait: another process uses the stream after this one has ended. */
void pump_leave(void);

#define PUMP_MEMORY (1024 * 1024)

#endif
