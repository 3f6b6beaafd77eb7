/* run.h - vm run: plan, report, supervise. */
#ifndef VM_PID1_RUN_H
#define VM_PID1_RUN_H

#include "proto/command.h"

int cmd_run(const struct command *self, int argc, char **argv, char **envp);

#endif
