#include "deploy/pack.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/units.h"
#include "deploy/elf.h"
#include "deploy/libraries.h"

#define CHUNK (1u << 20)

typedef struct packer {
    const ff_manifest *manifest;
    const ff_pack_options *options;
    ff_arena *arena;
    ff_libraries libraries;
} packer;

static ff_code add(const packer *p, ff_pack *pack, ff_pack_part part, const char *name,
                   const char *path, int mode, ff_err *err)
{
    ff_pack_file *file = &pack->file[pack->count];
    *file = (ff_pack_file){.name = ff_arena_strdup(p->arena, name),
                           .path = ff_arena_strdup(p->arena, path),
                           .mode = mode,
                           .part = part};
    ff_code code = ff_file_size(path, &file->size, err);
    if (code)
        return code;
    pack->count++;
    pack->bytes += file->size;
    pack->part_bytes[part] += file->size;
    return FF_OK;
}

static void add_text(ff_pack *pack, ff_pack_part part, const char *name, const char *text)
{
    ff_bytes bytes = ff_bytes_of(text, strlen(text));
    pack->file[pack->count++] =
        (ff_pack_file){.name = name, .bytes = bytes, .size = bytes.len, .mode = 0644, .part = part};
    pack->bytes += bytes.len;
    pack->part_bytes[part] += bytes.len;
}

static ff_code add_own(const packer *p, ff_pack *pack, const char *name, ff_err *err)
{
    char path[PATH_MAX];
    for (int i = 0; i < pack->count; i++)
        if (!strcmp(pack->file[i].name, name))
            return FF_OK; /* weights that several of its pieces share */
    ff_code code = ff_path_join(p->manifest->dir, name, path, err);
    return code ? code : add(p, pack, FF_PACK_PIECE, name, path, 0644, err);
}

static ff_code add_pieces(const packer *p, ff_pack *pack, int function, ff_err *err)
{
    const ff_manifest *m = p->manifest;
    ff_code code = add_own(p, pack, "manifest.json", err);
    for (int s = 0; !code && s < m->stage_count; s++)
        for (int i = 0; !code && i < m->stage[s].piece_count; i++) {
            const ff_mf_piece *piece = &m->stage[s].piece[i];
            if (piece->function != function)
                continue;
            code = add_own(p, pack, piece->model, err);
            if (!code && *piece->weights)
                code = add_own(p, pack, piece->weights, err);
        }
    return code;
}

static ff_code add_runtime(const packer *p, ff_pack *pack, ff_err *err)
{
    const ff_pack_options *o = p->options;
    ff_code code = add(p, pack, FF_PACK_RUNTIME, "bootstrap", o->bootstrap, 0755, err);
    if (!code)
        code = add(p, pack, FF_PACK_RUNTIME, "ca-certificates.crt", o->ca_bundle, 0644, err);
    if (!code)
        add_text(pack, FF_PACK_PIECE, "environment",
                 ff_arena_printf(p->arena, "FANFOLD_FUNCTION=%s\nFANFOLD_LOADER=%s\n",
                                 pack->function, p->libraries.loader));
    if (!code)
        code = add(p, pack, FF_PACK_RUNTIME, "fanfold-function", o->program, 0755, err);
    for (int i = 0; !code && i < p->libraries.count; i++) {
        const ff_library *l = &p->libraries.library[i];
        code = add(p, pack, FF_PACK_LIBRARY, ff_arena_printf(p->arena, "lib/%s", l->name), l->path,
                   0755, err);
    }
    return code;
}

static size_t most_files(const packer *p)
{
    size_t pieces = 0;
    for (int s = 0; s < p->manifest->stage_count; s++)
        pieces += (size_t)p->manifest->stage[s].piece_count;
    return 5 + (size_t)p->libraries.count + 2 * pieces;
}

