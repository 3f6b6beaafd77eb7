/* web_broker.h - what vm-web may request from its companion (proto/web.h). */
#ifndef VM_VM_WEB_BROKER_H
#define VM_VM_WEB_BROKER_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "config/settings.h"
#include "proto/web.h"

/* Concurrent commands. */
#define BROKER_TASKS 24

struct broker_task {
	pid_t pid;     /* of its own process group; 0: free */
	int reply;     /* vm-web closes its end to cancel */
	uint64_t kill; /* time for SIGKILL; 0: not asked to end yet */
};

struct broker {
	const struct settings *s;
	char **envp;
	struct broker_task tasks[BROKER_TASKS];
	unsigned web_starts;		 /* of vm-web */
	long long events_at;		 /* up to where events.jsonl has been counted */
	unsigned long long guest_starts; /* of QEMU, up to there */
};

void broker_init(struct broker *b, const struct settings *s, char **envp);

/* Handle a request with COUNT descriptors at FDS, which the broker takes over. */
void broker_request(struct broker *b, const struct web_request *r, const int *fds, int count);

/* Child PID has ended with STATUS of wait(2). False: it does not belong to the broker. */
bool broker_reaped(struct broker *b, pid_t pid, int status);

/* Fill FDS (BROKER_TASKS) with descriptors to poll, the tasks' answers. Returns their number. */
nfds_t broker_poll(const struct broker *b, struct pollfd *fds);
/* FD, one of these, was closed by vm-web: end its command. */
void broker_cancel(struct broker *b, int fd);
/* Kill tasks that did not end in time. */
void broker_tick(struct broker *b);

/* End all tasks: vm-web has ended. */
void broker_end(struct broker *b);

/* web_commands.c: the argument vector of command NAME with ARGS (COUNT), into ARGV (WEB_TEXTS +
 * 16). False: there is no such command, or an argument would be parsed as an option. */
bool web_command(const char *name, char *const *args, size_t count, char **argv);

/* web_files.c: each runs in its own process, answers at REPLY and ends; its exit status is the
 * result. */
int web_display(const struct settings *s, int reply);
int web_screen(char **envp, int reply);
int web_push(const struct settings *s, const char *to);
int web_pull(const struct settings *s, const char *from);

/* web_usage.c: WEB_USAGE of the processes PIDS (COUNT). */
void web_usage(struct broker *b, char *const *pids, size_t count, int reply);

/* web_reply.c: an answer: STATUS, TEXT (may be NULL) and FD (-1: none). */
void web_reply(int reply, int status, const char *text, int fd);
/* An anonymous file with the N bytes of TEXT, positioned at its beginning. -1 with errno. */
int web_text_file(const char *text, size_t n);

#endif
