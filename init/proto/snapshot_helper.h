/* snapshot_helper.h - agreement between PID 1 and its helper `vm snapshot-table`
 * (vm/cmd_snapshot_table.c): `vm snapshot-table ACTION NAME OPTION DISK UID GID`, where ACTION is
 * list, save, load, delete or size, and the image is parsed by a child with UID and GID. */
#ifndef VM_PROTO_SNAPSHOT_HELPER_H
#define VM_PROTO_SNAPSHOT_HELPER_H

/* The disk's descriptor. */
#define SNAPSHOT_HELPER_DISK 3

#endif
