/* shell_stream.c - see shell_stream.h.
 *
 * Marks (shell_internal.h), each followed by numbers from the guest:
 *    A  push: number of bytes of the stream received so far, and number of the line acknowledged
 *    D  pull: start of a block: its number and the checksum of its text; then the text
 *    Z  pull: end of the block
 *    M  the command's messages, at the end; then E, its status
 *
 * Lines typed into the guest:
 *    NUMBER START END SUM TEXT: the bytes [START, END) of the stream, encoded as TEXT. NUMBER grows
 *    with every line, including repeated ones. A repeated line may be shorter than the previous
 *    one, which the guest may have received after all; therefore both sides count bytes, not lines.
 *    "end": the end of the stream.
 */
#include "vm/shell_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "format/sha256.h"
#include "vm/shell_internal.h"

#define SCRIPT_MAX 8192
#define FIRST_LINE 192	/* bytes of the stream in the first line */
#define LINE_TEXT  3840 /* characters of TEXT in a line, so that the whole line fits into 4096 */
#define PULL_BLOCK 12288
#define ASK_NS	   (10000 * MS)	 /* no answer: repeat */
#define DEAD_NS	   (120000 * MS) /* without input for this time, the peer is considered gone */
#define TRIES	   12

/* The guest's checksum program; the sum is the first word of its output. */
static const char *sum_program(const struct session_stream *t)
{
	return t->sum == SUM_SHA256 ? "sha256sum" : "cksum";
}

static void sum_text(const struct session_stream *t, const char *text, size_t n,
		     char out[SHA256_TEXT])
{
	if (t->sum == SUM_SHA256)
		sha256_text(text, n, out);
	else
		(void)snprintf(out, SHA256_TEXT, "%lu", (unsigned long)posix_cksum(text, n));
}

/* Beginning of both loops: no echo; restore the terminal's mode on any exit; terminal on 4 (in) and
 * 5 (out); a file for the command's messages. */
#define PROLOGUE                                                                                   \
	"stty -echo 2>/dev/null; e=${TMPDIR:-/tmp}/.vm-stream.$$; "                                \
	"trap 'stty echo 2>/dev/null; rm -f \"$e\"' EXIT; trap 'exit 130' INT HUP TERM; "          \
	"exec 4<&0 5>&1; n=0; "
/* End of both loops: the command's status and, if it is not 0, its last messages. Three lines,
 * because tar and the decompressor that it starts both print errors, in either order. Shell
 * built-ins only: a guest may have neither tail nor sed. */
#define EPILOGUE                                                                                   \
	"a= b= c= r=; while read -r l; do a=$b b=$c c=$r r=$l; done <\"$e\"; "                     \
	"[ \"$r\" = 0 ] || { echo; echo \"M\"\"%s\".\"${a:+$a; }${b:+$b; }$c\"; }; "               \
	"exit ${r:-1}"

static bool failed(struct error *err, const char *what)
{
	return error_set(err, EXIT_NOT_READY, "vm console shows what it says", "%s", what);
}

/* The number after the last complete mark WHAT, which a '.' follows; -1: none. */
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

/* The command has ended. T->said receives its messages. */
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

/* The last complete answer: *TAKEN is the number of bytes received, *LINE the line that it
 * acknowledges (-1: a corrupt or empty line). False: there was no answer. */
static bool last_answer(const struct session *s, long *taken, long *line)
{
	bool came = false;
	char *end;

	for (const char *at = s->text; (at = session_find_mark(s, at, 'A')) != NULL; at++) {
		const char *digits = at + 1 + strlen(s->mark) + 1;

		if (digits[-1] != '.')
			continue;
		long bytes = strtol(digits, &end, 10);

		if (end == digits || *end != '.')
			continue;
		digits = end + 1;
		if (!*(end = strchrnul(digits, '.')))
			continue;
		*taken = bytes;
		*line = strspn(digits, "0123456789") == (size_t)(end - digits) && end > digits
				? strtol(digits, NULL, 10)
				: -1;
		came = true;
	}
	return came;
}

enum answer { ANSWER_CAME, ANSWER_ENDED, ANSWER_NONE };

/* A push in progress. */
struct push {
	struct session *s;
	struct session_stream *t;
	long line;	  /* number of the last line typed */
	long sent;	  /* bytes that the guest has received */
	size_t now, most; /* the current and the maximum length of a line, in bytes of the stream */
	int *status;
};

/* A line was typed, with the bytes from P->sent on: wait for the guest's answer. *TAKEN is how many
 * of the HAVE bytes it has received. */
