/* snapshot_helper.h - what PID 1 and its helper `vm snapshot-table` (vm/cmd_snapshot_table.c) agree
 * on: `vm snapshot-table ACTION NAME OPTION DISK UID GID`, ACTION one of list, save, load, delete,
 * size; UID and GID are those of the child that parses the image.
 */
#ifndef VM_PROTO_SNAPSHOT_HELPER_H
#define VM_PROTO_SNAPSHOT_HELPER_H

/* The disk's descriptor. */
#define SNAPSHOT_HELPER_DISK 3

#endif
