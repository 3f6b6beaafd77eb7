/* error.c - see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#undef error_set /* the macro for the analyzer (error.h) */
#undef errors_add

static void error_fill(struct error *err, enum exit_status status, const char *fix, const char *fmt,
		       va_list ap)
{
	err->status = status;
	(void)vsnprintf(err->message, sizeof err->message, fmt, ap);
	(void)snprintf(err->fix, sizeof err->fix, "%s", fix ? fix : "");
}

bool error_set(struct error *err, enum exit_status status, const char *fix, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return false;
	va_start(ap, fmt);
	error_fill(err, status, fix, fmt, ap);
	va_end(ap);
	return false;
}

bool errors_add(struct errors *list, enum exit_status status, const char *fix, const char *fmt, ...)
{
	va_list ap;

	if (list->count < ERRORS_MAX) {
		va_start(ap, fmt);
		error_fill(&list->list[list->count], status, fix, fmt, ap);
		va_end(ap);
	}
	list->count++;
	return false;
}

bool errors_append(struct errors *list, const struct error *err)
{
	if (list->count < ERRORS_MAX)
		list->list[list->count] = *err;
	list->count++;
	return false;
}

enum exit_status errors_status(const struct errors *list)
{
	return list->count ? list->list[0].status : EXIT_CLEAN;
}

void error_report(const struct error *err)
{
	log_error("%s", err->message);
	if (err->fix[0])
		log_line(LOG_ERROR, "  fix: ", "%s", err->fix);
}

void warnings_report(const struct errors *list)
{
	for (size_t i = 0; i < list->count && i < ERRORS_MAX; i++) {
		log_warning("%s", list->list[i].message);
		if (list->list[i].fix[0])
			log_line(LOG_WARNING, "  fix: ", "%s", list->list[i].fix);
	}
}

void errors_report(const struct errors *list)
{
	for (size_t i = 0; i < list->count && i < ERRORS_MAX; i++)
		error_report(&list->list[i]);
	if (list->count > ERRORS_MAX)
		log_error("and %zu more errors", list->count - ERRORS_MAX);
}
