/* plain_init.h - vm init: PID 1 of any container. */
#ifndef VM_PID1_PLAIN_INIT_H
#define VM_PID1_PLAIN_INIT_H

#include "proto/command.h"

int cmd_init(const struct command *self, int argc, char **argv, char **envp);

#endif
