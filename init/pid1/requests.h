/* requests.h - the requests of the control socket (proto/control.h): status, health, wait, stop,
 * reset, monitor, and others for the rooms. */
#ifndef VM_PID1_REQUESTS_H
#define VM_PID1_REQUESTS_H

struct control;

/* A control_request; ARG is the struct supervisor. */
void requests_handle(struct control *c, int slot, char *request, void *arg);

#endif
