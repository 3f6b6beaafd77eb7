/* mcp_prepare.c - converts the arguments of a tool to the command line of its child (mcp.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "format/serial_text.h"
#include "vm/cmd.h"
#include "vm/mcp.h"

/* ---- arguments to words --------------------------------------------------------------------- */

static void words(struct mcp_call *c, const char *const *list)
{
	for (; *list; list++)
		mcp_word(c, *list);
}
#define WORDS(...) words(c, (const char *const[]){__VA_ARGS__, NULL})

/* Append OPTION and the argument NAME (text or number), if it is given. */
static void option(struct mcp_call *c, const struct json *doc, const struct json_value *a,
		   const char *name, const char *with)
{
	const struct json_value *v = json_get(doc, a, name);

	if (!v)
		return;
	mcp_word(c, with);
	mcp_word(c, v->text);
}

static void flag(struct mcp_call *c, const struct json *doc, const struct json_value *a,
		 const char *name, const char *with)
{
	if (json_bool(doc, a, name, false))
		mcp_word(c, with);
}

bool mcp_prepare_status(MCP_PREPARE)
{
	(void)doc, (void)a, (void)envp, (void)err;
	WORDS("vm", "status", "--json");
	return true;
}

bool mcp_prepare_exec(MCP_PREPARE)
{
	const struct json_value *env = json_get(doc, a, "env");

	(void)envp, (void)err;
	WORDS("vm", "exec", "--timeout");
	mcp_word(c, json_get(doc, a, "timeout") ? json_get(doc, a, "timeout")->text : "60");
	option(c, doc, a, "user", "--login");
	option(c, doc, a, "directory", "--dir");
	option(c, doc, a, "via", "--via");
	flag(c, doc, a, "interrupt", "--interrupt");
	for (int32_t i = env ? env->first : -1; i >= 0; i = doc->values[i].next) {
		/* NAME alone would copy the variable of this process. */
		if (!strchr(doc->values[i].text, '='))
			return error_set(err, EXIT_BAD_USAGE, "write NAME=VALUE",
					 "env has %.60s, which has no =", doc->values[i].text);
		WORDS("--env", doc->values[i].text);
	}
	WORDS("--", json_string(doc, a, "command"));
	return true;
}

bool mcp_prepare_console_read(MCP_PREPARE)
{
	int64_t lines = 100;

	(void)envp, (void)err;
	(void)json_integer(doc, a, "lines", &lines);
	c->lines = (long)lines;
	WORDS("vm", "console", "--scrollback");
	return true;
}

/* Escape TEXT for vm send, which interprets escapes and options. */
static void typed(struct mcp_call *c, const char *text)
{
	char out[4 * 4096 + 8];
	size_t n = 0;

	for (const char *at = text; *at && n + 8 < sizeof out; at++)
		if (*at == '\\' || (*at == '-' && at == text))
			n += (size_t)snprintf(out + n, sizeof out - n, "\\x%02x", (unsigned)*at);
		else
			out[n++] = *at;
	mcp_word_copy(c, out, n);
}

bool mcp_prepare_console_send(MCP_PREPARE)
{
	const struct json_value *keys = json_get(doc, a, "keys");
	const char *text = json_string(doc, a, "text");

	(void)envp;
	WORDS("vm", "send");
	flag(c, doc, a, "screen", "--screen");
	size_t before = c->argc;

	if (text && *text)
		typed(c, text);
	for (int32_t i = keys ? keys->first : -1; i >= 0; i = doc->values[i].next)
		WORDS("--key", doc->values[i].text);
	flag(c, doc, a, "enter", "--enter");
	return c->argc > before || c->too_long ||
	       error_set(err, EXIT_BAD_USAGE, "give text, keys or enter",
			 "there is nothing to send");
}

bool mcp_prepare_expect(MCP_PREPARE)
{
	const struct json_value *timeout = json_get(doc, a, "timeout");

	(void)envp, (void)err;
	WORDS("vm", "expect", "--timeout", timeout ? timeout->text : "30");
	option(c, doc, a, "from", "--from");
	flag(c, doc, a, "screen", "--screen");
	mcp_word(c, json_string(doc, a, "pattern"));
	return true;
}

bool mcp_prepare_screenshot(MCP_PREPARE)
{
	c->flag = json_bool(doc, a, "text", false);
	WORDS("vm", "screenshot");
	if (c->flag)
		mcp_word(c, "--text");
	else if (!mcp_call_file(c, "screen.png", envp, err))
		return false;
	else
		mcp_word(c, c->file);
	return true;
}

