/* Functions out of bundles and options: names, package sizes, environments. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "local/local_int.h"

#define MEMORY_MB     3008
#define TIMEOUT_MS    60000
#define MAX_MS        900000
#define STORE_IDLE_MS 60000 /* a transfer that waits for the emulated network moves no byte */
#define MAX_DEPTH     16    /* folders in folders of a package */
#define MAX_ENV_VARS  256

/* All regular files under a folder; links are not followed. */
static ff_code folder_bytes(const char *dir, int depth, uint64_t *total, ff_err *err)
{
    DIR *folder = opendir(dir);
    if (!folder)
        return ff_err_errno(err, errno, dir, "cannot read the package's folder");
    ff_code code = FF_OK;
    for (struct dirent *entry; !code && (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        code = ff_path_join(dir, entry->d_name, path, err);
        if (code || lstat(path, &info))
            continue;
        if (S_ISREG(info.st_mode))
            *total += (uint64_t)info.st_size;
        else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH)
            code = folder_bytes(path, depth + 1, total, err);
    }
    closedir(folder);
    return code;
}

static ff_code add_file(const char *dir, const char *name, uint64_t *total, ff_err *err)
{
    char path[PATH_MAX];
    uint64_t size = 0;
    ff_code code = ff_path_join(dir, name, path, err);
    if (!code)
        code = ff_file_size(path, &size, err);
    *total += size;
    return code;
}

/* Is this weights file that of an earlier piece of the same function? It is shipped once. */
static bool weights_counted(const ff_manifest *m, int function, int stage, int piece)
{
    const char *name = m->stage[stage].piece[piece].weights;
    for (int s = 0; s <= stage; s++)
        for (int p = 0; p < (s < stage ? m->stage[s].piece_count : piece); p++)
            if (m->stage[s].piece[p].function == function &&
                strcmp(m->stage[s].piece[p].weights, name) == 0)
                return true;
    return false;
}

/* What one function of a bundle is deployed with: manifest, its pieces' files, program, libraries.
 */
static ff_code bundle_bytes(const ff_manifest *m, int function, const ff_local_options *options,
                            uint64_t *total, ff_err *err)
{
    uint64_t size = 0;
    ff_code code = add_file(m->dir, "manifest.json", total, err);
    for (int s = 0; !code && s < m->stage_count; s++)
        for (int p = 0; !code && p < m->stage[s].piece_count; p++) {
            const ff_mf_piece *piece = &m->stage[s].piece[p];
            if (piece->function != function)
                continue;
            code = add_file(m->dir, piece->model, total, err);
            if (!code && piece->weights[0] && !weights_counted(m, function, s, p))
                code = add_file(m->dir, piece->weights, total, err);
        }
    if (!code)
        code = ff_file_size(options->program, &size, err);
    *total += size;
    for (int i = 0; !code && options->libraries && options->libraries[i]; i++) {
        code = ff_file_size(options->libraries[i], &size, err);
        *total += size;
    }
    return code;
}

static ff_code check_package(const ff_function *function, uint64_t limit, ff_err *err)
{
    if (!limit || function->package_bytes <= limit)
        return FF_OK;
    return ff_err_set(err, FF_LIMIT, "the package of %s has %llu bytes, at most %llu are allowed",
                      function->name, (unsigned long long)function->package_bytes,
                      (unsigned long long)limit);
}

static ff_code check_program(const char *path, ff_err *err)
{
    if (!path)
        return ff_err_set(err, FF_USAGE, "no program to run functions with was given");
    if (access(path, X_OK))
        return ff_err_errno(err, errno, path, "cannot run the function's program");
    return FF_OK;
}

/* 1 to 128 of Lambda's alphabet, and not there yet. */
static ff_code check_name(const ff_local *local, const char *name, ff_err *err)
{
    size_t len = strlen(name);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (!len || len > 128 || good != len)
        return ff_err_set(err, FF_FORMAT,
                          "a function's name has 1 to 128 of A-Za-z0-9-_, found '%.140s'", name);
    for (int i = 0; i < local->pool.function_count; i++)
        if (strcmp(local->pool.functions[i].name, name) == 0)
            return ff_err_set(err, FF_CONFLICT, "there are two functions named '%s'", name);
    return FF_OK;
}

