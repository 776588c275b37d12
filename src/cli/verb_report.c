#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "report/results.h"
#include "report/table.h"

#define MOST_FILES 10000 /* result files of a report */
#define MOST_DEPTH 16    /* folders in folders */

static const ff_flag FLAGS[] = {
    {"output", "report.html", "where to write the page (-o)", false},
    {"title", "TEXT", "its title (default: fanfold results)", false},
    {0},
};

/* A file that was looked at, and what it is, or why it is not on the page. */
typedef struct seen {
    const char *name, *kind, *reason;
} seen;

typedef struct job {
    ff_arena *arena;
    ff_results *results;
    int count, room;
    seen *file;
} job;

static ff_code note(job *j, const char *name, const char *kind, const char *reason, ff_err *err)
{
    if (j->count == MOST_FILES)
        return ff_err_set(err, FF_LIMIT, "more than %d result files", MOST_FILES);
    if (j->count == j->room) {
        j->file =
            ff_mem_must_grow(j->file, (size_t)j->room, (size_t)j->room * 2 + 16, sizeof *j->file);
        j->room = j->room * 2 + 16;
    }
    j->file[j->count++] = (seen){ff_arena_strdup(j->arena, name), kind, reason};
    return FF_OK;
}

/* What cannot be read is passed over, and said: a folder of results holds other files too. */
static ff_code add_file(job *j, const char *path, const char *name, ff_err *err)
{
    const char *kind = NULL, *reason = NULL;
    char text[1400];
    ff_err fault = {0};
    ff_buf json;
    ff_buf_init(&json, FF_MAX_RESULT_BYTES);
    ff_code code = ff_file_read(path, FF_MAX_RESULT_BYTES, &json, &fault);
    if (!code)
        code = ff_results_add(j->results, name, ff_buf_view(&json), &kind, &fault);
    ff_buf_clean(&json);
    if (code == FF_NO_MEMORY) {
        if (err)
            *err = fault;
        return code;
    }
    if (code) {
        fault.file[0] = '\0'; /* the name stands beside the reason */
        ff_err_format(&fault, text, sizeof text);
        reason = ff_arena_strdup(j->arena, text);
        ff_log(FF_LOG_WARN, "%s: passed over: %s", name, reason);
        ff_results_pass_over(j->results, name, reason);
    }
    return note(j, name, kind, reason, err);
}

static bool is_result_name(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && !strcmp(name + len - 5, ".json");
}

static ff_code add_folder(job *j, const char *path, const char *prefix, int depth, ff_err *err);

/* An entry of a folder; symbolic links are not followed. */
static ff_code add_entry(job *j, const char *path, const char *name, const char *entry, int depth,
                         ff_err *err)
{
    char inside[PATH_MAX];
    struct stat st;
    ff_code code = ff_path_join(path, entry, inside, err);
    if (code)
        return code;
    if (lstat(inside, &st) != 0)
        return ff_err_errno(err, errno, inside, "cannot look at it");
    if (S_ISDIR(st.st_mode))
        return add_folder(j, inside, name, depth + 1, err);
    return S_ISREG(st.st_mode) && is_result_name(entry) ? add_file(j, inside, name, err) : FF_OK;
}

/* In the order of their names, so that a report is the same each time. */
static ff_code add_folder(job *j, const char *path, const char *prefix, int depth, ff_err *err)
{
    struct dirent **entry = NULL;
    if (depth > MOST_DEPTH)
        return ff_err_set(err, FF_LIMIT, "%.200s: folders nested over %d levels", path, MOST_DEPTH);
    int count = scandir(path, &entry, NULL, alphasort);
    if (count < 0)
        return ff_err_errno(err, errno, path, "cannot list the folder");
    ff_code code = FF_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entry[i]->d_name;
        if (!code && name[0] != '.')
            code = add_entry(j, path,
                             *prefix ? ff_arena_printf(j->arena, "%s/%s", prefix, name) : name,
                             name, depth, err);
        free(entry[i]);
    }
    free(entry);
    return code;
}

static ff_code add_path(job *j, const char *path, ff_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return ff_err_errno(err, errno, path, "cannot find the results");
    return S_ISDIR(st.st_mode) ? add_folder(j, path, "", 0, err) : add_file(j, path, path, err);
}

static ff_code print_json(const job *j, const char *path, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "output", path);
    yyjson_mut_val *files = yyjson_mut_obj_add_arr(doc, root, "files");
    yyjson_mut_val *over = yyjson_mut_obj_add_arr(doc, root, "passed_over");
    for (int i = 0; i < j->count; i++) {
        const seen *f = &j->file[i];
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, f->kind ? files : over);
        yyjson_mut_obj_add_str(doc, item, "file", f->name);
        yyjson_mut_obj_add_str(doc, item, f->kind ? "kind" : "reason",
                               f->kind ? f->kind : f->reason);
    }
    ff_code code = ff_cli_print_json(doc, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code print_table(const job *j, ff_err *err)
{
    ff_table *table = ff_table_new("file|kind");
    ff_buf out;
    ff_buf_init(&out, 0);
    for (int i = 0; i < j->count; i++) {
        if (!j->file[i].kind)
            continue;
        ff_table_cell(table, "%s", j->file[i].name);
        ff_table_cell(table, "%s", j->file[i].kind);
    }
    ff_code code = ff_table_emit(table, &out, err);
    if (!code)
        code = ff_cli_print(&out, err);
    ff_buf_clean(&out);
    ff_table_free(table);
    return code;
}

static ff_code run(const ff_args *args, ff_err *err)
{
    const char *path = NULL, *title = ff_args_value(args, "title");
    job j = {.arena = ff_arena_new(), .results = ff_results_new(title ? title : "fanfold results")};
    ff_buf page;
    ff_buf_init(&page, 0);
    ff_code code = ff_args_required(args, "output", &path, err);
    for (int i = 0; !code && i < args->positional_count; i++)
        code = add_path(&j, args->positional[i], err);
    if (!code && !ff_results_count(j.results))
        code = ff_err_set(err, FF_NOT_FOUND,
                          "no result file: wanted .json files that bench, plan, infer --trace or a "
                          "benchmark wrote, found %d other ones",
                          j.count);
    if (!code)
        code = ff_results_emit(j.results, &page, err);
    if (!code)
        code = ff_file_write(path, ff_buf_view(&page), err);
    if (!code)
        code = args->json ? print_json(&j, path, err) : print_table(&j, err);
    ff_buf_clean(&page);
    ff_results_free(j.results);
    ff_mem_free(j.file);
    ff_arena_free(j.arena);
    return code;
}

const ff_verb ff_verb_report = {
    "report",
    "report DIR... -o report.html [--title TEXT]",
    "put result files on one page",
    "DIR is a folder, looked through with all in it, or a file. On the page, with charts and\n"
    "tables, is what `bench pairwise`, `bench e2e`, `bench load`, `plan` and `infer --trace` "
    "wrote,\n"
    "and the results of the project's own benchmarks. Other JSON files are passed over, and "
    "listed.\n"
    "The page is one file that needs nothing else: no script, no network.",
    FLAGS,
    1,
    FF_ARGS_MAX,
    run,
};
