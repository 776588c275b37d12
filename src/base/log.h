/*
 * Logs go to stderr, one line each, whole lines from any thread.
 * Text for a person; JSON objects where FANFOLD_LOG=json. Never a credential, never tensor bytes.
 */
#ifndef FF_BASE_LOG_H
#define FF_BASE_LOG_H

#include <stdbool.h>

typedef enum ff_log_level { FF_LOG_DEBUG, FF_LOG_INFO, FF_LOG_WARN, FF_LOG_ERROR } ff_log_level;

void ff_log_init(const char *program, ff_log_level level, bool json);
/* Thread-local: the request id that the following lines carry ("" = none). */
void ff_log_request(const char *request_id);
void ff_log(ff_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