int ff_package_memory_mb(const ff_local_options *options)
{
    return options->memory_mb ? options->memory_mb : MEMORY_MB;
}

static ff_code add_function(ff_local *local, const ff_local_options *options, const char *name,
                            const ff_local_function *f, ff_err *err)
{
    ff_arena *arena = local->arena;
    char resolved[PATH_MAX], program[PATH_MAX];
    ff_code code = check_name(local, name, err);
    if (!code)
        code = check_program(f->command ? f->command[0] : NULL, err);
    if (code)
        return code;
    if (!realpath(f->dir ? f->dir : ".", resolved))
        return ff_err_errno(err, errno, f->dir, "cannot use the package's folder");
    if (!realpath(f->command[0], program)) /* the child changes its folder before it runs */
        return ff_err_errno(err, errno, f->command[0], "cannot use the function's program");
    int words = 0;
    while (f->command[words])
        words++;
    const char **argv = ff_arena_array(arena, (size_t)words + 1, sizeof *argv);
    argv[0] = ff_arena_strdup(arena, program);
    for (int i = 1; i < words; i++)
        argv[i] = ff_arena_strdup(arena, f->command[i]);
    int timeout = f->timeout_ms ? f->timeout_ms : options->timeout_ms;
    int memory = f->memory_mb ? f->memory_mb : ff_package_memory_mb(options);
    local->pool.functions[local->pool.function_count++] = (ff_function){
        .name = ff_arena_strdup(arena, name),
        .arn = ff_arena_printf(arena, "arn:aws:lambda:%s:" FF_LOCAL_ACCOUNT ":function:%s",
                               local->region, name),
        .argv = argv,
        .dir = ff_arena_strdup(arena, resolved),
        .memory_mb = memory,
        .timeout_ms = timeout ? (timeout < MAX_MS ? timeout : MAX_MS) : TIMEOUT_MS,
        .cpus = ff_emulate_cpus(local, options, memory),
    };
    return FF_OK;
}

static ff_code add_bundle(ff_local *local, const ff_local_options *options, const ff_manifest *m,
                          ff_err *err)
{
    const char *command[] = {options->program, NULL};
    ff_code code = FF_OK;
    for (int i = 0; !code && i < m->function_count; i++) {
        char name[FF_MAX_NAME + 64];
        ff_local_function f = {.command = command, .dir = m->dir};
        snprintf(name, sizeof name, "%s-%s", m->deployment, m->functions[i]);
        code = add_function(local, options, name, &f, err);
        if (code)
            break;
        ff_function *added = &local->pool.functions[local->pool.function_count - 1];
        added->deployment = ff_arena_strdup(local->arena, m->deployment);
        added->part = ff_arena_strdup(local->arena, m->functions[i]);
        code = bundle_bytes(m, i, options, &added->package_bytes, err);
        if (!code)
            code = check_package(added, options->package_limit, err);
    }
    return code;
}

static ff_code add_plain(ff_local *local, const ff_local_options *options,
                         const ff_local_function *f, ff_err *err)
{
    ff_code code = add_function(local, options, f->name, f, err);
    if (code)
        return code;
    ff_function *added = &local->pool.functions[local->pool.function_count - 1];
    if (options->package_limit)
        code = folder_bytes(added->dir, 0, &added->package_bytes, err);
    return code ? code : check_package(added, options->package_limit, err);
}

ff_code ff_package_functions(ff_local *local, const ff_local_options *options, ff_err *err)
{
    size_t count = (size_t)options->function_count;
    for (int i = 0; i < options->bundle_count; i++)
        count += (size_t)options->bundles[i]->function_count;
    local->pool.functions = ff_arena_array(local->arena, count + 1, sizeof *local->pool.functions);
    ff_code code = FF_OK;
    for (int i = 0; !code && i < options->bundle_count; i++)
        code = add_bundle(local, options, options->bundles[i], err);
    for (int i = 0; !code && i < options->function_count; i++)
        code = add_plain(local, options, &options->functions[i], err);
    return code;
}

typedef struct variables {
    ff_arena *arena;
    const char **list;
    size_t count;
} variables;

