/*
 * Images, as an OCI layout that any registry's client can push; no daemon is needed.
 *
 *   DIR/oci-layout index.json      one image a function, its name as
 * org.opencontainers.image.ref.name DIR/blobs/sha256/<digest>      layers, configurations,
 * manifests
 *
 * Layers: programs, libraries, each weights file by itself, and the rest of the pieces. So images
 * share all but the last ones. Everything lies in /var/task, is read only and belongs to root.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "deploy/layer.h"
#include "deploy/package_int.h"

#define ROOT           "var/task"
#define NOBODY         "65532:65532"
#define TYPE_CONFIG    "application/vnd.oci.image.config.v1+json"
#define TYPE_MANIFEST  "application/vnd.oci.image.manifest.v1+json"
#define TYPE_INDEX     "application/vnd.oci.image.index.v1+json"
#define TYPE_LAYER     "application/vnd.oci.image.layer.v1.tar+gzip"
#define MAX_LAYERS     120 /* registries and overlay file systems take 127 */
#define MAX_PACK_FILES 4096

typedef struct known_layer {
    const char *path; /* of the weights file */
    ff_layer layer;
} known_layer;

typedef struct maker {
    char blobs[PATH_MAX];
    const char *arch; /* as Go names it: "amd64", "arm64" */
    ff_arena *arena;
    ff_layer runtime, libraries;
    int known_count;
    known_layer *known;
} maker;

typedef struct blob {
    char digest[FF_SHA256_HEX];
    uint64_t bytes;
} blob;

/* The document as a blob of its own. */
static ff_code put_json(const maker *m, yyjson_mut_doc *doc, blob *out, ff_err *err)
{
    char path[PATH_MAX];
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_code code = ff_json_emit(doc, false, &json, err);
    if (!code) {
        ff_hash_sha256_hex(ff_buf_view(&json), out->digest);
        out->bytes = json.len;
        code = ff_path_join(m->blobs, out->digest, path, err);
    }
    if (!code)
        code = ff_file_write(path, ff_buf_view(&json), err);
    ff_buf_clean(&json);
    return code;
}

static void add_digest(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *name,
                       const char *digest)
{
    char text[FF_SHA256_HEX + 8];
    snprintf(text, sizeof text, "sha256:%s", digest);
    yyjson_mut_obj_add_strcpy(doc, obj, name, text);
}

static yyjson_mut_val *descriptor(yyjson_mut_doc *doc, const char *type, const char *digest,
                                  uint64_t bytes)
{
    yyjson_mut_val *d = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, d, "mediaType", type);
    add_digest(doc, d, "digest", digest);
    yyjson_mut_obj_add_uint(doc, d, "size", bytes);
    return d;
}

static ff_code put_config(const maker *m, const ff_layer *layers, int count, blob *out, ff_err *err)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "architecture", m->arch);
    yyjson_mut_obj_add_str(doc, root, "os", "linux");
    yyjson_mut_val *config = yyjson_mut_obj_add_obj(doc, root, "config");
    yyjson_mut_obj_add_str(doc, config, "User", NOBODY);
    yyjson_mut_val *entry = yyjson_mut_obj_add_arr(doc, config, "Entrypoint");
    yyjson_mut_arr_add_str(doc, entry, "/" ROOT "/bootstrap");
    yyjson_mut_obj_add_str(doc, config, "WorkingDir", "/" ROOT);
    yyjson_mut_val *rootfs = yyjson_mut_obj_add_obj(doc, root, "rootfs");
    yyjson_mut_obj_add_str(doc, rootfs, "type", "layers");
    yyjson_mut_val *ids = yyjson_mut_obj_add_arr(doc, rootfs, "diff_ids");
    for (int i = 0; i < count; i++) {
        char text[FF_SHA256_HEX + 8];
        snprintf(text, sizeof text, "sha256:%s", layers[i].diff_id);
        yyjson_mut_arr_add_strcpy(doc, ids, text);
    }
    ff_code code = put_json(m, doc, out, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static ff_code put_manifest(const maker *m, const ff_layer *layers, int count, blob *out,
                            ff_err *err)
{
    blob config = {0};
    ff_code code = put_config(m, layers, count, &config, err);
    if (code)
        return code;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_int(doc, root, "schemaVersion", 2);
    yyjson_mut_obj_add_str(doc, root, "mediaType", TYPE_MANIFEST);
    yyjson_mut_obj_add_val(doc, root, "config",
                           descriptor(doc, TYPE_CONFIG, config.digest, config.bytes));
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "layers");
    for (int i = 0; i < count; i++)
        yyjson_mut_arr_append(list, descriptor(doc, TYPE_LAYER, layers[i].digest, layers[i].bytes));
    code = put_json(m, doc, out, err);
    yyjson_mut_doc_free(doc);
    return code;
}

static bool is_weights(const ff_pack_file *file)
{
    size_t len = strlen(file->name);
    return file->part == FF_PACK_PIECE && len > 4 && !strcmp(file->name + len - 4, ".bin");
}

/* A layer of the files of a part; of the pieces, those that are no weights. */
static ff_code put_part(const maker *m, const ff_pack *pack, ff_pack_part part, ff_layer *out,
                        ff_err *err)
{
    const ff_pack_file *files[MAX_PACK_FILES];
    int count = 0;
    for (int i = 0; i < pack->count; i++)
        if (pack->file[i].part == part && !is_weights(&pack->file[i])) {
            if (count == MAX_PACK_FILES)
                return ff_err_set(err, FF_LIMIT, "over %d files in %s", count, pack->name);
            files[count++] = &pack->file[i];
        }
    return ff_layer_write(m->blobs, ROOT, files, count, false, out, err);
}

