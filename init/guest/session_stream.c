/* session_stream.c - see session_stream.h.
 *
 * Marks (session_internal.h), each with a number of the guest's behind it:
 *   A  push: the number of the block that it waits for
 *   D  pull: a block begins: its number and the checksum of its text; then the text
 *   Z  pull: the block ends
 *   M  what the command said, at the end; then E, its status
 */
#include "guest/session_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "format/sha256.h"
#include "guest/session_internal.h"

#define SCRIPT_MAX 8192
#define FIRST_LINE 192	/* bytes of the stream in the first line that is typed */
#define LINE_TEXT  3840 /* characters of text in a line, so that 4096 hold all of it */
#define PULL_BLOCK 12288
#define ASK_NS	   (10000 * MS)	 /* nothing came: ask again */
#define DEAD_NS	   (120000 * MS) /* nothing came for so long: nobody is there */
#define TRIES	   12

/* The guest's program for checksums; the sum is the first word of what it prints. */
static const char *sum_program(const struct session_stream *t)
{
	return t->sha256 ? "sha256sum" : "cksum";
}

static void sum_text(const struct session_stream *t, const char *text, size_t n,
		     char out[SHA256_TEXT])
{
	if (t->sha256)
		sha256_text(text, n, out);
	else
		(void)snprintf(out, SHA256_TEXT, "%lu", (unsigned long)posix_cksum(text, n));
}

/* What both loops begin with: no echo, the terminal's mode back at the end however that comes, the
 * terminal on 4 (in) and 5 (out), a file for what the command says. */
#define PROLOGUE                                                                                   \
	"stty -echo 2>/dev/null; e=${TMPDIR:-/tmp}/.vm-stream.$$; "                                \
	"trap 'stty echo 2>/dev/null; rm -f \"$e\"' EXIT; trap 'exit 130' INT HUP TERM; "          \
	"exec 4<&0 5>&1; n=0; "
/* … and end with: the command's status, and its last words if that is not 0. Of those three lines,
 * as tar and the decompressor that it has started both complain, in either order. */
#define EPILOGUE                                                                                   \
	"r=$(tail -n 1 \"$e\"); [ \"$r\" = 0 ] || "                                                \
	"{ echo; echo \"M\"\"%s\".\"$(tail -n 4 \"$e\" | "                                         \
	"sed -n '$!H;${x;s/^\\n//;s/\\n/; /g;p;}')\"; }; exit ${r:-1}"

static bool failed(struct error *err, const char *what)
{
	return error_set(err, EXIT_NOT_READY, "vm console shows what it says", "%s", what);
}

/* The number behind the last mark WHAT that came whole, with the '.' behind it; -1: none. */
static long last_number(const struct session *s, char what)
{
	long number = -1;
	char *end;

	for (const char *at = s->text; (at = session_find_mark(s, at, what)) != NULL; at++) {
		const char *digits = at + 1 + strlen(s->mark);

		if (*digits != '.')
			continue;
		long n = strtol(digits + 1, &end, 10);

		if (end != digits + 1 && *end == '.')
			number = n;
	}
	return number;
}

/* The command has ended. What it said goes to T->said. */
static bool ended(const struct session *s, struct session_stream *t, int *status)
{
	const char *end = session_find_end(s, s->text, status);
	const char *said = end ? session_find_mark(s, s->text, 'M') : NULL;

	if (said) {
		said += 1 + strlen(s->mark) + 1;
		(void)snprintf(t->said, sizeof t->said, "%.*s", (int)strcspn(said, "\r\n"), said);
	}
	return end != NULL;
}

/* ---- into the guest ------------------------------------------------------------------------ */

enum answer { ANSWER_TAKEN, ANSWER_AGAIN, ANSWER_ENDED, ANSWER_NONE };

/* A line was typed: what does the guest say? NUMBER is its block's. */
static enum answer await_ack(struct session *s, struct session_stream *t, long number, int *status)
{
	uint64_t begun = clock_now();
	uint64_t asked = begun;

	while (!session_over(s) && clock_now() - begun < DEAD_NS) {
		(void)session_take(s, asked + ASK_NS);
		if (ended(s, t, status))
			return ANSWER_ENDED;
		long waits_for = last_number(s, 'A');

		if (waits_for >= 0)
			return waits_for > number ? ANSWER_TAKEN : ANSWER_AGAIN;
		if (clock_now() - asked < ASK_NS)
			continue;
		/* An end of line may be what was lost: it waits for one, then. */
		asked = clock_now();
		session_press(s, "\n", 1);
	}
	return ANSWER_NONE;
}

