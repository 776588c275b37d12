/*
 * Lambda's zips, by libzip. What all functions share is deflated once, into an archive of its own,
 * and copied from there as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "deploy/package_int.h"

#define DOS_DATE ((0 << 9) | (1 << 5) | 1) /* 1980-01-01, the first that a zip can tell */

static ff_code failed(ff_err *err, const char *path, const char *what, const char *why)
{
    ff_err_set(err, FF_IO, "%s: %s", what, why);
    ff_err_in_file(err, path);
    return FF_IO;
}

/* Weights hardly shrink, and inflating them would cost each cold start. */
static bool is_stored(const ff_pack_file *file)
{
    size_t len = strlen(file->name);
    return file->part == FF_PACK_PIECE && len > 4 && !strcmp(file->name + len - 4, ".bin");
}

static zip_source_t *source_of(zip_t *zip, zip_t *shared, const ff_pack_file *file)
{
    if (shared && file->part != FF_PACK_PIECE) {
        zip_int64_t index = zip_name_locate(shared, file->name, 0);
        return index < 0 ? NULL : zip_source_zip(zip, shared, (zip_uint64_t)index, 0, 0, -1);
    }
    return file->path ? zip_source_file(zip, file->path, 0, (zip_int64_t)file->size)
                      : zip_source_buffer(zip, file->bytes.data, file->bytes.len, 0);
}

static bool add_file(zip_t *zip, zip_t *shared, const ff_pack_file *file)
{
    zip_source_t *source = source_of(zip, shared, file);
    zip_int64_t index = source ? zip_file_add(zip, file->name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source); /* accepts NULL */
        return false;
    }
    zip_uint64_t at = (zip_uint64_t)index;
    zip_uint32_t mode = (zip_uint32_t)(0100000 | file->mode) << 16;
    zip_int32_t method = is_stored(file) ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    return !zip_set_file_compression(zip, at, method, 0) &&
           !zip_file_set_dostime(zip, at, 0, DOS_DATE, 0) &&
           !zip_file_set_external_attributes(zip, at, 0, ZIP_OPSYS_UNIX, mode);
}

static ff_code open_zip(const char *path, int flags, zip_t **out, ff_err *err)
{
    int number = 0;
    *out = zip_open(path, flags, &number);
    if (*out)
        return FF_OK;
    zip_error_t error;
    zip_error_init_with_code(&error, number);
    ff_code code = failed(err, path, "cannot open the zip", zip_error_strerror(&error));
    zip_error_fini(&error);
    return code;
}

/* shared: holds all files but the pieces'; NULL: only those are written. */
static ff_code write_zip(const char *path, const ff_pack *pack, zip_t *shared, ff_err *err)
{
    zip_t *zip = NULL;
    ff_code code = open_zip(path, ZIP_CREATE | ZIP_EXCL, &zip, err);
    for (int i = 0; !code && i < pack->count; i++) {
        const ff_pack_file *file = &pack->file[i];
        if (!shared && file->part == FF_PACK_PIECE)
            continue;
        if (!add_file(zip, shared, file))
            code = failed(err, file->path, "cannot add it to the zip", zip_strerror(zip));
    }
    if (!code && zip_close(zip)) /* here is where files are read and written */
        code = failed(err, path, "cannot write the zip", zip_strerror(zip));
    if (code && zip)
        zip_discard(zip);
    return code;
}

static ff_code add_package(const ff_out_dir *dir, const ff_pack *pack, zip_t *shared,
                           ff_arena *arena, ff_packaged *out, ff_err *err)
{
    char path[PATH_MAX];
    *out = (ff_packaged){.function = pack->function,
                         .name = pack->name,
                         .file = ff_arena_printf(arena, "%s.zip", pack->name),
                         .unpacked_bytes = pack->bytes};
    ff_code code = ff_path_join(dir->temp, out->file, path, err);
    if (!code)
        code = write_zip(path, pack, shared, err);
    if (!code)
        code = ff_file_size(path, &out->bytes, err);
    if (!code)
        code = ff_hash_sha256_file(path, out->sha256, err);
    return code;
}

static ff_code write_all(const ff_out_dir *dir, const ff_pack *packs, const package_job *job,
                         ff_package *package, ff_err *err)
{
    char path[PATH_MAX];
    zip_t *shared = NULL;
    ff_code code = ff_path_join(dir->temp, "shared.zip", path, err);
    if (!code)
        code = write_zip(path, &packs[0], NULL, err);
    if (!code)
        code = open_zip(path, ZIP_RDONLY, &shared, err);
    for (int f = 0; !code && f < package->count; f++) {
        if (job->progress)
            job->progress(job->user, f, package->count, packs[f].name);
        code = add_package(dir, &packs[f], shared, job->arena, &package->function[f], err);
    }
    if (shared)
        zip_discard(shared);
    (void)remove(path);
    return code;
}

ff_code ff_package_zip(const ff_manifest *manifest, const ff_pack_options *options, const char *dir,
                       ff_package_progress progress, void *user, ff_arena *arena, ff_package *out,
                       ff_err *err)
{
    package_job job = {.manifest = manifest,
                       .options = options,
                       .target = "lambda-zip",
                       .max_bytes = FF_LAMBDA_PACKAGE_BYTES,
                       .advice =
                           "more workers, a split that divides the weights, or --target image",
                       .write = write_all,
                       .progress = progress,
                       .user = user,
                       .arena = arena};
    return ff_package_run(&job, dir, out, err);
}
