/* svg.c - see svg.h. */
#include "profile/svg.h"

#include <math.h>
#include <stdio.h>

static const char style[] =
	"<style>\n"
	"text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328 }\n"
	".title { font-size: 16px; font-weight: 600 }\n"
	".small { font-size: 11px }\n"
	".mute { fill: #59636e } .bg { fill: #ffffff } .fg { fill: #1f2328 }\n"
	".grid { stroke: #d8dee4 } .axis, .whisker { stroke: #59636e }\n"
	".median { stroke: #1f2328; stroke-width: 2 }\n"
	".box { fill: #56b4e9; fill-opacity: .45; stroke: #0072b2 }\n"
	".out { fill: none; stroke: #d55e00; stroke-width: 1.6 }\n"
	".mark { fill: #1f2328; fill-opacity: .65 }\n"
	".c0 { fill: #0072b2 } .c1 { fill: #e69f00 } .c2 { fill: #009e73 } .c3 { fill: #cc79a7 }\n"
	".c4 { fill: #56b4e9 } .c5 { fill: #d55e00 } .c6 { fill: #b3a200 } .c7 { fill: #8c8c8c }\n"
	".s0 { stroke: #0072b2 } .s1 { stroke: #e69f00 } .s2 { stroke: #009e73 } "
	".s3 { stroke: #cc79a7 }\n"
	".s4 { stroke: #56b4e9 } .s5 { stroke: #d55e00 } .s6 { stroke: #b3a200 } "
	".s7 { stroke: #8c8c8c }\n"
	".pale { fill-opacity: .5 }\n"
	".series { stroke-width: 2 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"text { fill: #e6edf3 }\n"
	".mute { fill: #9198a1 } .bg { fill: #0d1117 } .fg { fill: #e6edf3 }\n"
	".grid { stroke: #2a313c } .axis, .whisker { stroke: #9198a1 }\n"
	".median { stroke: #ffffff } .mark { fill: #ffffff }\n"
	".box { stroke: #56b4e9 } .out { stroke: #ff8c42 }\n"
	".c0 { fill: #3d9bdc } .c6 { fill: #f0e442 } .c7 { fill: #a8a8a8 }\n"
	".s0 { stroke: #3d9bdc } .s6 { stroke: #f0e442 } .s7 { stroke: #a8a8a8 }\n"
	"}\n"
	"</style>\n";

void svg_begin(struct text *t, double w, double h, const char *title, const char *subtitle)
{
	text_add(t,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		 "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>",
		 w, h, w, h);
	text_add_xml(t, title);
	text_add(t, "</title>\n%s", style);
	svg_rect(t, 0, 0, w, h, "bg", NULL);
	svg_text(t, 16, 26, "title", "start", title);
	svg_text(t, 16, 44, "mute", "start", subtitle);
}

void svg_end(struct text *t)
{
	text_add(t, "</svg>\n");
}

/* End an element, with an optional tooltip. */
static void close_element(struct text *t, const char *name, const char *say)
{
	if (!say) {
		text_add(t, "/>\n");
		return;
	}
	text_add(t, "><title>");
	text_add_xml(t, say);
	text_add(t, "</title></%s>\n", name);
}

void svg_rect(struct text *t, double x, double y, double w, double h, const char *klass,
	      const char *say)
{
	text_add(t, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"%s\"", x, y,
		 w, h, klass);
	close_element(t, "rect", say);
}

void svg_line(struct text *t, double x1, double y1, double x2, double y2, const char *klass)
{
	text_add(t, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" class=\"%s\"/>\n", x1,
		 y1, x2, y2, klass);
}

void svg_dot(struct text *t, double x, double y, double r, const char *klass, const char *say)
{
	text_add(t, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" class=\"%s\"", x, y, r, klass);
	close_element(t, "circle", say);
}

void svg_text(struct text *t, double x, double y, const char *klass, const char *anchor,
	      const char *words)
{
	text_add(t, "<text x=\"%.2f\" y=\"%.2f\" class=\"%s\" text-anchor=\"%s\">", x, y, klass,
		 anchor);
	text_add_xml(t, words);
	text_add(t, "</text>\n");
}

double scale_at(const struct scale *s, double value)
{
	return s->a + (value - s->low) / (s->high - s->low) * (s->b - s->a);
}

double scale_step(const struct scale *s, int count)
{
	double rough = (s->high - s->low) / count;
	double power = pow(10, floor(log10(rough)));
	double times = rough / power;

	return (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10) * power;
}

void svg_time_axis(struct text *t, const struct scale *s, double top, double bottom)
{
	double step = scale_step(s, 8);
	bool seconds = s->high >= 10000;
	double unit = seconds ? 1000 : 1;
	int digits = step / unit >= 1 ? 0 : (int)ceil(-log10(step / unit) - 1e-9);
	long last = (long)floor(s->high / step + 1e-9);
	char words[48];

	for (long i = (long)ceil(s->low / step - 1e-9); i <= last; i++) {
		double x = scale_at(s, (double)i * step);

		(void)snprintf(words, sizeof words, "%.*f", digits, (double)i * step / unit);
		svg_line(t, x, top, x, bottom, "grid");
		svg_text(t, x, bottom + 16, "small mute", "middle", words);
	}
	svg_line(t, s->a, bottom, s->b, bottom, "axis");
	svg_text(t, s->b, bottom + 32, "small mute", "end",
		 seconds ? "seconds since the start of QEMU"
			 : "milliseconds since the start of QEMU");
}
