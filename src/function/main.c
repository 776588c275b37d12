/* fanfold-function: what runs in every function. The environment says what it is. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "function/lambda_loop.h"

/* Payloads and tensors of some MB come and go with every request: freed memory is kept, because
 * fresh pages cost as much as encoding what goes into them (bench/bench_envelope). */
#define KEEP_BYTES (256 << 20)
#define MMAP_BYTES (32 << 20) /* glibc's largest */

static const char USAGE[] =
    "fanfold-function " FF_VERSION "\n"
    "\n"
    "A master or worker of a fanfold deployment. It is started by the platform that it is "
    "deployed\n"
    "(fanfold up does) and tells it by its environment what to serve: see\n"
    "docs/functions.md.\n";

static ff_log_level level_from_env(void)
{
    static const char *const NAMES[] = {"debug", "info", "warning", "error"};
    const char *wanted = getenv("FANFOLD_LOG_LEVEL");
    for (int i = 0; wanted && i < 4; i++)
        if (!strcmp(wanted, NAMES[i]))
            return (ff_log_level)i;
    return FF_LOG_INFO;
}

int main(int argc, char **argv)
{
    const char *log = getenv("FANFOLD_LOG");
    if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "--help"))) {
        fputs(USAGE, stdout);
        return 0;
    }
    ff_log_init("fanfold-function", level_from_env(), log && !strcmp(log, "json"));
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    if (ff_lambda_loop_wanted())
        return ff_lambda_loop();
    fputs(USAGE, stderr);
    fputs("fanfold-function: no platform: the environment names no runtime to speak to\n", stderr);
    return ff_code_exit(FF_USAGE);
}
