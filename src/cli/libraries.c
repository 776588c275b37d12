#include "cli/libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#define MAX_TRACE_BYTES 65536u
#define TRACE_MS        5000

/* What every Lambda runtime has: glibc's own files. */
static bool is_of_libc(const char *path)
{
    static const char *const NAMES[] = {"ld-linux", "libc.so",       "libm.so",      "libdl.so",
                                        "librt.so", "libpthread.so", "libresolv.so", "libutil.so"};
    const char *name = ff_path_base(path);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strncmp(name, NAMES[i], strlen(NAMES[i])))
            return true;
    return false;
}

/* In the child: never returns. */
static void trace(const char *program, int out)
{
    char *const argv[] = {(char *)(uintptr_t)program, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
    execv(program, argv);
    _exit(127);
}

static ff_code read_all(int fd, ff_buf *text, ff_err *err)
{
    int64_t deadline = ff_clock_deadline_ms(TRACE_MS);
    for (;;) {
        char chunk[4096];
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        double left_ms = ff_clock_ms(deadline - ff_clock_now_ns());
        if (left_ms <= 0)
            return ff_err_set(err, FF_TIMEOUT, "the loader did not answer within %d ms", TRACE_MS);
        if (poll(&wait, 1, (int)left_ms + 1) <= 0)
            continue;
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno != EINTR)
            return ff_err_errno(err, errno, "", "cannot read what the loader tells");
        if (got == 0)
            return FF_OK;
        ff_code code = got > 0 ? ff_buf_append(text, chunk, (size_t)got, err) : FF_OK;
        if (code)
            return code;
    }
}

static ff_code ask_loader(const char *program, ff_buf *text, ff_err *err)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC))
        return ff_err_errno(err, errno, "", "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        trace(program, ends[1]);
    close(ends[1]);
    ff_code code = pid < 0 ? ff_err_errno(err, errno, "", "cannot start a process")
                           : read_all(ends[0], text, err);
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL); /* it has ended, or has no business to go on */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    return code;
}

ff_code ff_cli_libraries(const char *program, ff_arena *arena, const char *const **out, ff_err *err)
{
    const char **list = ff_arena_array(arena, FF_CLI_MAX_LIBRARIES + 1, sizeof *list);
    int count = 0;
    ff_buf text;
    ff_buf_init(&text, MAX_TRACE_BYTES);
    ff_code code = ask_loader(program, &text, err);
    if (!code)
        code = ff_buf_append(&text, "", 1, err);
    char *rest = (char *)text.data;
    for (char *line; !code && (line = strsep(&rest, "\n"));) { /* "\tNAME => /PATH (0xADDRESS)" */
        char *path = strstr(line, "=> /");
        char *end = path ? strstr(path, " (0x") : NULL;
        if (!end)
            continue;
        *end = '\0';
        path += 3;
        if (is_of_libc(path))
            continue;
        if (count == FF_CLI_MAX_LIBRARIES)
            code = ff_err_set(err, FF_LIMIT, "over %d libraries", FF_CLI_MAX_LIBRARIES);
        else
            list[count++] = ff_arena_strdup(arena, path);
    }
    ff_buf_clean(&text);
    if (code) {
        ff_err_in_file(err, program);
        return code;
    }
    *out = list;
    return FF_OK;
}
