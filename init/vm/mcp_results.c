/* mcp_results.c - makes a tool's result from the output of its child (mcp.h).
 *
 * A failure is a result with isError, whose text is our message and its fix, so that a model can
 * act on it. JSON-RPC errors are for invalid messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/io.h"
#include "format/serial_text.h"
#include "vm/mcp.h"

static const char our_error[] = "vm: error: ";

static void add_text(struct mcp_result *r, const char *text, size_t n)
{
	text_list_add(&r->content,
		      JSON_LIST(J_TEXT("type", "text"), J_TEXT_LEN("text", (int)n, text)));
}

void mcp_add_error(struct mcp_result *r, const struct error *err)
{
	char text[sizeof err->message + sizeof err->fix + 16];
	int n = snprintf(text, sizeof text, "error: %s%s%s", err->message,
			 err->fix[0] ? "\nfix: " : "", err->fix);

	add_text(r, text, (size_t)n);
	r->is_error = true;
}

void mcp_result_free(struct mcp_result *r)
{
	text_free(&r->content);
	text_free(&r->structured);
}

static const char *bytes_of(const struct mcp_tail *t)
{
	return t->bytes ? t->bytes : "";
}

/* Did this program fail, as opposed to the command that it ran? */
static bool has_our_error(const struct mcp_tail *err)
{
	const char *text = bytes_of(err);
	const char *at = strstr(text, our_error);

	return at && (at == text || at[-1] == '\n');
}

/* Both streams, standard error first, because it has the reason for the failure. */
static void add_failure(const struct mcp_call *c, int status, struct mcp_result *r)
{
	struct text t = {0};
	const char *out = bytes_of(&c->out);
	const char *err = bytes_of(&c->err);

	text_add(&t, "%s%s%s(exit status %d)", err, out,
		 c->out.len > 0 && out[c->out.len - 1] != '\n' ? "\n" : "", status);
	if (t.bytes)
		add_text(r, t.bytes, t.len);
	text_free(&t);
	r->is_error = true;
}

void mcp_finish_text(struct mcp_call *c, int status, struct mcp_result *r)
{
	if (status != 0)
		add_failure(c, status, r);
	else if (c->out.len > 0)
		add_text(r, c->out.bytes, c->out.len);
	else if (c->err.len > 0)
		add_text(r, c->err.bytes, c->err.len);
	else
		add_text(r, "done", 4);
}

void mcp_finish_json(struct mcp_call *c, int status, struct mcp_result *r)
{
	static struct json_value values[JSON_VALUES];
	struct json doc = {.values = values, .room = JSON_VALUES};

	if (status != 0 || c->out.len == 0) {
		add_failure(c, status, r);
		return;
	}
	add_text(r, c->out.bytes, c->out.len);
	/* The JSON is embedded unchanged; a line end in it would split the JSON-RPC message. */
	for (size_t i = 0; i < c->out.len; i++)
		if (c->out.bytes[i] == '\n' || c->out.bytes[i] == '\r')
			c->out.bytes[i] = ' ';
	bool list = c->out.bytes[0] == '[';

	if (list)
		text_add_json(&r->structured, JSON_LIST(J_RAW("list", c->out.bytes)));
	else
		text_add(&r->structured, "%s", c->out.bytes);
	if (c->out.cut || !json_parse(&doc, c->out.bytes, c->out.len))
		text_free(&r->structured);
}

void mcp_finish_exec(struct mcp_call *c, int status, struct mcp_result *r)
{
	const char *out = bytes_of(&c->out);

	if (has_our_error(&c->err)) {
		add_failure(c, status, r);
		return;
	}
	/* The standard error of a command over ssh. */
	if (c->err.len > 0 && c->out.len == 0)
		add_text(r, c->err.bytes, c->err.len);
	else
		add_text(r, out, c->out.len);
	if (status != 0) {
		char line[64];
		int n = snprintf(line, sizeof line, "(exit status %d)", status);

		add_text(r, line, (size_t)n);
	}
	text_add_json(&r->structured,
		      JSON_LIST(J_INT("exit_status", status),
				J_TEXT_LEN("output", (int)c->out.len, out),
				J_TEXT_LEN("stderr", (int)c->err.len, bytes_of(&c->err)),
				J_BOOL("truncated", c->out.cut || c->err.cut)));
}

/* The last c->lines lines of the output. */
void mcp_finish_lines(struct mcp_call *c, int status, struct mcp_result *r)
{
	const char *out = bytes_of(&c->out);
	size_t at = c->out.len;

	if (status != 0) {
		add_failure(c, status, r);
		return;
	}
	/* A trailing line end does not begin another line. */
	size_t last = at > 0 && out[at - 1] == '\n' ? at - 1 : at;

	for (at = last; at > 0; at--)
		if (out[at - 1] == '\n' && --c->lines == 0)
			break;
	add_text(r, out + at, c->out.len - at);
}

void mcp_finish_expect(struct mcp_call *c, int status, struct mcp_result *r)
{
	size_t n = c->out.len;

	if (status != 0) {
		add_failure(c, status, r);
		return;
	}
	while (n > 0 && c->out.bytes[n - 1] == '\n')
		n--;
	add_text(r, bytes_of(&c->out), n);
	text_add_json(&r->structured, JSON_LIST(J_TEXT_LEN("line", (int)n, bytes_of(&c->out))));
}