/* What is known of the lines that the guest takes, in bytes of the stream. */
struct lines {
	size_t now, most;
};

static void type_block(struct session *s, const struct session_stream *t, long number,
		       const uint8_t *buf, size_t n)
{
	char line[LINE_TEXT + 128 + SERIAL_TEXT_MAX(3)];
	char sum[SHA256_TEXT];
	char text[LINE_TEXT + SERIAL_TEXT_MAX(3)];
	size_t len = serial_encode(t->code, buf, n, text);

	sum_text(t, text, len, sum);
	int head = snprintf(line, sizeof line, "%ld %s ", number, sum);

	memcpy(line + head, text, len);
	line[(size_t)head + len] = '\n';
	session_forget(s);
	if (!write_all(s->fd, line, (size_t)head + len + 1))
		s->gone = true;
}

/* The beginning of what is in BUF (HAVE bytes), in a line that the guest takes. Returns how much of
 * it, 0 when it takes none (*SAYS why). */
static size_t push_block(struct session *s, struct session_stream *t, struct lines *l, long number,
			 const uint8_t *buf, size_t have, enum answer *says, int *status)
{
	for (int i = 0; i < TRIES; i++) {
		size_t n = have < l->now ? have : l->now;

		type_block(s, t, number, buf, n);
		*says = await_ack(s, t, number, status);
		if (*says == ANSWER_TAKEN) {
			l->now = 2 * l->now < l->most ? 2 * l->now : l->most;
			return n;
		}
		if (*says != ANSWER_AGAIN)
			return 0;
		l->now = l->now / 2 >= 48 ? l->now / 2 / 3 * 3 : 48;
		/* Twice may be bad luck; then this is more than it has room for. */
		if (i > 0)
			l->most = l->now;
	}
	return 0;
}

static void push_script(const struct session *s, const struct session_stream *t,
			const char *command, char out[SCRIPT_MAX])
{
	(void)snprintf(
		out, SCRIPT_MAX,
		PROLOGUE
		"echo \"A\"\"%s\".0.; while read -r s c d <&4 && [ \"$s\" != end ]; do "
		"k=$(printf %%s \"$d\" | %s); if [ \"$s\" = $n ] && [ \"${k%%%% *}\" = \"$c\" ]; "
		"then "
		"%s || break; n=$((n+1)); fi; "
		"echo \"A\"\"%s\".$n.\"A\"\"%s\".$n. >&5; done | { ( %s ) 2>\"$e\" >/dev/null; "
		"echo $? >>\"$e\"; }; " EPILOGUE,
		s->mark, sum_program(t),
		t->code == CODE_BASE64 ? "printf %s \"$d\" | base64 -d" : "printf %b \"$d\"",
		s->mark, s->mark, command, s->mark);
}

/* The blocks, one by one. */
static enum answer push_all(struct session *s, struct session_stream *t, int *status,
			    struct error *err)
{
	uint8_t buf[LINE_TEXT];
	size_t have = 0;
	struct lines l = {.now = FIRST_LINE,
			  .most = t->code == CODE_BASE64 ? LINE_TEXT / 4 * 3 : LINE_TEXT / 5};
	enum answer says = await_ack(s, t, -1, status);

	for (long number = 0; says == ANSWER_TAKEN; number++) {
		/* What is there may be more than a line holds by now. */
		ssize_t got = have < l.most ? read_full(t->fd, buf + have, l.most - have) : 0;

		if (got < 0) {
			(void)error_set(err, EXIT_INTERNAL, "", "the stream cannot be read: %s",
					strerror(errno));
			return ANSWER_NONE;
		}
		have += (size_t)got;
		if (have == 0)
			break;
		size_t n = push_block(s, t, &l, number, buf, have, &says, status);

		have -= n;
		memmove(buf, buf + n, have);
		if (n > 0 && t->progress)
			t->progress(t->arg, n);
	}
	return says;
}

enum session_result session_push(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err)
{
	static char script[SCRIPT_MAX];
	enum answer says;

	t->said[0] = '\0';
	*err = (struct error){0};
	s->w.end_ns = 0;
	push_script(s, t, command, script);
	session_start_sh(s, script, "");
	says = push_all(s, t, status, err);
	if (says == ANSWER_TAKEN) {
		session_forget(s);
		session_press(s, "end\n", 4);
		/* Unpacking, comparing and renaming may take their time, in silence. */
		while (!ended(s, t, status) && !session_over(s))
			(void)session_take(s, clock_now() + SILENCE_NS);
		says = ended(s, t, status) ? ANSWER_ENDED : ANSWER_NONE;
	}
	if (says == ANSWER_ENDED)
		return SESSION_DONE;
	if (s->gone)
		return SESSION_GONE;
	session_interrupt(s);
	session_recover(s);
	if (!err->message[0])
		(void)failed(err, says == ANSWER_AGAIN
					  ? "the serial console does not bring a line across whole"
					  : "the guest does not answer on the serial console");
	return SESSION_FAILED;
}

