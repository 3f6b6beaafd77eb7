/* ram_follow.h - the guest's memory is copied while it runs, so that it need not stand still for
 * all of it (pid1/savestate.h).
 */
#ifndef VM_HOST_RAM_FOLLOW_H
#define VM_HOST_RAM_FOLLOW_H

#include <stdbool.h>

/* The file TO, which is empty or what an earlier call has made of it, becomes what the memory FROM
 * is now, in the form `mapped` (ram_file.h). TABLE is an empty file in memory at the first call,
 * and remembers what TO has. STILL: the guest stands still, and all processors are used; else what
 * it changes meanwhile is for another call. False with errno. */
bool ram_follow(int from, int to, int table, bool still);

#endif
