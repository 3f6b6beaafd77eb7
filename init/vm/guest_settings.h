/* guest_settings.h - the settings of the guest that runs in VM_RUN_DIR. */
#ifndef VM_VM_GUEST_SETTINGS_H
#define VM_VM_GUEST_SETTINGS_H

#include "config/settings.h"

/* The settings of ENVP, completed by those that PID 1 was started with: outside a container `vm
 * ssh` is given VM_RUN_DIR and nothing else. If PID 1's environment cannot be read (another user's
 * process), those of ENVP alone. Read once. */
const struct settings *guest_settings(char **envp);

#endif