static enum answer await_answer(const struct push *p, size_t have, size_t *taken)
{
	struct session *s = p->s;
	uint64_t begun = clock_now();
	uint64_t asked = begun;
	long bytes;
	long line;

	while (!session_over(s) && clock_now() - begun < DEAD_NS) {
		(void)session_read(s, asked + ASK_NS);
		if (ended(s, p->t, p->status))
			return ANSWER_ENDED;
		/* Each answer is printed twice, and the second copy may arrive late, for an older
		 * line. */
		if (last_answer(s, &bytes, &line) && (line < 0 || line >= p->line) &&
		    bytes >= p->sent && (size_t)(bytes - p->sent) <= have) {
			*taken = (size_t)(bytes - p->sent);
			return ANSWER_CAME;
		}
		if (clock_now() - asked < ASK_NS)
			continue;
		/* The line end may have been lost; then the guest is still waiting for it. */
		asked = clock_now();
		session_type(s, "\n", 1);
	}
	return ANSWER_NONE;
}

static void type_block(struct push *p, const uint8_t *buf, size_t n)
{
	/* "START END TEXT", which the checksum covers; then the line itself. */
	char covered[48 + LINE_TEXT + SERIAL_TEXT_MAX(3)];
	char line[sizeof covered + SHA256_TEXT + 32];
	char sum[SHA256_TEXT];
	int head = snprintf(covered, 48, "%ld %ld ", p->sent, p->sent + (long)n);
	size_t len = serial_encode(p->t->code, buf, n, covered + head);

	if (p->t->sum == SUM_SHELL)
		(void)snprintf(sum, sizeof sum, "%lu", (unsigned long)shell_sum(buf, n));
	else
		sum_text(p->t, covered, (size_t)head + len, sum);
	p->line++;
	int m = snprintf(line, sizeof line, "%ld %.*s%s %.*s\n", p->line, head, covered, sum,
			 (int)len, covered + head);

	session_discard(p->s);
	if (!write_all(p->s->fd, line, (size_t)m))
		p->s->gone = true;
}

/* Send the beginning of BUF (HAVE bytes) in a line of a length that the guest accepts. *TAKEN is
 * how many bytes it received; 0 if all tries failed. */
static enum answer push_block(struct push *p, const uint8_t *buf, size_t have, size_t *taken)
{
	*taken = 0;
	for (int i = 0; i < TRIES; i++) {
		type_block(p, buf, have < p->now ? have : p->now);
		enum answer says = await_answer(p, have, taken);

		if (says != ANSWER_CAME)
			return says;
		if (*taken > 0) {
			p->now = 2 * p->now < p->most ? 2 * p->now : p->most;
			return says;
		}
		p->now = p->now / 2 >= 48 ? p->now / 2 / 3 * 3 : 48;
		/* After a second loss, assume that the line exceeds the guest's buffer. */
		if (i > 0)
			p->most = p->now;
	}
	return ANSWER_CAME;
}

/* The part of the script that checks a line: it computes k, to be compared with $c. */
static void sum_script(const struct session_stream *t, char *out, size_t size)
{
	/* Compare $s with $n, and $m with $n plus the number of bytes in $d. Only octal numbers may
	 * get
	 *  into the arithmetic: anything else would end the shell.
	 */
	if (t->sum == SUM_SHELL)
		(void)snprintf(out, size,
			       "k=0 j=$n; case $d in *[!0-7\\\\]*) k=-;; *) IFS=\\\\; "
			       "for x in ${d#?}; do j=$((j+1)) k=$(( (k*251+${x:-0})%%8388593 )); "
			       "done; IFS=' ';; esac; [ \"$j\" = \"$m\" ] || k=-");
	else
		(void)snprintf(out, size, "k=$(printf %%s \"$s $m $d\" | %s)", sum_program(t));
}

static void push_script(const struct session *s, const struct session_stream *t,
			const char *command, char out[SCRIPT_MAX])
{
	char sum[256];

	sum_script(t, sum, sizeof sum);
	(void)snprintf(
		out, SCRIPT_MAX,
		PROLOGUE
		"echo \"A\"\"%s\".0.0.; while read -r i s m c d <&4 && [ \"$i\" != end ]; do "
		"%s; "
		"if [ \"$s\" = $n ] && [ \"${k%%%% *}\" = \"$c\" ]; then %s || break; n=$m; fi; "
		"echo \"A\"\"%s\".$n.$i.\"A\"\"%s\".$n.$i. >&5; done | "
		"{ ( %s ) 2>\"$e\" >/dev/null; echo $? >>\"$e\"; }; " EPILOGUE,
		s->mark, sum,
		t->code == CODE_BASE64 ? "printf %s \"$d\" | base64 -d" : "printf %b \"$d\"",
		s->mark, s->mark, command, s->mark);
}

