/* mux_accept.c - from a listener to a client, through the password if there is one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "console/mux_internal.h"
#include "host/listen.h"

#define ACCEPT_MAX 16 /* per event */

static void accepted(struct relay *r, int fd, unsigned slot)
{
	const struct relay_config *c = &r->config;

	if (slot != SLOT_UNIX && c->admit && !c->admit(c->ref_index, fd, c->admit_arg)) {
		(void)close(fd);
		return;
	}
	if (slot != SLOT_UNIX)
		tcp_set_options(fd);
	if (r->auth && slot != SLOT_UNIX && slot != SLOT_RFC2217)
		auth_ask(r, fd, slot == SLOT_TELNET);
	else
		client_welcome(r, fd, slot, NULL, false);
}

void clients_accept(struct relay *r, unsigned slot)
{
	const struct relay_config *config = &r->config;
	int listener = slot == SLOT_TELNET    ? config->telnet_listener
		       : slot == SLOT_RAW     ? config->raw_listener
		       : slot == SLOT_RFC2217 ? config->rfc2217_listener
					      : config->unix_listener;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			accepted(r, fd, slot);
		} else if (errno == EMFILE || errno == ENFILE) {
			/* Accept and close: a connection left in the backlog would wake the loop
			 * again and again. */
			fd_close(&r->spare);
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd >= 0)
				client_refuse(r, fd);
			r->spare = fcntl(r->tick, F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}
