/* run.h - a vm command that runs for a session (run.c, files.c). */
#ifndef VM_WEB_RUN_H
#define VM_WEB_RUN_H

#include "web/web.h"

struct run {
	struct task *task;
	struct buffer text; /* its output so far */
	void (*done)(struct session *s, const char *text);
	bool streams; /* the client takes one */
	bool started; /* of a stream: the answer has begun */
};

/* Start a command; NULL: an error was answered. It ends with its session. */
struct run *run_start(struct session *s, enum web_op op, const char *const *texts,
		      task_output *output, task_done *done);
/* The command has ended: free T. */
struct run *run_over(struct task *t);
void run_free(struct session *s);
/* Append its output to its text. */
void run_keep(struct task *t, const char *data, size_t n);
/* The client can receive more. */
void run_resume(struct session *s);

#endif
