/* web.h - vm-web, the web server: shared by its files.
 *
 * One process, one thread: libwebsockets manages the connections and sees one descriptor of ours,
 * an epoll instance for everything that is not HTTP, as a raw file. Operations that need rights are
 * requested from the companion (proto/web.h).
 */
#ifndef VM_WEB_WEB_H
#define VM_WEB_WEB_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"
#include "base/json_write.h"
#include "format/json.h"
#include "proto/web.h"

#define SECOND UINT64_C(1000000000)

/* Maximum size of a request other than an upload. */
#define BODY_MAX 65536
/* Limit of the output buffered for a client: its source is paused until half of it is sent ... */
#define OUT_HIGH (256u << 10)
/* ... and a client that does not read for this time is disconnected. The tests are built with a
 * shorter time. */
#ifndef SLOW_S
#define SLOW_S 30
#endif
/* Size of the socket buffer for a client. The kernel's own limit would be several MiB for each of
 * 320. */
#define SEND_BUFFER (128 << 10)

/* ---- the other descriptors (watch.c) ------------------------------------------------------ */

struct watch {
	int fd; /* -1: none */
	uint32_t events;
	void (*ready)(struct watch *w, uint32_t events);
	void *arg;
};

int watch_open(void); /* the epoll instance */
bool watch_add(struct watch *w, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t),
	       void *arg);
void watch_events(struct watch *w, uint32_t events);
/* Remove it and close its descriptor. */
void watch_close(struct watch *w);
void watch_run(void);

/* ---- bytes -------------------------------------------------------------------------------- */

struct buffer {
	char *data;
	size_t at, len, room; /* LEN bytes from AT on */
};

bool buffer_add(struct buffer *b, const void *data, size_t n);
void buffer_take(struct buffer *b, size_t n);
void buffer_free(struct buffer *b);

/* ---- the server (main.c) ------------------------------------------------------------------- */

struct server {
	struct lws_context *context;
	struct lws_vhost *vhost;
	int broker;
	bool hello; /* received: the following members are set */
	char token[160], cookie[72], prefix[128], hosts[1024];
	long long events_at;
	int no_display; /* 1: the guest has none; 0: it has one; -1: unknown */
	int timer;
	bool ticking;
	unsigned connections, sessions;
	unsigned long long requests, refused, limited, logins_failed, slow, tasks;
};

extern struct server server;

/* ---- a request or a WebSocket (session.c, http.c, ws.c) ------------------------------------ */

struct route;

struct session {
	struct session *next, *prev;
	struct lws *wsi;
	const struct route *route;
	bool websocket;
	int method;
	char path[512];	    /* without the prefix */
	char parts[2][256]; /* the text for {} in the route */
	struct buffer body;
	long long body_left; /* remaining bytes of Content-Length */
	bool dispatched;     /* the handler has run */
	/* The answer. */
	int status;
	const char *type;
	char headers[512];
	long long length; /* -1: it ends with the connection */
	bool head_sent, ended, failed;
	bool head_only; /* HEAD, or no content */
	struct buffer out;
	/* Set by the code that answers the request. */
	void *own;
	void (*closed)(struct session *s);
	void (*drained)(struct session *s); /* OUT has room again */
	bool (*fill)(struct session *s);    /* add to OUT; false: nothing now */
	void (*tick)(struct session *s);    /* four times a second */
	bool (*upload)(struct session *s, const char *data, size_t n, bool last);
	void (*received)(struct session *s, const char *data, size_t n); /* WebSocket */
	int close_code; /* WebSocket: close code to send */
	const char *close_reason;
	uint64_t waiting; /* time since which the socket has been full while data waits; 0: not full
			   */
};

/* A parameter of a route. The server reads no other, and docs/api.yaml describes these. */
struct parameter {
	const char *name; /* NULL: end of the table */
	enum {
		IN_BODY,
		IN_QUERY,
		IN_HEADER,
		IN_PATH,
		IN_FORM
	} in; /* body: a member of its object */
	enum { PARAMETER_TEXT, PARAMETER_INTEGER, PARAMETER_BOOL, PARAMETER_TEXT_OR_NUMBER } type;
	bool required;
	long dflt, min, max; /* of an integer; of a text: its bytes, MAX 0: no limit here */
	const char *choices; /* of a text: "a|b", the first is the default; or NULL */
	const char *option;  /* the command's option, whose help describes it; or NULL: HELP does */
	const char *help;
};

