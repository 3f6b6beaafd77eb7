/* metrics.h - the state of a guest in OpenMetrics text format (openmetrics.io, 1.0). */
#ifndef VM_FORMAT_METRICS_H
#define VM_FORMAT_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* Counters of vm-web itself. */
struct web_counts {
	unsigned long long connections, requests, refused, limited, failed, slow;
	unsigned long long console_clients, console_bytes;
};

/* STATUS (N bytes; changed) is the document of `vm status --json`, USAGE what WEB_USAGE brings
 * (proto/web.h) or "", TICKS and PAGE the units of its line of /proc/PID/stat, BLOCKS what QEMU's
 * monitor says to `info blockstats` or "". Into OUT. False: STATUS is no such document, or OUT is
 * too small. */
bool metrics_write(char *status, size_t n, const char *usage, long ticks, long page,
		   const char *blocks, const struct web_counts *counts, char *out, size_t size);

#endif
