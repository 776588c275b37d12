/*
 * One stage: split, stored piece by piece, probed.
 *
 * A piece's model is written plain first (weights in one file of the stage), optimised by ONNX
 * Runtime into a model and weights of its own, read back, and written again with its weights in the
 * file that all pieces of the stage share. Only one piece is in the optimiser at a time, and all
 * weights but the optimiser's are views of files.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "build/build_int.h"

#define WORK_DIR      ".work"
#define WEIGHTS_NAME  "weights.bin" /* of all pieces of a stage */
#define PIECE_WEIGHTS "w%d.bin"     /* of one, where the pieces divide the weights */
#define PLAIN_WEIGHTS "plain.bin"
#define STORED_MODEL  "stored.onnx"
#define STORED_DATA   "stored.bin"

typedef struct stage_at {
    ff_build *b;
    int number;
    ff_pieces pieces;
    ff_mf_stage *out;
    char work[PATH_MAX]; /* folder of what is not kept */
    char dir[PATH_MAX];  /* the stage's folder in the bundle */
} stage_at;

static ff_code plain_path(const stage_at *at, int piece, char *path, ff_err *err)
{
    char name[32];
    snprintf(name, sizeof name, "plain%d.onnx", piece);
    return ff_path_join(at->work, name, path, err);
}

/* Emits g with weights at places of the file `location` and writes it to path. */
static ff_code write_model(const ff_graph *g, const char *location, const ff_onnx_place *places,
                           const char *path, char hex[FF_SHA256_HEX], ff_err *err)
{
    ff_buf model;
    ff_buf_init(&model, 0);
    ff_code code = ff_onnx_emit(g, location, places, &model, err);
    if (code == FF_OK)
        code = ff_file_write(path, ff_buf_view(&model), err);
    if (code == FF_OK && hex != NULL)
        ff_hash_sha256_hex(ff_buf_view(&model), hex);
    ff_buf_clean(&model);
    return code;
}

static ff_code write_plain(stage_at *at, ff_err *err)
{
    char path[PATH_MAX];
    ff_weights *weights = NULL;
    ff_code code = ff_path_join(at->work, PLAIN_WEIGHTS, path, err);
    if (code == FF_OK)
        code = ff_weights_open(path, false, &weights, err);
    for (int i = 0; i < at->pieces.count && code == FF_OK; i++) {
        const ff_graph *g = at->pieces.piece[i].graph;
        ff_onnx_place *places = ff_mem_must_array((size_t)g->value_count + 1, sizeof *places);
        code = ff_weights_add(weights, g, places, err);
        if (code == FF_OK)
            code = plain_path(at, i, path, err);
        if (code == FF_OK)
            code = write_model(g, PLAIN_WEIGHTS, places, path, NULL, err);
        ff_mem_free(places);
        if (code != FF_OK)
            ff_err_wrap(err, "piece %d", i);
    }
    if (code == FF_OK)
        return ff_weights_commit(weights, err);
    ff_weights_abort(weights);
    return code;
}

/* Between two pieces: may it go on, and who wants to know? */
static ff_code begin_piece(stage_at *at, int piece, ff_err *err)
{
    const ff_build *b = at->b;
    if (b->options->stop != NULL && b->options->stop(b->options->user))
        return ff_err_set(err, FF_CANCELLED, "interrupted after %d of %d pieces", b->piece_done,
                          b->piece_all);
    if (b->options->progress == NULL)
        return FF_OK;
    char what[128];
    snprintf(what, sizeof what, "stage %d (%s), piece %d", at->number, at->out->split, piece);
    b->options->progress(b->options->user, at->b->piece_done, b->piece_all, what);
    return FF_OK;
}

/* Tiles share their weights, and the file; where weights are divided, if only those of a product
 * that a grid ends in, a function gets only its own. */
static bool shares_weights(const stage_at *at)
{
    return !ff_split_divides(at->b->plan->stage[at->number].stage.split.kind) &&
           at->pieces.divided_bytes == 0;
}

static void weights_name(const stage_at *at, int piece, char *name, size_t size)
{
    if (shares_weights(at))
        snprintf(name, size, WEIGHTS_NAME);
    else
        snprintf(name, size, PIECE_WEIGHTS, piece);
}

