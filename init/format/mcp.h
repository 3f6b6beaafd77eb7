/* mcp.h - messages of the Model Context Protocol (a profile of JSON-RPC 2.0), and the arguments of
 * a tool; one table supplies their JSON Schema and their validation.
 *
 * Sources: modelcontextprotocol.io/specification, revisions 2024-11-05 to 2026-07-28. Up to
 * 2025-11-25 a client begins with `initialize` (legacy); from 2026-07-28 on each request contains
 * the protocol version in params._meta (modern).
 */
#ifndef VM_FORMAT_MCP_H
#define VM_FORMAT_MCP_H

#include <stdbool.h>
#include <stddef.h>

#include "format/json.h"

/* A request's id, or a progress token, as JSON: a string of at most MCP_ID bytes, each of which may
 * need six when escaped, or an integer. */
#define MCP_ID	  128
#define MCP_TOKEN (6 * MCP_ID + 3)

/* Error codes of JSON-RPC and MCP. */
enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_NO_METHOD = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL = -32603,
	MCP_HEADER_MISMATCH = -32020,
	MCP_BAD_VERSION = -32022,
};

enum mcp_kind {
	MCP_BROKEN, /* invalid: see CODE and WHY */
	MCP_REQUEST,
	MCP_NOTIFICATION,
	MCP_RESPONSE, /* ignored, because the server sends no requests */
};

struct mcp_message {
	enum mcp_kind kind;
	enum mcp_code code;
	const char *why;
	char id[MCP_TOKEN];	  /* "": none, or invalid */
	char progress[MCP_TOKEN]; /* _meta.progressToken; "": none */
	const char *method;
	const struct json_value *params; /* an object, or NULL */
	const char *version;		 /* of _meta; NULL: a legacy request */
	bool capabilities; /* _meta has the client's capabilities, which a modern request must
			      contain */
};

/* Parse the message in the N bytes at LINE, which are modified and must stay valid while M is used,
 * as DOC's values must. */
void mcp_parse(struct json *doc, char *line, size_t n, struct mcp_message *m);

/* Format V, an id or a progress token, as JSON. False: it is invalid. */
bool mcp_token(const struct json_value *v, char out[MCP_TOKEN]);

/* The version for the answer to a legacy client that requests ASKED: the same, or our latest. */
const char *mcp_legacy_version(const char *asked);
bool mcp_is_modern(const char *version);
/* All supported versions as a JSON list, the latest first. */
const char *mcp_versions(void);

/* ---- the arguments of a tool -------------------------------------------------------------- */

struct mcp_param {
	const char *name; /* NULL: end of the table */
	enum mcp_type { MCP_TEXT, MCP_INT, MCP_BOOL, MCP_TEXTS } type;
	bool required;
	long min, max;	     /* limits of an INT; of a TEXT's bytes; of the number of TEXTS */
	const char *choices; /* of a TEXT: "a|b|c" or NULL */
	const char *help;
};

/* Write "a|b" as ["a","b"] to BUF; returns BUF. */
const char *mcp_words(const char *words, char *buf, size_t size);

/* Write TABLE as JSON Schema (2020-12) of an object to BUF. False: it does not fit. */
bool mcp_schema(const struct mcp_param *table, char *buf, size_t size);

/* Are ARGUMENTS (NULL: none) valid for TABLE? If not, WHY (SIZE bytes) receives a sentence. */
bool mcp_check(const struct mcp_param *table, const struct json *doc,
	       const struct json_value *arguments, char *why, size_t size);

#endif