/* Everything that will run together is of one architecture. */
static ff_code check_arch(const packer *p, ff_err *err)
{
    const ff_pack_options *o = p->options;
    char wanted[32], found[32];
    const char *arch = o->arch ? o->arch : p->manifest->arch;
    int machine = ff_elf_machine(arch);
    if (!machine)
        return ff_err_set(err, FF_USAGE, "wanted the architecture x86_64 or arm64, found '%.40s'",
                          arch);
    ff_elf_arch(machine, wanted, sizeof wanted);
    if (ff_elf_machine(p->manifest->arch) != machine)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "a package for %s wants a bundle built for it, and %s is for %.40s",
                          wanted, p->manifest->dir, p->manifest->arch);
    const char *const programs[] = {o->bootstrap, o->program};
    for (size_t i = 0; i < 2; i++) {
        ff_map map = {0};
        ff_elf elf = {0};
        ff_code code = ff_elf_map(programs[i], &map, &elf, err);
        ff_file_unmap(&map);
        if (!code && elf.machine != machine)
            code = ff_err_set(err, FF_UNSUPPORTED, "wanted a program for %s, found one for %s",
                              wanted, ff_elf_arch(elf.machine, found, sizeof found));
        if (!code && i == 0 && elf.needed_count)
            code = ff_err_set(err, FF_UNSUPPORTED,
                              "wanted a static program: it starts before any library is there");
        if (code) {
            ff_err_in_file(err, programs[i]);
            return code;
        }
    }
    return FF_OK;
}

ff_code ff_pack_all(const ff_manifest *manifest, const ff_pack_options *options, ff_arena *arena,
                    ff_pack **out, ff_err *err)
{
    packer p = {manifest, options, arena, {0}};
    ff_code code = check_arch(&p, err);
    if (!code)
        code = ff_libraries_find(options->program, options->root ? options->root : "",
                                 options->library_dirs, arena, &p.libraries, err);
    ff_pack *packs = ff_arena_array(arena, (size_t)manifest->function_count, sizeof *packs);
    for (int f = 0; !code && f < manifest->function_count; f++) {
        packs[f].function = manifest->functions[f];
        packs[f].name =
            ff_arena_printf(arena, "%s-%s", manifest->deployment, manifest->functions[f]);
        packs[f].file = ff_arena_array(arena, most_files(&p), sizeof(ff_pack_file));
        code = add_runtime(&p, &packs[f], err);
        if (!code)
            code = add_pieces(&p, &packs[f], f, err);
    }
    if (!code)
        *out = packs;
    return code;
}

ff_code ff_pack_check_size(const ff_pack *pack, uint64_t max_bytes, const char *advice, ff_err *err)
{
    char runtime[32], libraries[32], pieces[32];
    if (pack->bytes <= max_bytes)
        return FF_OK;
    return ff_err_set(
        err, FF_LIMIT,
        "the package of %s has %llu bytes unpacked, at most %llu are allowed: programs %s, "
        "libraries "
        "%s, pieces and weights %s; %s",
        pack->name, (unsigned long long)pack->bytes, (unsigned long long)max_bytes,
        ff_units_bytes(pack->part_bytes[FF_PACK_RUNTIME], runtime, sizeof runtime),
        ff_units_bytes(pack->part_bytes[FF_PACK_LIBRARY], libraries, sizeof libraries),
        ff_units_bytes(pack->part_bytes[FF_PACK_PIECE], pieces, sizeof pieces), advice);
}

ff_code ff_pack_read(const ff_pack_file *file, ff_pack_sink sink, void *user, ff_err *err)
{
    ff_map map = {0};
    if (!file->path)
        return sink(user, file->bytes.data, file->bytes.len, err);
    ff_code code = ff_file_map(file->path, &map, err);
    if (code)
        return code;
    if (map.len != file->size)
        code = ff_err_at(err, FF_CONFLICT, file->path, 0,
                         "has %zu bytes, and had %llu when the package was begun", map.len,
                         (unsigned long long)file->size);
    for (size_t at = 0; !code && at < map.len; at += CHUNK) {
        size_t left = map.len - at;
        code = sink(user, map.data + at, left < CHUNK ? left : CHUNK, err);
    }
    ff_file_unmap(&map);
    return code;
}
