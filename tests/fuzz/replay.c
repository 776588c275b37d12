/*
 * A fuzz target as a regression test: calls it once for every file named, and for every file below
 * every folder named. Linked in place of libFuzzer, so that any compiler and sanitizer will do.
 *
 * Exit code 0 when all inputs came back, 1 when there was none or one could not be read. Hidden
 * files are passed over (.gitkeep).
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct replay {
    size_t inputs;
    size_t failures;
};

static void replay_fail(struct replay *r, const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    r->failures++;
}

/* The input lies in a block of its own size, so that a sanitizer sees a read behind its end. */
static void replay_file(struct replay *r, const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
        replay_fail(r, path);
    } else {
        fprintf(stderr, "replay: %s\n", path); /* the last one named is the one that crashed */
        r->inputs++;
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    if (file != NULL) {
        fclose(file);
    }
}

static void replay_path(struct replay *r, const char *path);

static void replay_folder(struct replay *r, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        replay_fail(r, path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char *inner = NULL;
        if (entries[i]->d_name[0] != '.') {
            if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) < 0) {
                abort();
            }
            replay_path(r, inner);
            free(inner);
        }
        free(entries[i]);
    }
    free(entries);
}

static void replay_path(struct replay *r, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        replay_fail(r, path);
    } else if (S_ISDIR(info.st_mode)) {
        replay_folder(r, path);
    } else {
        replay_file(r, path, (size_t)info.st_size);
    }
}

int main(int argc, char **argv)
{
    struct replay r = {0};
    for (int i = 1; i < argc; i++) {
        replay_path(&r, argv[i]);
    }
    printf("replay: %zu inputs, %zu failures\n", r.inputs, r.failures);
    return r.inputs == 0 || r.failures > 0 ? 1 : 0;
}
