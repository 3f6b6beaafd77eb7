/* prompt.c - see prompt.h. */
#include "console/prompt.h"

#include <stdio.h>
#include <string.h>

enum { NO_ESCAPE, ESCAPE, CSI };

static const char *const names[] = {
	[PROMPT_NONE] = "busy", [PROMPT_MAYBE] = "maybe", [PROMPT_SHOWN] = "prompt"};

/* Keys that edit a line: ^A ^B ^E ^F ^H tab ^K ^L ^T ^U ^W ^Y. Any other control character may
 * have submitted it. */
static const char editing[] = "\001\002\005\006\010\011\013\014\024\025\027\031";

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text);
	size_t m = strlen(end);

	return m > 0 && n >= m && memcmp(text + n - m, end, m) == 0;
}

bool prompt_looks(const char *line)
{
	size_t n = strlen(line);

	if (ends_with(line, "activate this console. ")) /* BusyBox init, askfirst */
		return true;
	/* "db=# " is psql's prompt, "#### " a progress bar. */
	return (ends_with(line, "# ") || ends_with(line, "$ ")) &&
	       (n == 2 || !strchr("#$=-*(", line[n - 3]));
}

static bool is_login(const char *line)
{
	return ends_with(line, "login: ") || ends_with(line, "login:");
}

static bool is_known(const struct prompt *p)
{
	for (size_t i = 0; i < PROMPT_KNOWN; i++)
		if (ends_with(p->line, p->known[i]))
			return true;
	return false;
}

static bool may_be_one(const struct prompt *p)
{
	return prompt_looks(p->line) || is_known(p);
}

static void show(struct prompt *p)
{
	p->shown = p->ever = true;
}

/* The last line becomes a prompt if nothing has followed it until NOW. */
static void update(struct prompt *p, uint64_t now_ns)
{
	if (p->shown || p->placed || now_ns < p->last_ns + PROMPT_QUIET_NS)
		return;
	if (p->half ? p->early >= p->echo && p->early > 0 : may_be_one(p))
		show(p);
	p->early = 0;
}

static void append(struct prompt *p, const uint8_t *text, size_t n)
{
	if (n >= sizeof p->line) {
		text += n - (sizeof p->line - 1);
		n = sizeof p->line - 1;
	}
	if (p->len + n >= sizeof p->line) {
		size_t drop = p->len + n - (sizeof p->line - 1);

		memmove(p->line, p->line + drop, p->len - drop);
		p->len -= drop;
	}
	memcpy(p->line + p->len, text, n);
	p->len += n;
	p->line[p->len] = '\0';
}

/* Printable output. Kernel messages directly after a known login prompt do not end it. */
static void take(struct prompt *p, const uint8_t *text, size_t n)
{
	const uint8_t *end = text + n;
	const uint8_t *line = text;
	const uint8_t *login;
	size_t len = strlen(p->login);

	while (end > text && end[-1] != '\n' && end[-1] != '\r')
		end--;
	if (!p->shown && len > 0 && !p->half)
		for (; (login = memmem(line, (size_t)(text + n - line), p->login, len)) != NULL;
		     line = login + 1)
			if (login == text ? p->len == 0 : login[-1] == '\n' || login[-1] == '\r')
				show(p);
	p->echo += n;
	if (end > text) {
		p->early = 0;
		p->len = 0;
		p->line[0] = '\0';
		p->placed = false;
	}
	append(p, end, (size_t)(text + n - end));
}

/* The N bytes before END are a sequence that moves the cursor. Moves to the screen's first column
 * and row, or with everything after it erased (`clear`), begin an ordinary line. */
static void move(struct prompt *p, const uint8_t *end, size_t n)
{
	bool clear = n > 0 && (end[-1] == 'J' || (n > 1 && end[-1] == 'H' && end[-2] == '['));

	if (!clear)
		p->placed = true;
	p->len = 0;
	p->line[0] = '\0';
}

/* N bytes at SEQUENCE print nothing. When a program leaves the alternate screen (xterm's ?1049l),
 * the shell's prompt follows directly. */
static void pass(struct prompt *p, const uint8_t *sequence, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		memmove(p->left, p->left + 1, sizeof p->left - 1);
		p->left[sizeof p->left - 1] = (char)sequence[i];
		if (memcmp(p->left, "?1049l", sizeof p->left) != 0)
			continue;
		p->placed = false;
		p->len = 0;
		p->line[0] = '\0';
	}
}

