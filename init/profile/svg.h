/* svg.h - what the pictures of a report are drawn with: SVG 1.1 elements, a style that follows the
 * reader's light or dark setting, and axes with round ticks.
 *
 * Colours are classes, never attributes: the style has each of them twice, and a program that knows
 * nothing of prefers-color-scheme (librsvg) takes the light ones. Lengths are pixels.
 */
#ifndef VM_PROFILE_SVG_H
#define VM_PROFILE_SVG_H

#include "format/text.h"

/* Series colours: classes c0 to c7 (Okabe and Ito's, which the colour-blind can tell apart). */
#define SVG_COLOURS 8

/* Begin a picture of W by H; TITLE is shown and read out, SUBTITLE stands below it. */
void svg_begin(struct text *t, double w, double h, const char *title, const char *subtitle);
void svg_end(struct text *t);

/* KLASS is one of the style's: fg, mute, grid, c0, ...; SAY, unless NULL, is shown at the pointer.
 */
void svg_rect(struct text *t, double x, double y, double w, double h, const char *klass,
	      const char *say);
void svg_line(struct text *t, double x1, double y1, double x2, double y2, const char *klass);
void svg_dot(struct text *t, double x, double y, double r, const char *klass, const char *say);
/* ANCHOR is start, middle or end. */
void svg_text(struct text *t, double x, double y, const char *klass, const char *anchor,
	      const char *words);

/* A linear scale: LOW and HIGH, which differ, are at the pixels A and B. */
struct scale {
	double low, high, a, b;
};
double scale_at(const struct scale *s, double value);
/* The distance of ticks that makes about COUNT of them: 1, 2 or 5 times a power of ten. */
double scale_step(const struct scale *s, int count);
/* Vertical grid lines from TOP to BOTTOM at the ticks of S, with their values below; milliseconds,
 * shown as seconds where they are many. */
void svg_time_axis(struct text *t, const struct scale *s, double top, double bottom);

#endif
