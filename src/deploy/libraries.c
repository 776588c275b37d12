#include "deploy/libraries.h"

#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "deploy/elf.h"

typedef struct search {
    const char *root;
    const char *const *dirs;
    ff_arena *arena;
    ff_libraries *found;
} search;

/* Opened by name at run time, so no file says that it needs them. */
static const char *const OPENED[] = {"libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2"};
#define OPENED_ALWAYS 1 /* the others: where they are there */

/* Is path a library of that machine? What cannot be read is none. */
static bool fits(const char *path, int machine)
{
    ff_map map = {0};
    ff_elf elf;
    bool good =
        ff_file_exists(path) && !ff_elf_map(path, &map, &elf, NULL) && elf.machine == machine;
    ff_file_unmap(&map);
    return good;
}

static bool try_dir(const search *s, const char *root, const char *dir, const char *name,
                    char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s%s/%s", root, dir, name);
    return len < PATH_MAX && fits(path, s->found->machine);
}

/* dir:dir:..., where $ORIGIN is the folder of the file that says so. */
static bool try_runpath(const search *s, const char *runpath, const char *origin, const char *name,
                        char path[PATH_MAX])
{
    for (const char *p = runpath; *p;) {
        char dir[PATH_MAX];
        size_t len = strcspn(p, ":");
        size_t mark = !strncmp(p, "$ORIGIN", 7) ? 7 : !strncmp(p, "${ORIGIN}", 9) ? 9 : 0;
        if (mark > len)
            mark = 0;
        int used =
            snprintf(dir, sizeof dir, "%s%.*s", mark ? origin : "", (int)(len - mark), p + mark);
        if (len && used < (int)sizeof dir && try_dir(s, mark ? "" : s->root, dir, name, path))
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

static bool try_usual(const search *s, const char *name, char path[PATH_MAX])
{
    static const char *const DIRS[] = {"/usr/local/lib", "/lib64", "/usr/lib64", "/lib",
                                       "/usr/lib"};
    const char *triplet =
        s->found->machine == EM_AARCH64 ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
    static const char *const PARENTS[] = {"/lib", "/usr/lib", "/usr/local/lib", "/usr"};
    for (size_t i = 0; i < sizeof PARENTS / sizeof *PARENTS; i++) {
        char dir[64];
        /* the last is where Debian's cross compiler has its libraries */
        snprintf(dir, sizeof dir, "%s/%s%s", PARENTS[i], triplet, i == 3 ? "/lib" : "");
        if (try_dir(s, s->root, dir, name, path))
            return true;
    }
    for (size_t i = 0; i < sizeof DIRS / sizeof *DIRS; i++)
        if (try_dir(s, s->root, DIRS[i], name, path))
            return true;
    return false;
}

static bool find(const search *s, const char *name, const char *runpath, const char *origin,
                 char path[PATH_MAX])
{
    if (strchr(name, '/')) /* a path, not a name: nothing of ours is linked so */
        return false;
    if (try_runpath(s, runpath, origin, name, path))
        return true;
    for (int i = 0; s->dirs && s->dirs[i]; i++)
        if (try_dir(s, "", s->dirs[i], name, path))
            return true;
    return try_usual(s, name, path);
}

static bool is_known(const ff_libraries *found, const char *name)
{
    for (int i = 0; i < found->count; i++)
        if (!strcmp(found->library[i].name, name))
            return true;
    return false;
}

static ff_code add(const search *s, const char *name, const char *path, ff_err *err)
{
    ff_libraries *found = s->found;
    if (found->count == FF_MAX_LIBRARIES)
        return ff_err_set(err, FF_LIMIT, "over %d libraries", FF_MAX_LIBRARIES);
    found->library[found->count++] =
        (ff_library){ff_arena_strdup(s->arena, name), ff_arena_strdup(s->arena, path)};
    return FF_OK;
}

/* Adds what one file needs. */
static ff_code add_needed(const search *s, const char *file, const ff_elf *elf, ff_err *err)
{
    char origin[PATH_MAX], path[PATH_MAX];
    ff_code code = ff_path_dir(file, origin, err);
    for (int i = 0; !code && i < elf->needed_count; i++) {
        const char *name = elf->needed[i];
        if (is_known(s->found, name))
            continue;
        if (!find(s, name, elf->runpath, origin, path)) {
            char arch[32];
            code = ff_err_set(
                err, FF_NOT_FOUND, "%s needs the library %.200s, and there is none of %s",
                ff_path_base(file), name, ff_elf_arch(s->found->machine, arch, sizeof arch));
        } else {
            code = add(s, name, path, err);
        }
    }
    return code;
}

static ff_code add_needed_of(const search *s, const char *file, ff_err *err)
{
    ff_map map = {0};
    ff_elf elf;
    ff_code code = ff_elf_map(file, &map, &elf, err);
    if (!code)
        code = add_needed(s, file, &elf, err);
    ff_file_unmap(&map);
    if (code)
        ff_err_in_file(err, file);
    return code;
}

static ff_code add_loader(const search *s, const ff_elf *elf, ff_err *err)
{
    char path[PATH_MAX], dir[PATH_MAX];
    const char *name = ff_path_base(elf->interp);
    if (!*name)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "wanted a dynamically linked program: it names no loader");
    ff_code code = ff_path_dir(elf->interp, dir, err);
    if (code)
        return code;
    if (!try_dir(s, s->root, dir, name, path) && !find(s, name, "", "", path))
        return ff_err_set(err, FF_NOT_FOUND, "the program's loader %.200s is not there",
                          elf->interp);
    code = add(s, name, path, err);
    if (!code)
        s->found->loader = s->found->library[s->found->count - 1].name;
    return code;
}

static ff_code add_program(const search *s, const char *program, ff_err *err)
{
    ff_map map = {0};
    ff_elf elf;
    ff_code code = ff_elf_map(program, &map, &elf, err);
    if (!code) {
        s->found->machine = elf.machine;
        code = add_loader(s, &elf, err);
    }
    if (!code)
        code = add_needed(s, program, &elf, err);
    ff_file_unmap(&map);
    if (code)
        ff_err_in_file(err, program);
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ff_library *)a)->name, ((const ff_library *)b)->name);
}

ff_code ff_libraries_find(const char *program, const char *root, const char *const *dirs,
                          ff_arena *arena, ff_libraries *out, ff_err *err)
{
    ff_libraries found = {0};
    search s = {root, dirs, arena, &found};
    char path[PATH_MAX];
    ff_code code = add_program(&s, program, err);
    for (size_t i = 0; !code && i < sizeof OPENED / sizeof *OPENED; i++) {
        if (is_known(&found, OPENED[i]))
            continue;
        if (find(&s, OPENED[i], "", "", path))
            code = add(&s, OPENED[i], path, err);
        else if (i < OPENED_ALWAYS)
            code = ff_err_set(err, FF_NOT_FOUND, "glibc needs the library %s, and it is not there",
                              OPENED[i]);
    }
    for (int i = 0; !code && i < found.count; i++) /* grows as it is read */
        code = add_needed_of(&s, found.library[i].path, err);
    if (code)
        return code;
    qsort(found.library, (size_t)found.count, sizeof *found.library, by_name);
    *out = found;
    return FF_OK;
}