static void set(variables *v, const char *name, const char *value)
{
    if (v->count < MAX_ENV_VARS)
        v->list[v->count++] = ff_arena_printf(v->arena, "%s=%s", name, value);
}

/* The platform's variable, unless the function's own list sets it. */
static void set_all(variables *v, const char *const *own)
{
    const char **merged = ff_arena_array(v->arena, MAX_ENV_VARS + 1, sizeof *merged);
    size_t count = 0;
    for (size_t i = 0; own && own[i] && count < MAX_ENV_VARS / 2; i++)
        merged[count++] = ff_arena_strdup(v->arena, own[i]);
    size_t own_count = count;
    for (size_t i = 0; i < v->count && count < MAX_ENV_VARS; i++) {
        size_t name = strcspn(v->list[i], "=") + 1;
        bool overridden = false;
        for (size_t k = 0; k < own_count; k++)
            overridden = overridden || strncmp(merged[k], v->list[i], name) == 0;
        if (!overridden)
            merged[count++] = v->list[i];
    }
    v->list = merged;
}

static void platform_variables(const ff_local *local, const ff_function *f, variables *v)
{
    char number[32], text[2 * PATH_MAX];
    set(v, "AWS_LAMBDA_FUNCTION_NAME", f->name);
    snprintf(number, sizeof number, "%d", f->memory_mb);
    set(v, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", number);
    if (local->dilation > 1) { /* what a master learns of its network is undilated */
        snprintf(number, sizeof number, "%g", local->dilation);
        set(v, "FANFOLD_DILATION", number);
    }
    set(v, "AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    set(v, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    snprintf(text, sizeof text, "/aws/lambda/%s", f->name);
    set(v, "AWS_LAMBDA_LOG_GROUP_NAME", text);
    set(v, "LAMBDA_TASK_ROOT", f->dir);
    set(v, "_HANDLER", f->part ? f->part : f->name);
    set(v, "AWS_REGION", local->region);
    set(v, "AWS_DEFAULT_REGION", local->region);
    set(v, "AWS_SECRET_ACCESS_KEY", local->role.secret_key); /* the key: launch.c, by instance */
    set(v, "AWS_SESSION_TOKEN", local->role.session_token);
    set(v, "AWS_ENDPOINT_URL", local->endpoint);
    set(v, "TZ", ":UTC");
    set(v, "PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin");
    const char *libraries = getenv("LD_LIBRARY_PATH");
    snprintf(text, sizeof text, "%s:%s/lib%s%s", f->dir, f->dir, libraries ? ":" : "",
             libraries ? libraries : "");
    set(v, "LD_LIBRARY_PATH", text);
    if (f->part) {
        set(v, "FANFOLD_DEPLOYMENT", f->deployment);
        set(v, "FANFOLD_FUNCTION", f->part);
        set(v, "FANFOLD_BUNDLE", f->dir);
    }
    snprintf(text, sizeof text, "s3://%s", local->bucket);
    set(v, "FANFOLD_STORE", text);
    if (local->shape) {
        snprintf(number, sizeof number, "%lld",
                 (long long)ff_shape_stretch_ms(local->shape, STORE_IDLE_MS));
        set(v, "FANFOLD_STORE_IDLE_MS", number);
        /* the quota would tell fewer threads, as it is that of slower CPUs */
        snprintf(number, sizeof number, "%d",
                 (int)ceil(ff_net_vcpus(local->network, f->memory_mb) - 1e-9));
        set(v, "FANFOLD_THREADS", number);
    }
    set(v, "FANFOLD_PREFIX", local->prefix);
}

void ff_package_environments(ff_local *local, const ff_local_options *options)
{
    int plain_first = local->pool.function_count - options->function_count;
    for (int i = 0; i < local->pool.function_count; i++) {
        ff_function *f = &local->pool.functions[i];
        const char **list = ff_arena_array(local->arena, MAX_ENV_VARS + 1, sizeof *list);
        variables v = {local->arena, list, 0};
        platform_variables(local, f, &v);
        set_all(&v, i >= plain_first ? options->functions[i - plain_first].env : options->env);
        f->env = v.list;
    }
}