struct route {
	const char *method; /* "GET", "POST", "DELETE", or "WS" */
	const char *path;   /* {} matches any word */
	void (*handle)(struct session *s);
	bool open;   /* no token required */
	bool upload; /* the body is streamed and may have any size */
	/* For docs/api.yaml: the operation's name; the vm command that does the same, or NULL; what
	 * the route does, NULL: as the table of commands says it. */
	const char *id, *command, *summary;
	const struct parameter *parameters; /* NULL: none */
};

extern const struct route routes[];
/* The table and http_status_of() as JSON on standard output, for scripts/openapi.py. */
void routes_print(void);

/* Why a request is refused: the HTTP status, and for 429 the seconds to wait. */
struct refusal {
	int status;
	unsigned wait_s;
	const char *why, *fix;
};

struct session *session_new(struct lws *wsi);
void session_free(struct session *s);
extern struct session *session_list;
/* Call four times a second while there are sessions. */
void session_tick(void);
void tick_arm(bool on);
/* Schedule writing to the client. */
void session_wake(struct session *s);
/* The socket has room. */
void session_writable(struct session *s);
/* Disconnect at once. */
void session_kill(struct session *s);

/* Parse the body as JSON; NULL: an error was answered. */
const struct json *session_json(struct session *s);

/* The parameter NAME of the session's route (parameters.c). Each returns false if the route has no
 * such parameter, or if its value is not as the table says.
 *
 * Of the query or a header, into OUT; false also: it is missing, or longer than SIZE. */
bool parameter_query(const struct session *s, const char *name, char *out, size_t size);
bool parameter_header(const struct session *s, const char *name, char *out, size_t size);
/* Of the body DOC. OUT is NULL if a text is missing that is not required. */
bool parameter_text(const struct session *s, const struct json *doc, const char *name,
		    const char **out);
/* As a decimal number. */
bool parameter_integer(const struct session *s, const struct json *doc, const char *name,
		       char out[24]);
bool parameter_bool(const struct session *s, const struct json *doc, const char *name);

/* Begin an answer; LENGTH -1: a stream. */
void answer_begin(struct session *s, int status, const char *type, long long length);
void answer_add(struct session *s, const void *data, size_t n);
void answer_end(struct session *s);
void answer(struct session *s, int status, const char *type, const char *text);
void answer_bytes(struct session *s, int status, const char *type, const void *data, size_t n);
/* Answer with a problem document (RFC 9457). */
void answer_problem(struct session *s, int status, int exit_status, const char *detail,
		    const char *fix);
void answer_no_memory(struct session *s);
size_t problem_text(char *out, size_t size, int status, int exit_status, const char *detail,
		    const char *fix);
void answer_refusal(struct session *s, const struct refusal *r);
/* The HTTP status for an exit status of ours. */
int http_status_of(int exit_status);
/* Send one event of a stream. */
void answer_event(struct session *s, const char *name, const char *json);

bool request_is_https(struct lws *wsi);
int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len);
/* Is the request of WSI that of a client with the token? R says why not. */
bool request_admitted(struct lws *wsi, bool open, struct refusal *r);
const struct route *route_find(const char *method, const char *path, char parts[2][256],
			       bool *other_method);

/* ---- limits (limit.c) ----------------------------------------------------------------------- */

/* An evicted connection has its place until libwebsockets has closed it. */
#define WEB_PLACES (WEB_CONNECTIONS + 64)

/* May there be another connection? If all slots are taken, the oldest connection is closed that
 * has not had a request with the token, so that those who have none cannot keep out others. */
bool limit_connection(void);
/* WSI is connected; has the token; is gone. */
void limit_connected(struct lws *wsi);
void limit_known(struct lws *wsi);
void limit_disconnected(struct lws *wsi);

/* Requests of one address. Those with the token (KNOWN) and those without are counted apart, so
 * that a client without it cannot keep one out that has the same address. */
#define REQUESTS_PER_S 100
#define REQUESTS_BURST 400

