/* top_draw.c - vm top's picture (top.h). It is made for 80 by 24 and shrinks down to one line. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/colour.h"
#include "base/escape.h"
#include "vm/top.h"

enum { NAME_MAX_COLUMNS = 18, TIME_COLUMNS = 18, BAR_MIN = 8, CONSOLE_MIN = 6, TEXT = 1600 };

#define NO_COLOUR (-1)

struct frame {
	char *buf;
	size_t size, used;
	int rows, columns; /* unused rows */
	bool colour;
};

/* The number of bytes of the escaped TEXT that fill at most COLUMNS columns; *SEEN is how many they
 * fill. */
static size_t fit(const char *text, int columns, int *seen)
{
	size_t n = strlen(text);
	size_t at = 0;

	*seen = 0;
	while (at < n) {
		size_t len = utf8_length((const unsigned char *)text + at, n - at);
		int width =
			len > 1 ? wcwidth((wchar_t)utf8_get((const unsigned char *)text + at, len))
				: 1;

		if (width < 0)
			width = 1;
		if (*seen + width > columns)
			break;
		*seen += width;
		at += len ? len : 1;
	}
	return at;
}

static void put(struct frame *f, const char *text, size_t n)
{
	if (n >= f->size - f->used)
		return;
	memcpy(f->buf + f->used, text, n);
	f->used += n;
	f->buf[f->used] = '\0';
}

/* Draw one line: TEXT, escaped and cut, with its bytes from BEGIN to END in COLOUR. */
static void line(struct frame *f, int colour, size_t begin, size_t end, const char *text, size_t n)
{
	char clean[TEXT * ESCAPE_MAX];
	int seen;

	if (f->rows <= 0)
		return;
	if (n > TEXT - 1)
		n = TEXT - 1;
	(void)escape_text(text, n, "", clean, sizeof clean);
	size_t len = fit(clean, f->columns, &seen);

	if (f->used > 0)
		put(f, "\n", 1);
	f->rows--;
	if (end > len)
		end = len;
	if (colour == NO_COLOUR || !f->colour || begin >= end) {
		put(f, clean, len);
		return;
	}
	const char *sequence = colour_begin((enum colour)colour);

	put(f, clean, begin);
	put(f, sequence, strlen(sequence));
	put(f, clean + begin, end - begin);
	put(f, colour_end, strlen(colour_end));
	put(f, clean + end, len - end);
}

