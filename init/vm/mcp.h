/* mcp.h - the parts of vm mcp: the tools (mcp_tools.c, mcp_prepare.c, mcp_results.c), tool calls,
 * each of which is a child `vm COMMAND` (mcp_call.c), the messages (mcp_messages.c) and the loop
 * (cmd_mcp.c). */
#ifndef VM_VM_MCP_H
#define VM_VM_MCP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "format/mcp.h"
#include "format/text.h"

/* Longest line of a client; it may contain a file to push. */
#define MCP_LINE_MAX (8u << 20)
/* The last so many bytes of a child's output are kept. A file in a result may be larger. */
#define MCP_OUTPUT   (256u << 10)
#define MCP_FILE_MAX (4u << 20)

#define MCP_CALLS     16
#define MCP_ARGV_MAX  96
#define MCP_WORDS_MAX 20480
#define MCP_PATH      4200

/* The last bytes of a stream. */
struct mcp_tail {
	int fd; /* -1: end of file reached */
	size_t len;
	bool cut;    /* earlier output was dropped */
	char *bytes; /* 2 * MCP_OUTPUT bytes, NUL-terminated; NULL: no output */
};

struct mcp_call {
	const struct mcp_tool *tool; /* NULL: this slot is free */
	char id[MCP_TOKEN], progress[MCP_TOKEN];
	bool modern, cancelled;
	pid_t pid;
	uint64_t started_ns, kill_ns, told_ns;
	struct mcp_tail out, err;
	int hold; /* a connection to PID 1 until the answer is written; -1: none */
	/* The child's arguments. Each word is part of the client's message or of WORDS. */
	char *argv[MCP_ARGV_MAX + 1];
	size_t argc, words_used;
	char words[MCP_WORDS_MAX];
	bool too_long;
	/* A directory for a file, and the file; "": none. */
	char dir[MCP_PATH], file[MCP_PATH + 300];
	long lines;	  /* of console_read */
	char guest[1024]; /* the guest's path of pull */
	bool flag;
};

/* The result of a tool call: members of CallToolResult. */
struct mcp_result {
	struct text content;	/* a list for text_list_add() */
	struct text structured; /* an object; empty: none */
	bool is_error;
};

struct mcp_tool {
	const char *name, *title, *about;
	const struct mcp_param *params;
	/* The members of structuredContent with their JSON Schema, or NULL, and the names "a|b" of
	 * those that it always has. */
	const struct json_member *output;
	const char *always;
	bool read_only, destructive, idempotent;
	/* Fill the call's argv from ARGUMENTS, which PARAMS has validated. False with ERR. */
	bool (*prepare)(struct mcp_call *c, const struct json *doc,
			const struct json_value *arguments, char **envp, struct error *err);
	/* The child has ended with STATUS (128 + n: by signal n): fill in the result. */
	void (*finish)(struct mcp_call *c, int status, struct mcp_result *r);
};

/* The last entry has no name. */
extern const struct mcp_tool mcp_tools[];
const struct mcp_tool *mcp_tool_find(const char *name);
/* The tools as a JSON list, which is in OUT. */
const char *mcp_tools_json(struct text *out);

/* ---- command lines (mcp_prepare.c) -------------------------------------------------------- */

#define MCP_PREPARE                                                                                \
	struct mcp_call *c, const struct json *doc, const struct json_value *a, char **envp,       \
		struct error *err
bool mcp_prepare_status(MCP_PREPARE);
bool mcp_prepare_exec(MCP_PREPARE);
bool mcp_prepare_console_read(MCP_PREPARE);
bool mcp_prepare_console_send(MCP_PREPARE);
bool mcp_prepare_expect(MCP_PREPARE);
bool mcp_prepare_screenshot(MCP_PREPARE);
bool mcp_prepare_push(MCP_PREPARE);
bool mcp_prepare_pull(MCP_PREPARE);
bool mcp_prepare_snapshot(MCP_PREPARE);
bool mcp_prepare_reset(MCP_PREPARE);
bool mcp_prepare_stop(MCP_PREPARE);
bool mcp_prepare_profile(MCP_PREPARE);

/* ---- results (mcp_results.c) -------------------------------------------------------------- */

/* Add the text of ERR, with the fix on its own line, and set is_error. */
void mcp_add_error(struct mcp_result *r, const struct error *err);
void mcp_result_free(struct mcp_result *r);

void mcp_finish_text(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_json(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_exec(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_lines(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_expect(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_screenshot(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_pull(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_snapshot(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_stop(struct mcp_call *c, int status, struct mcp_result *r);
void mcp_finish_profile(struct mcp_call *c, int status, struct mcp_result *r);

/* ---- calls (mcp_call.c) -------------------------------------------------------------------- */

/* Add a word to argv. COPY: copy it; otherwise TEXT must stay valid until the child is started. */
void mcp_word(struct mcp_call *c, const char *text);
void mcp_word_copy(struct mcp_call *c, const char *text, size_t n);
/* Create a directory for this call, and form the name of the file NAME in it. False with ERR. */
bool mcp_call_file(struct mcp_call *c, const char *name, char **envp, struct error *err);

/* Start the child. False with ERR. */
bool mcp_call_start(struct mcp_call *c, char **envp, struct error *err);
/* Read the child's output. */
void mcp_call_read(struct mcp_call *c);
/* Has the child ended? Its status is as above. */
bool mcp_call_ended(struct mcp_call *c, int *status);
/* Cancel the call: SIGTERM, and SIGKILL if the child does not end in time. */
void mcp_call_cancel(struct mcp_call *c);
/* Kill the child and wait for it: at the end of this process. */
void mcp_call_kill(struct mcp_call *c);
/* Free the call's files, memory and slot. */
void mcp_call_free(struct mcp_call *c);

/* ---- messages (mcp_messages.c) -------------------------------------------------------------- */

struct mcp_server {
	char **envp;
	bool once, initialized, broken; /* broken: the client no longer reads */
	int status;
	const char *header_version, *header_method, *header_name; /* from HTTP; NULL: absent */
	struct mcp_call calls[MCP_CALLS];
	/* Input that has arrived but is not processed yet. */
	char *line;
	size_t len, room;
	bool skips; /* discard the rest of a line that is too long */
};

/* Handle a message, N bytes at LINE. They are changed and must be followed by a writable byte. */
void mcp_handle_message(struct mcp_server *s, char *line, size_t n);
/* Answer a line that is not a valid message. ID: "" if unknown. */
void mcp_send_error(struct mcp_server *s, const char *id, enum mcp_code code, const char *message,
		    const char *data);
/* The child of C has ended: send the answer. */
void mcp_end_call(struct mcp_server *s, struct mcp_call *c, int status);
/* Once a second, to a client that asked for it: the elapsed seconds and the child's last line. */
void mcp_send_progress(struct mcp_server *s, struct mcp_call *c, uint64_t now);

/* The signals that end the program; blocked except while it waits or writes. */
void mcp_end_signals(sigset_t *set);
void mcp_catch_end_signals(void);
extern volatile sig_atomic_t mcp_ended;

#endif