/* Count a request of WSI. 0: it is served; else the seconds until there will be one. */
unsigned limit_request(struct lws *wsi, bool known);

/* May a token be looked at? 0, or the seconds until then: a token of 16 letters cannot be found by
 * trying. */
unsigned limit_tokens(struct lws *wsi);
void limit_wrong_token(struct lws *wsi);

/* ---- the companion (broker.c) -------------------------------------------------------------- */

struct task;
typedef void task_output(struct task *t, const char *data, size_t n);
typedef void task_done(struct task *t);

/* A command that runs for a session, or a request whose answer the companion sends as a file. */
struct task {
	struct watch reply, in, out, err;
	struct session *session; /* NULL: it has ended, or never existed */
	void *arg;
	task_output *output;
	task_output *said; /* what it says on standard error; NULL: nothing but WORDS */
	task_done *done;
	struct buffer input;
	bool input_ends;
	void (*input_taken)(struct task *t);
	char words[2048]; /* its standard error */
	size_t words_len;
	int status; /* -1: unknown */
	int fd;	    /* the answer's descriptor; the caller may take it over */
};

/* Request OP with TEXTS (NULL-terminated). COMMAND: with standard streams. NULL: impossible. */
struct task *task_start(enum web_op op, const char *const *texts, struct session *s,
			task_output *output, task_done *done, void *arg);
void task_cancel(struct task *t);
/* Write N bytes to its standard input. */
void task_write(struct task *t, const char *data, size_t n);
void task_write_end(struct task *t);
void task_pause(struct task *t, bool on);
/* Answer S with the error of T. */
void task_problem(const struct task *t, struct session *s);

/* Send a request to PID 1. DONE is called with its status and its text, which is NULL if there is
 * no answer. */
struct ask;
typedef void ask_done(struct session *s, void *arg, int status, const char *text, size_t n);
struct ask *ask(const char *line, struct session *s, ask_done *done, void *arg);
void ask_cancel(struct ask *a);

/* If unknown, find out whether the guest has a display. */
void broker_ask_display(void);
/* An unsolicited message of the companion. */
void broker_ready(struct watch *w, uint32_t events);

/* Run a command (vm/web_commands.c) for S and pass its output to DONE, which answers. If it fails,
 * an error is answered. */
void run_collect(struct session *s, const char *const *texts,
		 void (*done)(struct session *s, const char *text));

/* ---- what is served ------------------------------------------------------------------------ */

bool static_load(const char *root);
void static_serve(struct session *s);
/* index.html or, without the token, login.html. */
void static_page(struct session *s, bool login);

bool console_start(void);
void console_open(struct session *s, bool readonly, bool live);
void console_tick(void);
void console_stats(unsigned *clients, unsigned long long *bytes);
void display_open(struct session *s);
/* A request to a WebSocket's path that is not an upgrade. */
void display_plain(struct session *s);

void events_open(struct session *s);
void events_broadcast(const char *name, const char *json);
void events_tick(void);

void handle_status(struct session *s);
void handle_health(struct session *s);
void handle_settings(struct session *s);
void handle_monitor(struct session *s);
void handle_exec(struct session *s);
void handle_send(struct session *s);
void handle_expect(struct session *s);
void handle_push(struct session *s);
void handle_pull(struct session *s);
void handle_snapshot_list(struct session *s);
void handle_snapshot_save(struct session *s);
void handle_snapshot_load(struct session *s);
void handle_snapshot_delete(struct session *s);
void handle_stop(struct session *s);
void handle_suspend(struct session *s);
void handle_reset(struct session *s);
void handle_pause(struct session *s);
void handle_continue(struct session *s);
void handle_warm(struct session *s);
void handle_screenshot(struct session *s);
/* To a client that begins to follow the events: the profile that runs. */
void profile_greet(struct session *s);
void handle_profiles(struct session *s);
void handle_profile_start(struct session *s);
void handle_profile_status(struct session *s);
void handle_profile(struct session *s);
void handle_profile_file(struct session *s);
void handle_metrics(struct session *s);
void handle_mcp(struct session *s);
void handle_login(struct session *s);
void handle_page(struct session *s);

uint64_t now_ns(void);

#endif
