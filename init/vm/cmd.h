/* cmd.h - the sub-commands, one file each. */
#ifndef VM_VM_CMD_H
#define VM_VM_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "config/settings.h"
#include "proto/command.h"

/* Each command gets its own arguments (argv[0] is its name) and returns the exit status. main()
 * answers --help. */
int cmd_run(const struct command *self, int argc, char **argv, char **envp);
int cmd_init(const struct command *self, int argc, char **argv, char **envp);
int cmd_args(const struct command *self, int argc, char **argv, char **envp);
int cmd_companion(const struct command *self, int argc, char **argv, char **envp);
int cmd_check(const struct command *self, int argc, char **argv, char **envp);
int cmd_state_files(const struct command *self, int argc, char **argv, char **envp);
int cmd_console(const struct command *self, int argc, char **argv, char **envp);
int cmd_cpus(const struct command *self, int argc, char **argv, char **envp);
int cmd_exec(const struct command *self, int argc, char **argv, char **envp);
int cmd_expect(const struct command *self, int argc, char **argv, char **envp);
int cmd_fsck(const struct command *self, int argc, char **argv, char **envp);
int cmd_image(const struct command *self, int argc, char **argv, char **envp);

int cmd_kvm(const struct command *self, int argc, char **argv, char **envp);
int cmd_machines(const struct command *self, int argc, char **argv, char **envp);
int cmd_markers(const struct command *self, int argc, char **argv, char **envp);
int cmd_mcp(const struct command *self, int argc, char **argv, char **envp);
int cmd_messages(const struct command *self, int argc, char **argv, char **envp);
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
int cmd_snapshot_table(const struct command *self, int argc, char **argv, char **envp);
int cmd_ssh(const struct command *self, int argc, char **argv, char **envp);
int cmd_top(const struct command *self, int argc, char **argv, char **envp);
int cmd_unpack(const struct command *self, int argc, char **argv, char **envp);
int cmd_version(const struct command *self, int argc, char **argv, char **envp);
int cmd_wait(const struct command *self, int argc, char **argv, char **envp);
int cmd_health(const struct command *self, int argc, char **argv, char **envp);

/* Print the message and the fix of ERR on standard error; return its status. */
int cmd_fail(const struct error *err);

/* Append TEXT to OUT as one word, quoted for a shell, after a blank if OUT is not empty. False if
 * it does not fit into SIZE bytes. */
bool cmd_quote(char *out, size_t size, const char *text);

/* The valid settings of ENVP, read once. PID 1 has already reported the invalid ones. */
const struct settings *control_settings(char **envp);

/* Connect to PID 1, retrying for PATIENCE_MS. -1 with errno. PATH (RUN_PATH_MAX bytes) receives the
 * socket's path. */
int control_open(char **envp, long patience_ms, char *path);

/* Connect to PID 1 and send REQUEST (one line without a line end). Returns the connection, from
 * which the answer is read (proto/control.h), or -1 after printing an error. */
int control_connect(char **envp, const char *request);

/* Like client_connect(), for a request that is answered by a stream (`console`). Returns the
 * connection, positioned after the status line, or -1 after printing an error, with the exit status
 * in *STATUS. */
int control_stream(char **envp, const char *request, int *status);
/* Like control_stream(), for a slow reader: a separate process reads ahead (vm/pump.h). */
int control_stream_patient(char **envp, const char *request, int *status);
/* Like control_stream(), for the guest's shell. REQUEST is `shell ...`; HEAD receives PID 1's
 * description of the line. Wait for PID 1 to listen for at most PATIENCE_MS, and for the answer
 * until END_NS (0: no limit). *STATUS is as in control_await(); WHY (SIZE bytes) receives the
 * answer's text. */
#define NO_GUEST_FIX                                                                               \
	"start the container, or set VM_RUN_DIR to the directory that its guest runs with"
#define EXPECT_LATE_FIX                                                                            \
	"give it longer, or correct the expression; vm console shows what the guest prints"
#define CLIENT_NO_PLACE_FIX                                                                        \
	"end vm exec, expect, script, send or pull of this container that are no longer needed"
struct shell_head {
	char guest[32], clock[80], line[192];
	enum { HEAD_PROMPT, HEAD_BUSY, HEAD_SILENT } state;
};
int control_shell(char **envp, const char *request, uint64_t end_ns, long patience_ms,
		  struct shell_head *head, int *status, char *why, size_t size);
/* Call after the last stream has ended: ask PID 1 for the reason and put it into ERR. Returns its
 * status: EXIT_FELL_BEHIND, EXIT_NO_SLOT, or EXIT_QEMU_FAILED if the guest has ended. */
int control_stream_ended(char **envp, struct error *err);

/* Send REQUEST (one line without a line end) on the connection FD. On failure false, with errno. */
bool control_send(int fd, const char *request);

/* Send REQUEST (one line without a line end) to PID 1 and print the answer, including errors and
 * not-ready lines. TIMEOUT_S < 0: no limit. PATIENCE_MS: how long to wait for PID 1 to listen.
 * Returns the status from PID 1, or EXIT_NOT_READY if PID 1 is not running or the time limit has
 * passed. */
int control_exchange(char **envp, const char *request, long timeout_s, long patience_ms);
/* Like control_exchange(), but put the answer into BUF, without trailing line ends, cut to SIZE - 1
 * bytes. */
int control_await(char **envp, const char *request, long timeout_s, long patience_ms, char *buf,
		  size_t size);
/* control_await() with PATIENCE_MS 0. */
int control_ask(char **envp, const char *request, long timeout_s, char *buf, size_t size);
/* Print PID 1's answer to `status`, or the line of `health` or `wait` with its exit status. On a
 * terminal the state is coloured. */
void status_print(const char *text);
void status_print_health(const char *text, int status);
/* Close the connection of the last answer. Otherwise it stays open until the process ends. */
void control_hang_up(void);

#endif
