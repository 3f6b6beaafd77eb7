/* between.h - what PID 1 and the commands that it starts, or that do the same as it, have to agree
 * on. */
#ifndef VM_PROTO_BETWEEN_H
#define VM_PROTO_BETWEEN_H

/* `vm console --own --log` reads PID 1's log lines here: only it knows where the guest's end. */
#define CONSOLE_LOG_FD 3

/* `vm state-files` finds its files from this descriptor on: `copy` the overlays and then the
 * guest's memory, `fill` and `unpack` the saved memory and then the guest's. */
#define STATE_FILES_FD 3

/* What is said first to a port of the guest's. A client of ssh has to give its name as well; passt
 * of 2023 does not finish the connection to the guest until something is sent. */
#define PROBE_SSH_REQUEST  "SSH-2.0-vm\r\n"
#define PROBE_HTTP_REQUEST "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"

#endif
