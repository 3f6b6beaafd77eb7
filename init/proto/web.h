/* web.h - the protocol between vm-web, the web server, and its companion.
 *
 * vm-web has no access of its own: its companion (vm/web_broker.c) accepts connections and passes
 * them on, runs commands, connects it to PID 1 and to QEMU's display, and opens the few files that
 * it serves. They talk over a SOCK_SEQPACKET pair. A request comes with descriptors: first a
 * stream socket for the replies, each a struct web_reply, whose end cancels the request; then, for
 * WEB_RUN, standard input, output and error of the command.
 */
#ifndef VM_PROTO_WEB_H
#define VM_PROTO_WEB_H

#include <stdint.h>

#define WEB_TEXT  32768 /* size of a request's texts, each with its NUL */
#define WEB_TEXTS 32
#define WEB_FDS	  4

enum web_op {
	WEB_RUN = 1, /* run a command by name (web_broker.c) with arguments; the reply has its
			status */
	WEB_CONTROL, /* send a request to PID 1 (proto/control.h); the reply has the connection */
	WEB_DISPLAY, /* connect to QEMU's VNC server; the reply has the connection */
	WEB_FILE,    /* open events.jsonl, qemu.log, or a boot profile's NAME/FILE, in VM_LOG_DIR */
	WEB_LIST,    /* list the boot profiles in VM_LOG_DIR: a descriptor with a name per line */
	WEB_SCREEN,  /* take a screenshot: a descriptor of the PNG */
	/* Resource usage of processes (numbers): a descriptor with /proc/NUMBER/stat of each, then
	 * the lines `starts N`, of QEMU, and `web_starts N`, of vm-web. */
	WEB_USAGE
};

struct web_request {
	uint32_t op;
	uint32_t size; /* of TEXT */
	char text[WEB_TEXT];
};

/* An exit status (base/error.h); with 0 there is a descriptor, except for WEB_RUN. An error's text
 * is cut. */
struct web_reply {
	int32_t status;
	char text[508];
};

/* Messages to vm-web. WEB_HELLO comes first: its texts are token, prefix, host names, and where in
 * events.jsonl this start begins. WEB_ACCEPTED: an accepted connection. */
enum web_notice_kind { WEB_HELLO = 1, WEB_ACCEPTED };

#define WEB_NOTICE_TEXT 4096

struct web_notice {
	uint32_t kind;
	uint32_t size;
	char text[WEB_NOTICE_TEXT];
};

/* The descriptor of the companion's socket in vm-web. */
#define WEB_BROKER_FD 3

/* The user that vm-web runs as (Dockerfile). */
#define WEB_UID 108

/* Limit of open connections, of all kinds. */
#define WEB_CONNECTIONS 320

#endif