/* ---- out of the guest ---------------------------------------------------------------------- */

static void pull_script(const struct session *s, const struct session_stream *t,
			const char *command, char out[SCRIPT_MAX])
{
	(void)snprintf(out, SCRIPT_MAX,
		       PROLOGUE
		       "{ ( %s ) 2>\"$e\" </dev/null; echo $? >>\"$e\"; } | "
		       "while b=$(dd ibs=1024 obs=%d count=%d 2>/dev/null | %s | tr -d ' \\n') && "
		       "[ \"$b\" ]; do k=$(printf %%s \"$b\" | %s); while echo; echo "
		       "\"D\"\"%s\".$n.${k%%%% *}.; echo \"$b\"; echo \"Z\"\"%s\".$n.; read -r a "
		       "<&4 || exit; "
		       "[ \"$a\" != $((n+1)) ]; do :; done; n=$((n+1)); done; " EPILOGUE,
		       command, PULL_BLOCK, PULL_BLOCK / 1024,
		       t->code == CODE_BASE64 ? "base64" : "od -An -v -tx1", sum_program(t),
		       s->mark, s->mark, s->mark);
}

/* The block that stands in the text, into OUT (2 * PULL_BLOCK bytes). -1 when it has not come
 * whole.
 */
static ssize_t take_block(const struct session *s, const struct session_stream *t, long number,
			  uint8_t *out)
{
	static char text[2 * PULL_BLOCK];
	char sum[SHA256_TEXT];
	size_t n = 0;
	char *end;
	const char *at = session_find_mark(s, s->text, 'D');
	const char *last = at ? session_find_mark(s, at, 'Z') : NULL;

	if (!last || strtol(at + 1 + strlen(s->mark) + 1, &end, 10) != number || *end != '.')
		return -1;
	size_t len = strcspn(++end, ".");

	for (at = end + len + (end[len] == '.'); at < last; at++)
		if (*at != '\r' && *at != '\n' && n < sizeof text)
			text[n++] = *at;
	sum_text(t, text, n, sum);
	if (len != strlen(sum) || memcmp(end, sum, len) != 0)
		return -1;
	return serial_decode(t->code, text, n, out);
}

static void type_number(struct session *s, long number)
{
	char line[24];
	int n = snprintf(line, sizeof line, "%ld\n", number);

	session_forget(s);
	session_press(s, line, (size_t)n);
}

/* The blocks, one by one, until the command has ended. */
static enum session_result pull_all(struct session *s, struct session_stream *t, int *status)
{
	uint8_t block[2 * PULL_BLOCK];
	long number = 0;
	uint64_t begun = clock_now();
	uint64_t asked = begun;

	while (!session_over(s) && clock_now() - begun < DEAD_NS) {
		(void)session_take(s, asked + ASK_NS);
		if (ended(s, t, status))
			return SESSION_DONE;
		long came = last_number(s, 'Z');
		ssize_t n = came == number ? take_block(s, t, number, block) : -1;

		if (n >= 0) {
			if (!write_all(t->fd, block, (size_t)n))
				return SESSION_TIMEOUT;
			if (t->progress)
				t->progress(t->arg, (size_t)n);
			number++;
			begun = clock_now();
		}
		/* One that is here already, or was broken, is answered by the number it should
		 * have; and after a silence the answer may be what was lost. */
		if (came < 0 && clock_now() - asked < ASK_NS)
			continue;
		asked = clock_now();
		type_number(s, number);
	}
	return s->gone ? SESSION_GONE : SESSION_FAILED;
}

enum session_result session_pull(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err)
{
	static char script[SCRIPT_MAX];

	t->said[0] = '\0';
	s->w.end_ns = 0;
	pull_script(s, t, command, script);
	session_start_sh(s, script, "");
	session_forget(s);
	enum session_result result = pull_all(s, t, status);

	if (result == SESSION_DONE || result == SESSION_GONE)
		return result;
	session_interrupt(s);
	session_recover(s);
	if (result == SESSION_FAILED)
		(void)failed(err, "the guest does not answer on the serial console");
	return result;
}
