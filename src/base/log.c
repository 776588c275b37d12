#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

static const char *program_name = "fanfold";
static ff_log_level lowest = FF_LOG_INFO;
static bool as_json;
static _Thread_local char request[80];

void ff_log_init(const char *program, ff_log_level level, bool json)
{
    program_name = program;
    lowest = level;
    as_json = json;
}

void ff_log_request(const char *request_id)
{
    snprintf(request, sizeof request, "%s", request_id);
}

static void write_line(const ff_buf *line)
{
    /* one write: lines of several threads and processes stay whole */
    ssize_t ignored = write(STDERR_FILENO, line->data, line->len);
    (void)ignored;
}

static void log_json(const char *level, const char *message)
{
    char now[40];
    ff_clock_iso(ff_clock_wall_ms(), now, sizeof now);
    ff_buf line;
    ff_buf_init(&line, 0);
    if (!ff_buf_printf(&line, NULL, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"", now,
                       level, program_name) &&
        !ff_buf_text(&line, ",\"requestId\":", NULL) &&
        !ff_json_quote(request, strlen(request), &line, NULL) &&
        !ff_buf_text(&line, ",\"message\":", NULL) &&
        !ff_json_quote(message, strlen(message), &line, NULL) && !ff_buf_text(&line, "}\n", NULL))
        write_line(&line);
    ff_buf_clean(&line);
}

void ff_log(ff_log_level level, const char *fmt, ...)
{
    static const char *const NAMES[] = {"debug", "info", "warning", "error"};
    if (level < lowest)
        return;
    char message[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (as_json) {
        log_json(NAMES[level], message);
        return;
    }
    ff_buf line;
    ff_buf_init(&line, 0);
    if (!ff_buf_printf(&line, NULL, "%s: %s%s%s%s%s\n", program_name,
                       level == FF_LOG_INFO ? "" : NAMES[level], level == FF_LOG_INFO ? "" : ": ",
                       request[0] ? request : "", request[0] ? ": " : "", message))
        write_line(&line);
    ff_buf_clean(&line);
}