static void __attribute__((format(printf, 5, 6)))
print(struct frame *f, int colour, size_t begin, size_t end, const char *fmt, ...)
{
	char text[TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	line(f, colour, begin, end, text, strlen(text));
}

/* Draw a title followed by a rule. */
static void rule(struct frame *f, const char *title)
{
	char text[TOP_COLUMNS_MAX + 1];
	int n = snprintf(text, sizeof text, "-- %s ", title);

	while (n < f->columns && n < TOP_COLUMNS_MAX)
		text[n++] = '-';
	text[n] = '\0';
	line(f, COLOUR_CYAN, 0, (size_t)n, text, (size_t)n);
}

static const char *bytes(long long n, char out[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)n;
	size_t unit = 0;

	if (n < 0)
		return "-";
	for (; value >= 1024 && unit < 4; unit++)
		value /= 1024;
	(void)snprintf(out, 24, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

/* Draw two texts, one at each end of the line, if both fit. */
static void head(struct frame *f, const struct top *t)
{
	char left[512];
	char right[40];
	long up = (long)(t->up_ms / 1000);
	int state = (int)strlen(t->state);
	int n = snprintf(left, sizeof left, "%s  %s", t->state, t->why);
	int m = snprintf(right, sizeof right, "up %ld:%02ld:%02ld", up / 3600, up / 60 % 60,
			 up % 60);
	int gap = f->columns - n - m;
	int colour = t->ready ? COLOUR_GREEN : COLOUR_YELLOW;

	if (gap < 2)
		print(f, colour, 0, (size_t)state, "%s", left);
	else
		print(f, colour, 0, (size_t)state, "%s%*s%s", left, gap, "", right);
}

static void facts(struct frame *f, const struct top *t)
{
	char rss[24];
	char disk[24];
	char came[24];
	char cpu[24] = "-";

	if (t->cpu_percent >= 0)
		(void)snprintf(cpu, sizeof cpu, "%.0f %%", t->cpu_percent);
	print(f, NO_COLOUR, 0, 0, "qemu     CPU %s  RSS %s  %s %s, pid %ld", cpu,
	      bytes(t->rss_bytes, rss), t->qemu[0] ? t->qemu : "starts", t->accelerator,
	      (long)t->pid);
	print(f, NO_COLOUR, 0, 0, "guest    %s, %lld MiB, %lld CPU%s%s%s", t->guest, t->ram_mb,
	      t->cpus, t->cpus == 1 ? "" : "s", t->boot[0] ? ", " : "", t->boot);
	if (t->disk[0])
		print(f, NO_COLOUR, 0, 0, "disk     %s  %s", bytes(t->disk_bytes, disk), t->disk);
	if (t->network[0])
		print(f, NO_COLOUR, 0, 0, "network  %s", t->network);
	print(f, NO_COLOUR, 0, 0, "console  %s, %lld client%s", bytes(t->console_bytes, came),
	      t->clients, t->clients == 1 ? "" : "s");
}

/* Draw one phase. Its bar covers the time from the previous phase to this one, on a scale of ALL
 * ms. */
static void phase(struct frame *f, const char *name, double from, double to, double all, bool goes)
{
	char text[TOP_COLUMNS_MAX * 2];
	char bar[TOP_COLUMNS_MAX + 1];
	char label[3 * NAME_MAX_COLUMNS + 1];
	int columns = f->columns - NAME_MAX_COLUMNS - TIME_COLUMNS - 2;

	(void)snprintf(label, sizeof label, "%-*.*s", NAME_MAX_COLUMNS - 1, NAME_MAX_COLUMNS - 1,
		       name);
	if (columns < BAR_MIN) {
		print(f, NO_COLOUR, 0, 0, "%s %.2f s", name, to / 1000);
		return;
	}
	int begin = all > 0 ? (int)(from / all * columns) : 0;
	int end = all > 0 ? (int)(to / all * columns + 0.5) : 0;

	if (end > columns)
		end = columns;
	if (begin >= end)
		begin = end > 0 ? end - 1 : 0;
	for (int i = 0; i < columns; i++)
		bar[i] = i < begin || i >= end ? '.' : goes ? '>' : '#';
	bar[columns] = '\0';
	int n = snprintf(text, sizeof text, "%s %s %7.2f s ", label, bar, to / 1000);

	(void)snprintf(text + n, sizeof text - (size_t)n, "%+6.2f", (to - from) / 1000);
	line(f, goes ? COLOUR_YELLOW : COLOUR_GREEN, strlen(label) + 1,
	     strlen(label) + 1 + (size_t)columns, text, strlen(text));
}

static void phases(struct frame *f, const struct top *t, int rows)
{
	size_t shown = t->phase_count;
	double last = shown ? t->phases[shown - 1].ms : 0;
	bool goes = !t->ready && strcmp(t->state, "running") == 0;
	double all = goes ? t->up_ms : last;
	size_t first = 0;

	if (t->ready && t->ready_ms > all)
		all = t->ready_ms;
	if (shown + (goes ? 1 : 0) > (size_t)rows)
		first = shown + (goes ? 1 : 0) - (size_t)rows;
	for (size_t i = first; i < shown; i++)
		phase(f, t->phases[i].name, i > 0 ? t->phases[i - 1].ms : 0, t->phases[i].ms, all,
		      false);
	if (goes)
		phase(f, "...", last, t->up_ms, all, true);
	else if (shown == 0)
		print(f, NO_COLOUR, 0, 0, "%s", "none yet");
}

static void console(struct frame *f, const struct top_tail *tail)
{
	size_t rows = f->rows > 0 ? (size_t)f->rows : 0;
	size_t len;
	const char *text = top_tail_line(tail, 0, &len);

	/* An empty last line is where the next line will be. */
	size_t back = text && len == 0 ? 1 : 0;

	for (size_t i = rows; i-- > 0;) {
		text = top_tail_line(tail, back + i, &len);
		if (text)
			line(f, NO_COLOUR, 0, 0, text, len);
	}
}

size_t top_draw(const struct top *t, const struct top_tail *tail, int rows, int columns,
		bool colour, char *buf, size_t size)
{
	struct frame f = {.buf = buf, .size = size, .columns = columns, .colour = colour};

	if (rows > TOP_ROWS_MAX)
		rows = TOP_ROWS_MAX;
	if (f.columns > TOP_COLUMNS_MAX)
		f.columns = TOP_COLUMNS_MAX;
	f.rows = rows;
	buf[0] = '\0';
	head(&f, t);
	facts(&f, t);
	/* The phases get as many lines as they need, up to half of the rest or all but a few lines
	 * for the console, whichever is more. */
	int needed = (int)t->phase_count + (t->ready ? 0 : 1);
	int most = f.rows - CONSOLE_MIN - 2;

	if (most < f.rows / 2 - 1)
		most = f.rows / 2 - 1;
	if (needed < 1)
		needed = 1;
	if (most >= 1) {
		rule(&f, "phases");
		phases(&f, t, needed < most ? needed : most);
	}
	if (f.rows >= 2)
		rule(&f, "console");
	console(&f, tail);
	return f.used;
}