/* Optimised model -> the stage's folder, its weights into the file of the stage or its own. */
static ff_code rewrite(stage_at *at, int i, const char *optimised, ff_weights *weights, ff_err *err)
{
    char name[32];
    ff_mf_piece *piece = &at->out->piece[i];
    ff_arena *arena = at->b->manifest->arena;
    char path[PATH_MAX], hex[FF_SHA256_HEX];
    ff_graph *g = NULL;
    ff_onnx_place *places = NULL;
    ff_code code = ff_onnx_load(optimised, NULL, 0, &g, err);
    if (code != FF_OK)
        return code;
    places = ff_mem_must_array((size_t)g->value_count + 1, sizeof *places);
    code = ff_weights_add(weights, g, places, err);
    bool outside = false;
    for (int v = 0; v < g->value_count; v++)
        outside = outside || places[v].length > 0;
    piece->model = ff_arena_printf(arena, "s%d/p%d.onnx", at->number, i);
    weights_name(at, i, name, sizeof name);
    piece->weights = outside ? ff_arena_printf(arena, "s%d/%s", at->number, name) : "";
    piece->weights_bytes = ff_graph_weight_bytes(g);
    if (code == FF_OK)
        code = ff_path_join(at->b->dir, piece->model, path, err);
    if (code == FF_OK)
        code = write_model(g, outside ? name : NULL, places, path, hex, err);
    if (code == FF_OK)
        piece->model_sha256 = ff_arena_strdup(arena, hex);
    ff_mem_free(places);
    ff_graph_free(g);
    return code;
}

static ff_code store_piece(stage_at *at, int i, ff_weights *weights, ff_err *err)
{
    char plain[PATH_MAX], optimised[PATH_MAX], data[PATH_MAX];
    ff_code code = begin_piece(at, i, err);
    if (code == FF_OK)
        code = plain_path(at, i, plain, err);
    if (code == FF_OK)
        code = ff_path_join(at->work, STORED_MODEL, optimised, err);
    if (code == FF_OK)
        code = ff_path_join(at->work, STORED_DATA, data, err);
    if (code == FF_OK)
        code = ff_engine_optimise(at->b->engine, plain, at->b->options->form, optimised,
                                  STORED_DATA, err);
    if (code == FF_OK)
        code = rewrite(at, i, optimised, weights, err);
    if (code != FF_OK)
        return code;
    (void)unlink(optimised); /* the next piece's may have no weights file */
    (void)unlink(data);
    at->b->piece_done++;
    return FF_OK;
}

/* Pieces [begin, end), with their weights in one file. */
static ff_code store_together(stage_at *at, int begin, int end, ff_err *err)
{
    char path[PATH_MAX], name[32];
    ff_weights *weights = NULL;
    weights_name(at, begin, name, sizeof name);
    ff_code code = ff_path_join(at->dir, name, path, err);
    if (code == FF_OK)
        code = ff_weights_open(path, true, &weights, err);
    for (int i = begin; i < end && code == FF_OK; i++) {
        code = store_piece(at, i, weights, err);
        if (code != FF_OK)
            ff_err_wrap(err, "piece %d", i);
    }
    if (code == FF_OK)
        return ff_weights_commit(weights, err);
    ff_weights_abort(weights);
    return code;
}

static ff_code store_pieces(stage_at *at, ff_err *err)
{
    if (shares_weights(at))
        return store_together(at, 0, at->pieces.count, err);
    ff_code code = FF_OK;
    for (int i = 0; i < at->pieces.count && code == FF_OK; i++)
        code = store_together(at, i, i + 1, err);
    return code;
}

/* The expected answer comes from the plain model; the stored one must give it. */
static ff_code probe_pieces(stage_at *at, ff_err *err)
{
    ff_code code = FF_OK;
    for (int i = 0; i < at->pieces.count && code == FF_OK; i++) {
        ff_mf_piece *piece = &at->out->piece[i];
        char plain[PATH_MAX], stored[PATH_MAX];
        uint64_t seed = (uint64_t)at->number * FF_MAX_TILES + (uint64_t)i + 1;
        code = plain_path(at, i, plain, err);
        if (code == FF_OK)
            code = ff_path_join(at->b->dir, piece->model, stored, err);
        if (code == FF_OK)
            code = ff_probe_make(at->b->engine, plain, seed, at->b->manifest->arena, piece, err);
        if (code == FF_OK && piece->probe.count > 0)
            code = ff_probe_check(at->b->engine, stored, piece, err);
        if (code != FF_OK)
            ff_err_wrap(err, "piece %d", i);
    }
    return code;
}