/* Send the whole stream. ANSWER_CAME: the guest has received all of it. */
static enum answer push_all(struct push *p, struct error *err)
{
	uint8_t buf[LINE_TEXT];
	size_t have = 0;
	size_t taken = 0;
	enum answer says = await_answer(p, 0, &taken);

	while (says == ANSWER_CAME) {
		/* The input may have more bytes than fit into a line. */
		ssize_t got = have < p->most ? read_full(p->t->fd, buf + have, p->most - have) : 0;

		if (got < 0) {
			(void)error_set(err, EXIT_INTERNAL, "run the command again",
					"the stream cannot be read: %s", strerror(errno));
			return ANSWER_NONE;
		}
		have += (size_t)got;
		if (have == 0)
			break;
		says = push_block(p, buf, have, &taken);
		if (says != ANSWER_CAME)
			break;
		if (taken == 0) {
			(void)failed(err, "the serial console does not transfer a complete line");
			return ANSWER_NONE;
		}
		p->sent += (long)taken;
		have -= taken;
		memmove(buf, buf + taken, have);
		if (p->t->progress)
			p->t->progress(p->t->arg, taken);
	}
	return says;
}

/* Send the end of the stream. Unpacking, comparing and renaming may take long and print nothing;
 * but if the guest still acknowledges lines, it has not seen the end. */
static enum answer push_end(const struct push *p)
{
	struct session *s = p->s;
	uint64_t asked = 0;
	int presses = 3;
	bool again = true;
	long bytes;
	long line;

	while (!session_over(s)) {
		if (again) {
			session_discard(s);
			session_type(s, "end\n", 4);
			asked = clock_now();
		}
		(void)session_read(s, asked + ASK_NS);
		if (ended(s, p->t, p->status))
			return ANSWER_ENDED;
		again = last_answer(s, &bytes, &line) && line < 0;
		if (again || clock_now() - asked < ASK_NS)
			continue;
		asked = clock_now();
		if (presses-- > 0)
			session_type(s, "\n", 1);
	}
	return ANSWER_NONE;
}

enum session_result session_push(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err)
{
	static char script[SCRIPT_MAX];
	struct push p = {.s = s,
			 .t = t,
			 .now = FIRST_LINE,
			 .most = t->code == CODE_BASE64 ? LINE_TEXT / 4 * 3 : LINE_TEXT / 5,
			 .status = status};

	t->said[0] = '\0';
	*err = (struct error){0};
	s->w.end_ns = 0;
	session_new_mark(s);
	push_script(s, t, command, script);
	session_start_sh(s, script, "");
	enum answer says = push_all(&p, err);

	if (says == ANSWER_CAME)
		says = push_end(&p);
	if (says == ANSWER_ENDED)
		return SESSION_DONE;
	if (s->gone)
		return SESSION_GONE;
	session_interrupt(s);
	session_recover(s);
	if (!err->message[0])
		(void)failed(err, "the guest does not answer on the serial console");
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

/* Decode the block in the text into OUT (2 * PULL_BLOCK bytes). -1 if it is incomplete. */
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

	session_discard(s);
	session_type(s, line, (size_t)n);
}

/* Receive the blocks until the command has ended. */
static enum session_result pull_all(struct session *s, struct session_stream *t, int *status)
{
	uint8_t block[2 * PULL_BLOCK];
	long number = 0;
	uint64_t begun = clock_now();
	uint64_t asked = begun;

	while (!session_over(s) && clock_now() - begun < DEAD_NS) {
		(void)session_read(s, asked + ASK_NS);
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
		/* Answer a block that is a duplicate or corrupt with the number expected next.
		 * After
		 *  a silence send it too, because the previous answer may have been lost.
		 */
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
	session_new_mark(s);
	pull_script(s, t, command, script);
	session_start_sh(s, script, "");
	session_discard(s);
	enum session_result result = pull_all(s, t, status);

	if (result == SESSION_DONE || result == SESSION_GONE)
		return result;
	session_interrupt(s);
	session_recover(s);
	if (result == SESSION_FAILED)
		(void)failed(err, "the guest does not answer on the serial console");
	return result;
}
