/* guest_settings.c - see guest_settings.h; unix(7) SO_PEERCRED, proc_pid_environ(5). */
#include "vm/guest_settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "vm/cmd.h"

/* A Linux environment can be larger; that of PID 1 is a few kilobytes. */
#define ENVIRON_MAX   262144
#define VARIABLES_MAX 4096

static bool is_set(char *const *envp, size_t count, const char *variable)
{
	size_t name = strcspn(variable, "=");

	for (size_t i = 0; i < count; i++)
		if (strncmp(envp[i], variable, name) == 0 && envp[i][name] == '=')
			return true;
	return false;
}

/* The process at the other end of PID 1's socket; 0 if there is none. */
static pid_t pid_of_init(char **envp)
{
	char path[RUN_PATH_MAX];
	_cleanup_fd_ int fd = control_open(envp, 0, path);
	struct ucred peer = {0};
	socklen_t len = sizeof peer;

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

/* Read its environment into TEXT. Returns the length, 0 if it cannot be read. */
static size_t read_environ(pid_t pid, char *text, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read_full(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

const struct settings *guest_settings(char **envp)
{
	static struct settings s;
	static struct errors ignored; /* PID 1 has reported them */
	static char text[ENVIRON_MAX];
	static char *all[VARIABLES_MAX + 1];
	static bool read;
	size_t count = 0;

	if (read)
		return &s;
	read = true;
	while (count < VARIABLES_MAX && envp[count]) {
		all[count] = envp[count];
		count++;
	}
	size_t own = count;
	pid_t pid = pid_of_init(envp);
	size_t n = pid > 0 ? read_environ(pid, text, sizeof text) : 0;

	for (char *at = text; at < text + n && count < VARIABLES_MAX; at += strlen(at) + 1)
		if (strchr(at, '=') && !is_set(all, own, at))
			all[count++] = at;
	all[count] = NULL;
	(void)settings_parse(all, &s, &ignored);
	return &s;
}