/* Read a file of the call completely. NULL with ERR. */
static unsigned char *read_file(const struct mcp_call *c, size_t *n, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, c->file, O_RDONLY | O_NOFOLLOW, false, &st);

	if (fd < 0) {
		(void)error_set(
			err, EXIT_NO_IMAGE,
			"give a directory of this side in \"to\", for directories and links",
			"%s: %s", c->guest[0] ? c->guest : c->tool->name, file_strerror(errno));
		return NULL;
	}
	if (st.st_size > (off_t)MCP_FILE_MAX) {
		(void)error_set(err, EXIT_BAD_USAGE, "give a directory of this side in \"to\"",
				"%s has %lld bytes, and a result has room for %u", c->guest,
				(long long)st.st_size, MCP_FILE_MAX);
		return NULL;
	}
	unsigned char *bytes = malloc((size_t)st.st_size + 1);
	ssize_t got = bytes ? read_full(fd, bytes, (size_t)st.st_size) : -1;

	if (got < 0) {
		(void)error_set(err, EXIT_INTERNAL, "give a directory of this side in \"to\"",
				"%s: %s", c->file, strerror(errno));
		free(bytes);
		return NULL;
	}
	*n = (size_t)got;
	return bytes;
}

/* N bytes in base64; free(3) it. NULL, and T has failed: no memory. */
static char *base64_of(const unsigned char *bytes, size_t n, struct text *t)
{
	char *coded = malloc(SERIAL_TEXT_MAX(n) + 1);

	if (coded)
		coded[serial_encode(CODE_BASE64, bytes, n, coded)] = '\0';
	t->failed |= !coded;
	return coded;
}

void mcp_finish_screenshot(struct mcp_call *c, int status, struct mcp_result *r)
{
	struct error err = {0};
	size_t n;

	if (c->flag || status != 0) { /* its text, or an error */
		mcp_finish_text(c, status, r);
		return;
	}
	unsigned char *bytes = read_file(c, &n, &err);

	if (!bytes) {
		mcp_add_error(r, &err);
		return;
	}
	char *coded = base64_of(bytes, n, &r->content);

	text_list_add(&r->content,
		      JSON_LIST(J_TEXT("type", "image"), J_TEXT("mimeType", "image/png"),
				J_TEXT("data", coded)));
	free(coded);
	free(bytes);
}

static bool is_text(const unsigned char *bytes, size_t n)
{
	for (size_t at = 0, one; at < n; at += one) {
		one = bytes[at] ? utf8_length(bytes + at, n - at) : 0;
		if (one == 0)
			return false;
	}
	return true;
}

void mcp_finish_pull(struct mcp_call *c, int status, struct mcp_result *r)
{
	struct error err = {0};
	char uri[sizeof c->guest + 16];
	size_t n;

	if (status != 0 || !c->file[0]) { /* the client asked for a file on its own path */
		mcp_finish_text(c, status, r);
		return;
	}
	unsigned char *bytes = read_file(c, &n, &err);

	if (!bytes) {
		mcp_add_error(r, &err);
		return;
	}
	bool text = is_text(bytes, n);

	if (text) {
		add_text(r, (const char *)bytes, n);
	} else {
		(void)snprintf(uri, sizeof uri, "guest://%s", c->guest);
		char *coded = base64_of(bytes, n, &r->content);

		text_list_add(&r->content,
			      JSON_LIST(J_TEXT("type", "resource"),
					J_OBJECT("resource", J_TEXT("uri", uri),
						 J_TEXT("mimeType", "application/octet-stream"),
						 J_TEXT("blob", coded))));
		free(coded);
	}
	text_add_json(&r->structured, JSON_LIST(J_TEXT("path", c->guest), J_INT("size", n),
						J_TEXT("encoding", text ? "utf-8" : "base64")));
	free(bytes);
}

void mcp_finish_snapshot(struct mcp_call *c, int status, struct mcp_result *r)
{
	if (c->flag)
		mcp_finish_json(c, status, r);
	else
		mcp_finish_text(c, status, r);
}

/* The status of vm stop is how the guest ended: a guest whose power was cut was stopped, too. */
void mcp_finish_stop(struct mcp_call *c, int status, struct mcp_result *r)
{
	char line[64];
	int n = snprintf(line, sizeof line, "the guest has ended (exit status %d)", status);

	if (status == EXIT_NOT_READY || status == EXIT_BAD_USAGE) {
		mcp_finish_text(c, status, r);
		return;
	}
	add_text(r, line, (size_t)n);
	text_add_json(&r->structured, JSON_LIST(J_INT("exit_status", status)));
}

/* The report, and the messages about it: the directory that contains it. */
void mcp_finish_profile(struct mcp_call *c, int status, struct mcp_result *r)
{
	mcp_finish_text(c, status, r);
	if (!r->is_error && c->out.len > 0 && c->err.len > 0)
		add_text(r, c->err.bytes, c->err.len);
}
