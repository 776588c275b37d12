/*
 * bootstrap: the program that a platform starts in a package. It runs fanfold-function by the
 * package's own dynamic loader on the package's own libraries, whatever the platform's are.
 *
 *   DIR/bootstrap             this, static
 *   DIR/environment           NAME=VALUE lines: what this function is (FANFOLD_FUNCTION=w0)
 *   DIR/lib/ld-linux-*.so.*   the loader, named in environment as FANFOLD_LOADER
 *   DIR/fanfold-function
 *
 * The process's own environment wins over the file's. Needs nothing but these files and a kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define MAX_ENVIRONMENT 4096

static int fail(const char *what, const char *path)
{
    int number = errno;
    fprintf(stderr, "bootstrap: %s %s: %s\n", what, path, strerror(number));
    return 1;
}

/* The folder that this program lies in: the kernel told by which name it was started. */
static void find_dir(char dir[PATH_MAX])
{
    const char *self = (const char *)getauxval(AT_EXECFN);
    const char *root = getenv("LAMBDA_TASK_ROOT");
    const char *slash = self ? strrchr(self, '/') : NULL;
    if (slash)
        snprintf(dir, PATH_MAX, "%.*s", (int)(slash - self), self);
    else
        snprintf(dir, PATH_MAX, "%s", root ? root : ".");
}

/* Sets the file's variables that are not set. */
static int read_environment(const char *path)
{
    char text[MAX_ENVIRONMENT + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, MAX_ENVIRONMENT);
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return fail("cannot read", path);
    text[len] = '\0';
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *equals = strchr(line, '=');
        if (!equals)
            continue;
        *equals = '\0';
        setenv(line, equals + 1, 0);
    }
    return 0;
}

int main(void)
{
    char dir[PATH_MAX - 64], path[PATH_MAX], libraries[PATH_MAX], program[PATH_MAX];
    char whole[PATH_MAX];
    find_dir(whole);
    if (strlen(whole) >= sizeof dir) {
        errno = ENAMETOOLONG;
        return fail("cannot use the folder", whole);
    }
    memcpy(dir, whole, strlen(whole) + 1);
    snprintf(path, sizeof path, "%s/environment", dir);
    if (read_environment(path))
        return 1;
    snprintf(path, sizeof path, "%s/ca-certificates.crt", dir);
    if (!getenv("AWS_CA_BUNDLE"))
        setenv("SSL_CERT_FILE", path, 0);
    setenv("FANFOLD_BUNDLE", *dir ? dir : "/", 0);
    const char *loader = getenv("FANFOLD_LOADER");
    snprintf(path, sizeof path, "%s/lib/%s", dir, loader && !strchr(loader, '/') ? loader : "");
    snprintf(libraries, sizeof libraries, "%s/lib", dir);
    snprintf(program, sizeof program, "%s/fanfold-function", dir);
    char *const argv[] = {path, "--inhibit-cache", "--library-path", libraries, program, NULL};
    execv(path, argv);
    return fail("cannot start the loader", path);
}