void prompt_output(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns)
{
	update(p, now_ns);
	for (size_t used; n > 0; buf += used, n -= used) {
		const uint8_t *text;
		size_t len;

		used = console_text_next(&p->strip, buf, n, &text, &len);
		if (len > 0 && text >= buf && text < buf + n)
			take(p, text, len);
		else if (len > 0)
			move(p, buf + used, used);
		else
			pass(p, buf, used);
	}
	p->last_ns = now_ns;
	if (p->half || p->placed || !is_login(p->line))
		return;
	show(p);
	if (!p->login[0])
		(void)snprintf(p->login, sizeof p->login, "%s", p->line);
}

static void enter(struct prompt *p)
{
	p->shown = p->half = false;
	p->early = 0;
	p->ever = true;
	/* The last line was printed before this input, so it is not a new prompt. */
	p->len = 0;
	p->line[0] = '\0';
}

static void key(struct prompt *p, uint8_t c)
{
	/* Terminal replies, and cursor keys. */
	if (c < ' ' && c != 033)
		p->escape = NO_ESCAPE;
	if (p->escape == ESCAPE) {
		p->escape = c == '[' || c == 'O' ? CSI : NO_ESCAPE;
	} else if (p->escape == CSI) {
		p->escape = c >= '@' ? NO_ESCAPE : CSI;
	} else if (c == 033) {
		p->escape = ESCAPE;
	} else if (c >= ' ') {
		p->half = true;
	} else if (c == 0 || !strchr(editing, c)) {
		enter(p);
	}
}

void prompt_input(struct prompt *p, const uint8_t *buf, size_t n, uint64_t now_ns)
{
	update(p, now_ns);
	bool early = p->early > 0 || (!p->shown && !p->half && !p->placed && may_be_one(p));

	if (p->early == 0)
		p->echo = 0;
	if (early)
		p->early += n;
	for (size_t i = 0; i < n; i++)
		key(p, buf[i]);
}

void prompt_reset(struct prompt *p)
{
	p->shown = p->ever = p->half = p->placed = false;
	p->escape = NO_ESCAPE;
	p->early = 0;
	p->len = 0;
	p->line[0] = '\0';
	memset(&p->strip, 0, sizeof p->strip);
}

void prompt_login(struct prompt *p)
{
	p->half = false;
	show(p);
}

void prompt_loaded(struct prompt *p, enum prompt_state state, const char *line, uint64_t now_ns)
{
	prompt_reset(p);
	p->shown = state == PROMPT_SHOWN;
	p->ever = true;
	p->last_ns = now_ns;
	if (state == PROMPT_MAYBE && !line[0])
		line = "# ";
	if (state != PROMPT_NONE || !prompt_looks(line))
		append(p, (const uint8_t *)line, strlen(line));
}

void prompt_learn(struct prompt *p, const char *text)
{
	for (size_t i = 0; i < PROMPT_KNOWN; i++)
		if (strcmp(p->known[i], text) == 0)
			return;
	(void)snprintf(p->known[p->known_next], PROMPT_LINE, "%s", text);
	p->known_next = (p->known_next + 1) % PROMPT_KNOWN;
}

void prompt_seen(struct prompt *p, const char *text)
{
	if (p->len > 0 && !p->half && !p->placed && strcmp(p->line, text) == 0)
		show(p);
}

bool prompt_shown(struct prompt *p, uint64_t now_ns)
{
	update(p, now_ns);
	return p->shown;
}

enum prompt_state prompt_state(struct prompt *p, uint64_t now_ns)
{
	if (prompt_shown(p, now_ns))
		return PROMPT_SHOWN;
	struct prompt later = *p;

	return prompt_shown(&later, p->last_ns + PROMPT_QUIET_NS) ? PROMPT_MAYBE : PROMPT_NONE;
}

const char *prompt_line(const struct prompt *p)
{
	bool known = p->shown ? is_login(p->line) || may_be_one(p) : !p->half;

	return known && !p->placed ? p->line : "";
}

const char *prompt_state_name(enum prompt_state state)
{
	return names[state];
}

enum prompt_state prompt_state_named(const char *name)
{
	for (int i = PROMPT_MAYBE; name && i <= PROMPT_SHOWN; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum prompt_state)i;
	return PROMPT_NONE;
}