static ff_mf_part *copy_parts(const stage_at *at, const ff_part *parts, int count)
{
    ff_arena *arena = at->b->manifest->arena;
    ff_mf_part *out = ff_arena_array(arena, (size_t)count + 1, sizeof *out);
    for (int i = 0; i < count; i++) {
        const ff_value *value = &at->b->g->values[parts[i].value];
        out[i] = (ff_mf_part){ff_arena_strdup(arena, value->name), value->dtype, parts[i].region,
                              parts[i].add};
    }
    return out;
}

/* A function for each piece but the master's. */
static ff_code describe_pieces(stage_at *at, ff_err *err)
{
    ff_manifest *m = at->b->manifest;
    at->out->piece_count = at->pieces.count;
    at->out->piece = ff_arena_array(m->arena, (size_t)at->pieces.count, sizeof *at->out->piece);
    for (int i = 0; i < at->pieces.count; i++) {
        const ff_piece *from = &at->pieces.piece[i];
        ff_mf_piece *piece = &at->out->piece[i];
        bool worker = !at->out->local && !(at->out->own && i == 0);
        if (worker && m->function_count == (int)FF_MAX_FUNCTIONS)
            return ff_err_set(err, FF_LIMIT, "a bundle has at most %u functions", FF_MAX_FUNCTIONS);
        if (worker)
            m->functions[m->function_count] =
                ff_arena_printf(m->arena, "w%d", m->function_count - 1);
        piece->function = worker ? m->function_count++ : 0;
        piece->flops = from->flops;
        piece->in_count = from->in_count;
        piece->in = copy_parts(at, from->in, from->in_count);
        piece->out_count = from->out_count;
        piece->out = copy_parts(at, from->out, from->out_count);
        for (int k = 0; k < from->in_count; k++)
            at->b->last_read[from->in[k].value] = at->number;
    }
    return FF_OK;
}

static ff_code describe(stage_at *at, const ff_stage *stage, ff_err *err)
{
    ff_build *b = at->b;
    ff_arena *arena = b->manifest->arena;
    int *in = NULL, *out = NULL, in_count = 0, out_count = 0;
    char text[64];
    at->out->split = ff_arena_strdup(arena, ff_split_text(&stage->split, text, sizeof text));
    at->out->local = stage->split.kind == FF_SPLIT_LOCAL;
    at->out->own = b->plan->stage[at->number].own;
    ff_stage_borders(b->g, stage->begin, stage->end, &in, &in_count, &out, &out_count);
    at->out->out_count = out_count;
    at->out->out = ff_arena_array(arena, (size_t)out_count + 1, sizeof *at->out->out);
    for (int i = 0; i < out_count; i++) {
        const ff_value *value = &b->g->values[out[i]];
        at->out->out[i] =
            (ff_mf_tensor){ff_arena_strdup(arena, value->name), value->dtype, value->shape};
    }
    ff_mem_free(in);
    ff_mem_free(out);
    return describe_pieces(at, err);
}

ff_code ff_build_stage(ff_build *b, int s, ff_err *err)
{
    const ff_stage *stage = &b->plan->stage[s].stage;
    stage_at at = {.b = b, .number = s, .out = &b->manifest->stage[s]};
    char name[32];
    snprintf(name, sizeof name, "s%d", s);
    ff_code code = ff_path_join(b->dir, WORK_DIR, at.work, err);
    if (code == FF_OK)
        code = ff_path_join(b->dir, name, at.dir, err);
    if (code == FF_OK)
        code = ff_dir_make(at.work, err);
    if (code == FF_OK)
        code = ff_dir_make(at.dir, err);
    if (code == FF_OK)
        code = ff_stage_split(b->g, stage, &at.pieces, err);
    if (code == FF_OK)
        code = describe(&at, stage, err);
    if (code == FF_OK)
        code = write_plain(&at, err);
    if (code == FF_OK)
        code = store_pieces(&at, err);
    if (code == FF_OK)
        code = probe_pieces(&at, err);
    if (code == FF_OK)
        code = ff_dir_remove(at.work, err);
    ff_pieces_clean(&at.pieces);
    if (code != FF_OK)
        ff_err_wrap(err, "stage %d", s);
    return code;
}
