/* between.h - agreements between PID 1 and the commands that it starts. */
#ifndef VM_PROTO_BETWEEN_H
#define VM_PROTO_BETWEEN_H

/* `vm console --own --log` reads PID 1's log lines here and prints them, because it knows where
 * lines of the guest end. */
#define CONSOLE_LOG_FD 3

/* The first of the descriptors of `vm state-files`: for `copy`, the overlays, the guest's memory
 * and the table of `ahead`; for `ahead`, the memory and its table; for `fill` and `unpack`, the
 * saved memory and the guest's; for `repair`, the overlay; for `kernel`, the files of the kernel,
 * of its command line and of the ramdisk, and the overlay. */
#define STATE_FILES_FD 3

/* The first bytes sent to a probed port. An ssh client has to send its version as well; passt of
 * 2023 does not complete the connection to the guest until something is sent. */
#define PROBE_SSH_REQUEST  "SSH-2.0-vm\r\n"
#define PROBE_HTTP_REQUEST "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"

#endif
