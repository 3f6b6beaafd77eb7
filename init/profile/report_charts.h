/* report_charts.h - what the pictures of a report have in common. */
#ifndef VM_PROFILE_REPORT_CHARTS_H
#define VM_PROFILE_REPORT_CHARTS_H

#include "profile/report.h"

/* WHAT, and of what it was measured, into BUF. */
void chart_subtitle(const struct report *r, const char *what, char *buf, size_t size);

#endif
