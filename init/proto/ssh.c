/* ssh.c - see ssh.h; ssh(1), ssh_config(5), memfd_create(2). */
#include "proto/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/netaddr.h"
#include "format/plain_text.h"
#include "plan/plan.h"

/* Keys are a few hundred bytes (Ed25519) to a few thousand (RSA). */
#define KEY_MAX 65536

static uint16_t forwarded_port(const struct settings *s)
{
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);

	for (int i = 0; i < n; i++)
		if (!f[i].udp && f[i].guest_port == 22)
			return f[i].port;
	return 0;
}

/* Find the key file. False if there is none. */
static bool find_key(const struct settings *s, char *path, size_t size)
{
	static const char *const names[] = {"id_ed25519", "id_rsa"};

	if (s->ssh_key) {
		(void)snprintf(path, size, "%s", s->ssh_key);
		return true;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(path, size, "%s/ssh/%s", s->image_dir, names[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

bool ssh_possible(const struct settings *s)
{
	char path[4200];

	return forwarded_port(s) != 0 && find_key(s, path, sizeof path);
}

/* Copy the key at PATH into a file that ssh opens through /proc; CR LF, which libcrypto does not
 * accept, becomes LF. -1 with errno, and *WHY if the text is malformed. */
static int copy_key(const char *path, const char **why)
{
	static char text[KEY_MAX];
	ssize_t n = read_small(path, text, sizeof text);
	size_t len = n < 0 ? 0 : (size_t)n;

	*why = plain_text_lines(text, &len);
	_cleanup_fd_ int fd = n < 0 || *why ? -1 : memfd_create("ssh-key", MFD_CLOEXEC);
	bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && write_all(fd, text, len);

	explicit_bzero(text, sizeof text);
	return ok ? fd_take(&fd) : -1;
}

bool ssh_prepare(const struct settings *s, const char *command, long timeout_s, struct ssh *out,
		 struct error *err)
{
	char path[4200];
	uint16_t port = forwarded_port(s);
	uint32_t address;
	const char *why;
	int n = 0;

	if (port == 0)
		return error_set(err, EXIT_BAD_SETTING, "add tcp:2222:22 to QEMU_HOSTFWDS",
				 "no port is forwarded to the guest's port 22");
	if (!find_key(s, path, sizeof path))
		return error_set(err, EXIT_NO_IMAGE,
				 "name one in VM_SSH_KEY, or put it there as ssh/id_ed25519",
				 "no ssh key is known: none in VM_IMAGE_DIR=%s", s->image_dir);
	if (!find_program(getenv("PATH"), "ssh", out->program, sizeof out->program))
		return error_set(err, EXIT_QEMU_FAILED, "install openssh-client",
				 "there is no ssh on PATH");
	out->key_fd = copy_key(path, &why);
	if (why)
		return error_set(err, EXIT_BAD_SETTING, plain_text_fix, "the ssh key %s %s", path,
				 why);
	if (out->key_fd < 0)
		return error_set(err, EXIT_NO_PERMISSION, "correct VM_SSH_KEY, or the file's mode",
				 "the ssh key %s cannot be read: %s", path, strerror(errno));
	/* Our descriptor, because ssh closes inherited ones. */
	(void)snprintf(out->key, sizeof out->key, "/proc/%ld/fd/%d", (long)getpid(), out->key_fd);
	(void)snprintf(out->port, sizeof out->port, "%u", port);
	(void)snprintf(out->user, sizeof out->user, "%s", s->login_user);
	(void)snprintf(out->host, sizeof out->host, "%s",
		       ipv4_parse(settings_forward_address(s), &address) && address
			       ? settings_forward_address(s)
			       : "127.0.0.1");
	(void)snprintf(out->connect, sizeof out->connect, "ConnectTimeout=%ld", timeout_s);
	/* A guest that goes down sends no FIN, so keep-alives detect it. Its host key proves
	 * nothing over a loopback forward, and differs in each image. */
	const char *const fixed[] = {"ssh",
				     "-i",
				     out->key,
				     "-p",
				     out->port,
				     "-l",
				     out->user,
				     "-o",
				     "BatchMode=yes",
				     "-o",
				     "IdentitiesOnly=yes",
				     "-o",
				     "StrictHostKeyChecking=no",
				     "-o",
				     "UserKnownHostsFile=/dev/null",
				     "-o",
				     "GlobalKnownHostsFile=/dev/null",
				     "-o",
				     "LogLevel=ERROR",
				     "-o",
				     "ServerAliveInterval=5",
				     "-o",
				     "ServerAliveCountMax=3",
				     "-o",
				     out->connect,
				     out->host};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		out->argv[n++] = (char *)(uintptr_t)fixed[i];
	out->command = &out->argv[n];
	out->argv[n++] = (char *)(uintptr_t)command;
	out->argv[n] = NULL;
	return true;
}