static bool write_file(const char *path, const void *bytes, size_t n, struct error *err)
{
	_cleanup_fd_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	return (fd >= 0 && write_all(fd, bytes, n)) ||
	       error_set(err, EXIT_NO_PERMISSION, "", "%s: %s", path, strerror(errno));
}

/* Write the text or base64 argument to a file named like the last component of TO. */
static bool write_content(MCP_PREPARE, const char *to)
{
	const char *text = json_string(doc, a, "text");
	const char *coded = json_string(doc, a, "base64");

	if (!path_base(to)[0])
		return error_set(err, EXIT_BAD_USAGE, "end \"to\" with the file's name",
				 "%.200s is a directory", to);
	if (!mcp_call_file(c, path_base(to), envp, err))
		return false;
	if (text)
		return write_file(c->file, text, strlen(text), err);
	unsigned char *bytes = malloc(strlen(coded) + 1);
	ssize_t n = bytes ? serial_decode(CODE_BASE64, coded, strlen(coded), bytes) : -1;
	bool ok = n >= 0 ? write_file(c->file, bytes, (size_t)n, err)
			 : error_set(err, EXIT_BAD_USAGE, "RFC 4648, with padding, no line ends",
				     "\"base64\" is not valid base64");

	free(bytes);
	return ok;
}

bool mcp_prepare_push(MCP_PREPARE)
{
	const char *to = json_string(doc, a, "to");
	const char *from = json_string(doc, a, "from");
	int given = (json_get(doc, a, "text") != NULL) + (json_get(doc, a, "base64") != NULL) +
		    (from != NULL);

	if (given != 1)
		return error_set(err, EXIT_BAD_USAGE, "give one of text, base64 and from",
				 "%d of text, base64 and from are given", given);
	if (!from && !write_content(c, doc, a, envp, err, to))
		return false;
	WORDS("vm", "push");
	option(c, doc, a, "via", "--via");
	option(c, doc, a, "user", "--login");
	WORDS("--", from ? from : c->file, to);
	return true;
}

bool mcp_prepare_pull(MCP_PREPARE)
{
	const char *to = json_string(doc, a, "to");
	const char *from = json_string(doc, a, "from");
	static const char most[] = "--max-size";

	WORDS("vm", "pull");
	option(c, doc, a, "via", "--via");
	option(c, doc, a, "user", "--login");
	(void)snprintf(c->guest, sizeof c->guest, "%s", from);
	if (!to) {
		if (!mcp_call_file(c, "file", envp, err))
			return false;
		/* A result cannot hold more; tar adds a little. */
		WORDS(most, "5M");
	}
	WORDS("--", from, to ? to : c->file);
	return true;
}

bool mcp_prepare_snapshot(MCP_PREPARE)
{
	const char *action = json_string(doc, a, "action");
	const char *name = json_string(doc, a, "name");
	bool list = strcmp(action, "list") == 0;

	(void)envp;
	if (!list && !name)
		return error_set(err, EXIT_BAD_USAGE, "give a name", "%s needs a name", action);
	WORDS("vm", "snapshot", action);
	c->flag = list;
	if (list) {
		mcp_word(c, "--json");
		return true;
	}
	mcp_word(c, name);
	flag(c, doc, a, "force", "--force");
	return true;
}

bool mcp_prepare_reset(MCP_PREPARE)
{
	(void)doc, (void)a, (void)envp, (void)err;
	WORDS("vm", "reset");
	return true;
}

bool mcp_prepare_stop(MCP_PREPARE)
{
	char path[RUN_PATH_MAX];

	(void)err;
	/* PID 1, whose exit ends this process in a container, waits until this connection is
	 * closed. */
	c->hold = control_open(envp, 0, path);
	if (c->hold >= 0)
		(void)control_send(c->hold, "wait exit");
	WORDS("vm", "stop");
	flag(c, doc, a, "now", "--now");
	return true;
}

bool mcp_prepare_profile(MCP_PREPARE)
{
	static const struct {
		const char *name, *with;
	} options[] = {
		{"samples", "--samples"},	{"warm_up", "--warm-up"}, {"cpus", "--cpus"},
		{"cpu_models", "--cpu-models"}, {"ram", "--ram"},	  {"accels", "--accels"},
		{"machines", "--machines"},	{"buses", "--buses"},	  {"boot", "--boot"},
		{"until", "--until"},		{"timeout", "--timeout"}, {"jobs", "--jobs"}};

	(void)envp, (void)err;
	WORDS("vm", "profile");
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		option(c, doc, a, options[i].name, options[i].with);
	return true;
}