/* The weights file's layer, made once for all functions that need it. */
static ff_code weights_layer(maker *m, const ff_pack_file *file, ff_layer *out, ff_err *err)
{
    for (int i = 0; i < m->known_count; i++)
        if (!strcmp(m->known[i].path, file->path)) {
            *out = m->known[i].layer;
            return FF_OK;
        }
    ff_code code = ff_layer_write(m->blobs, ROOT, &file, 1, true, out, err);
    if (!code)
        m->known[m->known_count++] = (known_layer){file->path, *out};
    return code;
}

static ff_code put_image(maker *m, const ff_pack *pack, blob *manifest, uint64_t *bytes,
                         ff_err *err)
{
    ff_layer layers[MAX_LAYERS] = {m->runtime, m->libraries};
    int count = 2;
    ff_code code = FF_OK;
    for (int i = 0; !code && i < pack->count; i++) {
        if (!is_weights(&pack->file[i]))
            continue;
        if (count == MAX_LAYERS - 1)
            return ff_err_set(err, FF_LIMIT,
                              "%s has over %d weights files: fewer stages on one function",
                              pack->name, MAX_LAYERS - 3);
        code = weights_layer(m, &pack->file[i], &layers[count++], err);
    }
    if (!code)
        code = put_part(m, pack, FF_PACK_PIECE, &layers[count++], err);
    if (!code)
        code = put_manifest(m, layers, count, manifest, err);
    *bytes = 0;
    for (int i = 0; i < count; i++)
        *bytes += layers[i].bytes;
    return code;
}

static ff_code put_index(const maker *m, const ff_out_dir *dir, const ff_pack *packs,
                         const blob *manifests, int count, ff_err *err)
{
    static const char LAYOUT[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    char path[PATH_MAX];
    ff_buf json;
    ff_buf_init(&json, 0);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_int(doc, root, "schemaVersion", 2);
    yyjson_mut_obj_add_str(doc, root, "mediaType", TYPE_INDEX);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "manifests");
    for (int i = 0; i < count; i++) {
        yyjson_mut_val *d = descriptor(doc, TYPE_MANIFEST, manifests[i].digest, manifests[i].bytes);
        yyjson_mut_val *platform = yyjson_mut_obj_add_obj(doc, d, "platform");
        yyjson_mut_obj_add_str(doc, platform, "architecture", m->arch);
        yyjson_mut_obj_add_str(doc, platform, "os", "linux");
        yyjson_mut_val *notes = yyjson_mut_obj_add_obj(doc, d, "annotations");
        yyjson_mut_obj_add_str(doc, notes, "org.opencontainers.image.ref.name", packs[i].name);
        yyjson_mut_arr_append(list, d);
    }
    ff_code code = ff_json_emit(doc, false, &json, err);
    yyjson_mut_doc_free(doc);
    if (!code)
        code = ff_path_join(dir->temp, "index.json", path, err);
    if (!code)
        code = ff_file_write(path, ff_buf_view(&json), err);
    ff_buf_clean(&json);
    if (!code)
        code = ff_path_join(dir->temp, "oci-layout", path, err);
    return code ? code : ff_file_write(path, ff_bytes_of(LAYOUT, sizeof LAYOUT - 1), err);
}

static ff_code write_images(maker *m, const ff_out_dir *dir, const ff_pack *packs,
                            const package_job *job, ff_package *package, ff_err *err)
{
    blob *manifests = ff_arena_array(m->arena, (size_t)package->count, sizeof *manifests);
    ff_code code = put_part(m, &packs[0], FF_PACK_RUNTIME, &m->runtime, err);
    if (!code)
        code = put_part(m, &packs[0], FF_PACK_LIBRARY, &m->libraries, err);
    for (int f = 0; !code && f < package->count; f++) {
        ff_packaged *p = &package->function[f];
        if (job->progress)
            job->progress(job->user, f, package->count, packs[f].name);
        *p = (ff_packaged){
            .function = packs[f].function, .name = packs[f].name, .unpacked_bytes = packs[f].bytes};
        code = put_image(m, &packs[f], &manifests[f], &p->bytes, err);
        memcpy(p->sha256, manifests[f].digest, sizeof p->sha256);
        p->file = ff_arena_printf(m->arena, "blobs/sha256/%s", manifests[f].digest);
    }
    return code ? code : put_index(m, dir, packs, manifests, package->count, err);
}

static ff_code write_all(const ff_out_dir *dir, const ff_pack *packs, const package_job *job,
                         ff_package *package, ff_err *err)
{
    size_t files = 0;
    for (int f = 0; f < package->count; f++)
        files += (size_t)packs[f].count;
    maker m = {.arch = strcmp(package->arch, "x86_64") ? package->arch : "amd64",
               .arena = job->arena,
               .known = ff_arena_array(job->arena, files, sizeof(known_layer))};
    ff_code code = ff_path_join(dir->temp, "blobs/sha256", m.blobs, err);
    if (!code)
        code = ff_dir_make(m.blobs, err);
    return code ? code : write_images(&m, dir, packs, job, package, err);
}

ff_code ff_package_image(const ff_manifest *manifest, const ff_pack_options *options,
                         const char *dir, ff_package_progress progress, void *user, ff_arena *arena,
                         ff_package *out, ff_err *err)
{
    package_job job = {.manifest = manifest,
                       .options = options,
                       .target = "image",
                       .max_bytes = FF_LAMBDA_IMAGE_BYTES,
                       .advice = "more workers, or a split that divides the weights",
                       .write = write_all,
                       .progress = progress,
                       .user = user,
                       .arena = arena};
    return ff_package_run(&job, dir, out, err);
}
