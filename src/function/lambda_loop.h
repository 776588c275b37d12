/*
 * AWS Lambda's Runtime API: what `bootstrap` speaks. The only place, with its .c file, that knows
 * Lambda and S3 by name.
 *
 * next -> (response | error) -> next, one request at a time. Environment (docs/functions.md):
 * AWS_LAMBDA_RUNTIME_API, AWS_LAMBDA_FUNCTION_NAME, AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
 * LAMBDA_TASK_ROOT, those of the Invoke API and of S3, and FANFOLD_BUNDLE, FANFOLD_FUNCTION,
 * FANFOLD_STORE, FANFOLD_PREFIX, FANFOLD_THREADS, FANFOLD_PROBE. Every one may be missing.
 */
#ifndef FF_FUNCTION_LAMBDA_LOOP_H
#define FF_FUNCTION_LAMBDA_LOOP_H

#include "function/function.h"

/* Is there a Runtime API to speak to? */
bool ff_lambda_loop_wanted(void);
/* Serves until the process is stopped; returns the exit code when that cannot go on: 1 after a
 * failed init (reported to the platform) and after an answer that the platform did not take. */
int ff_lambda_loop(void);

/* CPUs that so much memory gives: 1769 MB are one, rounded up; at least 1, at most cpus. */
int ff_lambda_threads(int64_t memory_mb, int cpus);

#endif
