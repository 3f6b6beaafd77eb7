/* cmd.h - the sub-commands, one file each. */
#ifndef VM_VM_CMD_H
#define VM_VM_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"
#include "proto/command.h"

/* Every command gets its own arguments (argv[0] is its name) and returns the exit status. --help
 * is answered before. */
int cmd_args(const struct command *self, int argc, char **argv, char **envp);
int cmd_check(const struct command *self, int argc, char **argv, char **envp);
int cmd_commit_state(const struct command *self, int argc, char **argv, char **envp);
int cmd_console(const struct command *self, int argc, char **argv, char **envp);
int cmd_cpus(const struct command *self, int argc, char **argv, char **envp);
int cmd_exec(const struct command *self, int argc, char **argv, char **envp);
int cmd_expect(const struct command *self, int argc, char **argv, char **envp);
int cmd_image(const struct command *self, int argc, char **argv, char **envp);

int cmd_kvm(const struct command *self, int argc, char **argv, char **envp);
int cmd_machines(const struct command *self, int argc, char **argv, char **envp);
int cmd_markers(const struct command *self, int argc, char **argv, char **envp);
int cmd_overlay(const struct command *self, int argc, char **argv, char **envp);
int cmd_profile(const struct command *self, int argc, char **argv, char **envp);
int cmd_request(const struct command *self, int argc, char **argv, char **envp);
int cmd_pull(const struct command *self, int argc, char **argv, char **envp);
int cmd_push(const struct command *self, int argc, char **argv, char **envp);

int cmd_screenshot(const struct command *self, int argc, char **argv, char **envp);
int cmd_script(const struct command *self, int argc, char **argv, char **envp);
int cmd_send(const struct command *self, int argc, char **argv, char **envp);
int cmd_settings(const struct command *self, int argc, char **argv, char **envp);
int cmd_snapshot(const struct command *self, int argc, char **argv, char **envp);
int cmd_unpack(const struct command *self, int argc, char **argv, char **envp);
int cmd_version(const struct command *self, int argc, char **argv, char **envp);
int cmd_wait(const struct command *self, int argc, char **argv, char **envp);
int cmd_health(const struct command *self, int argc, char **argv, char **envp);

/* The message and the fix of ERR on standard error; returns its status. */
int cmd_fail(const struct error *err);

/* Append TEXT to the text in OUT as one word of a shell's, behind a blank if there is something.
 * False when it does not fit into SIZE bytes. */
bool cmd_quote(char *out, size_t size, const char *text);

/* The settings in ENVP, as far as they are right (PID 1 has reported the others); read once. */
const struct settings *client_settings(char **envp);

/* Connect to PID 1, trying for PATIENCE_MS. -1 with errno; PATH (RUN_PATH_MAX) is its socket. */
int client_knock(char **envp, long patience_ms, char *path);

/* Connect to PID 1 and send REQUEST (one line without its end). Returns the connection, on which
 * the answer comes (pid1/control.h), or -1 with an error printed. */
int client_connect(char **envp, const char *request);

/* The same for a request whose answer is a stream (`console`). Returns the connection behind its
 * status line, or -1 with an error printed and the exit status in *STATUS. */
int client_stream(char **envp, const char *request, int *status);
/* The same for who may be slow to take what comes: another process goes on reading (vm/pump.h). */
int client_stream_patient(char **envp, const char *request, int *status);
/* The same for the guest's shell: REQUEST is `shell ...`, and HEAD gets what PID 1 says of the
 * line. PID 1 may take PATIENCE_MS to be there, the answer until END_NS (0: as long as it takes).
 * *STATUS as of client_await(), with the answer's text in WHY (SIZE bytes). */
struct shell_head {
	char profile[32], clock[80], line[192];
	enum { HEAD_PROMPT, HEAD_BUSY, HEAD_SILENT } state;
};
int client_shell(char **envp, const char *request, uint64_t end_ns, long patience_ms,
		 struct shell_head *head, int *status, char *why, size_t size);
/* The last stream has ended: ERR gets why, by what PID 1 says. Returns the status in it:
 * EXIT_FELL_BEHIND, EXIT_NO_PLACE, or EXIT_QEMU_FAILED for the guest's end. */
int client_stream_ended(char **envp, struct error *err);

/* Send REQUEST (one line without its end) on the connection FD. False with errno. */
bool client_send(int fd, const char *request);

/* Send REQUEST (one line without its end) to PID 1 and print the answer; errors and not-ready
 * lines too. TIMEOUT_S < 0: wait for ever. PATIENCE_MS is how long PID 1 may take to be there at
 * all. Returns the status that PID 1 answered, or
 * EXIT_NOT_READY when there is none to ask or the time is over. */
int client_request(char **envp, const char *request, long timeout_s, long patience_ms);
/* The same with the text, without line ends behind it, in BUF (cut to SIZE - 1 bytes). */
int client_await(char **envp, const char *request, long timeout_s, long patience_ms, char *buf,
		 size_t size);
/* The same with no patience and the answer's text, without line ends behind it, in BUF (cut to SIZE
 * - 1 bytes). */
int client_ask(char **envp, const char *request, long timeout_s, char *buf, size_t size);
/* Close the connection of the last answer, which else stays until the process ends. */
void client_hang_up(void);

#endif
