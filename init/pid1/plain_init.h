/* plain_init.h - init init COMMAND: PID 1 of any container. */
#ifndef VM_PID1_PLAIN_INIT_H
#define VM_PID1_PLAIN_INIT_H

/* Run ARGV[0] with its arguments as a child, and wait for it. Returns its exit status, 128 + n for
 * a signal, 126 or 127 if it could not be run. */
int plain_init(char **argv, char **envp);

#endif
