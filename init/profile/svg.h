/* svg.h - drawing primitives of a report's pictures: SVG 1.1 elements, a style that follows the
 * reader's light or dark setting, and axes with round ticks.
 *
 * Colours are classes, never attributes: the style defines each of them twice, and a program that
 * does not support prefers-color-scheme (librsvg) uses the light ones. Lengths are pixels.
 */
#ifndef VM_PROFILE_SVG_H
#define VM_PROFILE_SVG_H

#include "format/text.h"

/* An upper estimate of the average width of a character. */
#define SVG_CHARACTER 7.2

/* Series colours: classes c0 to c7 (Okabe and Ito's palette for the colour-blind). */
#define SVG_COLOURS 8

/* Begin a picture of W by H; TITLE is displayed and read by screen readers, SUBTITLE is below it.
 */
void svg_begin(struct text *t, double w, double h, const char *title, const char *subtitle);
void svg_end(struct text *t);

/* KLASS is a class of the style: fg, mute, grid, c0, ...; SAY, unless NULL, is the tooltip. */
void svg_rect(struct text *t, double x, double y, double w, double h, const char *klass,
	      const char *say);
void svg_line(struct text *t, double x1, double y1, double x2, double y2, const char *klass);
void svg_dot(struct text *t, double x, double y, double r, const char *klass, const char *say);
/* ANCHOR is start, middle or end. */
void svg_text(struct text *t, double x, double y, const char *klass, const char *anchor,
	      const char *words);

/* A linear scale: LOW and HIGH, which must differ, are at the pixels A and B. */
struct scale {
	double low, high, a, b;
};
double scale_at(const struct scale *s, double value);
/* The distance of about COUNT ticks: 1, 2 or 5 times a power of ten. */
double scale_step(const struct scale *s, int count);
/* Vertical grid lines from TOP to BOTTOM at the ticks of S, with their values below; milliseconds,
 * shown as seconds if they are large. */
void svg_time_axis(struct text *t, const struct scale *s, double top, double bottom);

#endif
