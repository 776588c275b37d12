#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "deploy/elf.h"
#include "deploy/package_int.h"

#define MARKER "package.json"

static ff_code write_all(const package_job *job, const ff_out_dir *dir, const ff_pack *packs,
                         ff_package *package, ff_err *err)
{
    char path[PATH_MAX];
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_out_dir_begin(dir, err);
    if (!code)
        code = job->write(dir, packs, job, package, err);
    if (!code)
        code = ff_package_emit(package, &json, err);
    if (!code)
        code = ff_path_join(dir->temp, MARKER, path, err);
    if (!code)
        code = ff_file_write(path, ff_buf_view(&json), err);
    if (!code)
        code = ff_out_dir_commit(dir, err);
    if (code)
        ff_out_dir_abort(dir);
    ff_buf_clean(&json);
    return code;
}

ff_code ff_package_run(const package_job *job, const char *dir, ff_package *out, ff_err *err)
{
    const ff_manifest *m = job->manifest;
    ff_out_dir place;
    ff_pack *packs = NULL;
    ff_package package = {.deployment = m->deployment, .target = job->target};
    ff_code code = ff_out_dir_find(dir, MARKER, "package", &place, err);
    if (!code)
        code = ff_pack_all(m, job->options, job->arena, &packs, err);
    for (int f = 0; !code && f < m->function_count; f++)
        code = ff_pack_check_size(&packs[f], job->max_bytes, job->advice, err);
    if (code)
        return code;
    const char *arch = job->options->arch ? job->options->arch : m->arch;
    ff_elf_arch(ff_elf_machine(arch), package.arch, sizeof package.arch);
    package.count = m->function_count;
    package.function = ff_arena_array(job->arena, (size_t)package.count, sizeof *package.function);
    code = write_all(job, &place, packs, &package, err);
    if (!code)
        *out = package;
    return code;
}

ff_code ff_package_emit(const ff_package *package, ff_buf *json, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "deployment", package->deployment);
    yyjson_mut_obj_add_str(doc, root, "target", package->target);
    yyjson_mut_obj_add_str(doc, root, "arch", package->arch);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "functions");
    for (int i = 0; i < package->count; i++) {
        const ff_packaged *f = &package->function[i];
        yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, row, "function", f->function);
        yyjson_mut_obj_add_str(doc, row, "name", f->name);
        yyjson_mut_obj_add_str(doc, row, "file", f->file);
        yyjson_mut_obj_add_uint(doc, row, "bytes", f->bytes);
        yyjson_mut_obj_add_uint(doc, row, "unpacked_bytes", f->unpacked_bytes);
        yyjson_mut_obj_add_str(doc, row, "sha256", f->sha256);
    }
    ff_code code = ff_json_emit(doc, true, json, err);
    if (!code)
        code = ff_buf_text(json, "\n", err);
    yyjson_mut_doc_free(doc);
    return code;
}
