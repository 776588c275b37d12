/*
 * Verifying: the pieces, stage by stage, against the whole model.
 *
 * The pieces are fed with what the pieces before them made, as in a deployment; every tensor that
 * leaves a stage is compared, so the first stage that differs shows.
 */
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "build/build_int.h"
#include "graph/op.h"

#define MAX_MODEL_BYTES ((size_t)FF_MAX_ONNX_HEAD) /* of a piece: its weights lie outside */

typedef struct alive {
    const char *name;
    ff_tensor tensor;
} alive;

typedef struct verifier {
    const ff_manifest *m;
    ff_engine *engine;
    const char *model_path;
    ff_graph *g; /* the whole model */
    void (*progress)(void *user, int done, int all, const char *what);
    void *user;
    int done, all;
    int alive_count, alive_room;
    alive *alive; /* what the master holds */
    ff_tensor *reference;
    int reference_count;
    ff_verify result;
} verifier;

/* The first difference is the one that is told; what follows may come of it. */
static void differs(verifier *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void differs(verifier *v, const char *format, ...)
{
    va_list args;
    if (v->result.ok) {
        va_start(args, format);
        vsnprintf(v->result.difference, sizeof v->result.difference, format, args);
        va_end(args);
    }
    v->result.ok = false;
}

static void tell(verifier *v, const char *what)
{
    if (v->progress != NULL)
        v->progress(v->user, v->done, v->all, what);
    v->done++;
}

/* Takes the tensor. */
static void hold(verifier *v, const char *name, ff_tensor tensor)
{
    if (v->alive_count == v->alive_room) {
        int room = v->alive_room == 0 ? 16 : v->alive_room * 2;
        v->alive =
            ff_mem_must_grow(v->alive, (size_t)v->alive_room, (size_t)room, sizeof *v->alive);
        v->alive_room = room;
    }
    v->alive[v->alive_count++] = (alive){name, tensor};
}

static ff_tensor *find(const verifier *v, const char *name)
{
    for (int i = 0; i < v->alive_count; i++)
        if (strcmp(v->alive[i].name, name) == 0)
            return &v->alive[i].tensor;
    return NULL;
}

static void drop(verifier *v, const char *name)
{
    for (int i = 0; i < v->alive_count; i++) {
        if (strcmp(v->alive[i].name, name) == 0) {
            ff_tensor_clean(&v->alive[i].tensor);
            v->alive[i] = v->alive[--v->alive_count];
            return;
        }
    }
}

static ff_code take_inputs(verifier *v, uint64_t seed, const ff_tensor *inputs, int count,
                           ff_err *err)
{
    const ff_manifest *m = v->m;
    if (count != 0 && count != m->in_count)
        return ff_err_set(err, FF_FORMAT, "the model has %d inputs, %d are given", m->in_count,
                          count);
    for (int i = 0; i < m->in_count; i++) {
        ff_tensor tensor = {0};
        char wanted[128], found[128];
        if (count > 0 && (inputs[i].dtype != m->in[i].dtype ||
                          !ff_shape_equal(&inputs[i].shape, &m->in[i].shape)))
            return ff_err_set(err, FF_FORMAT, "input '%.128s' is %s %s, found %s %s", m->in[i].name,
                              ff_dtype_name(m->in[i].dtype),
                              ff_shape_text(&m->in[i].shape, wanted, sizeof wanted),
                              ff_dtype_name(inputs[i].dtype),
                              ff_shape_text(&inputs[i].shape, found, sizeof found));
        ff_code code = count > 0 ? ff_tensor_copy(&inputs[i], &tensor, err)
                                 : ff_tensor_new(m->in[i].dtype, &m->in[i].shape, &tensor, err);
        if (code != FF_OK)
            return code;
        if (count == 0)
            ff_verify_input(seed, i, &tensor);
        hold(v, m->in[i].name, tensor);
    }
    return FF_OK;
}

/* Stage outputs of all stages, in order: the tensors that are compared. */
static ff_code make_reference(verifier *v, ff_tensor *outputs, ff_err *err)
{
    const ff_manifest *m = v->m;
    ff_tensor *in = ff_mem_must_array((size_t)m->in_count + 1, sizeof *in);
    for (int i = 0; i < m->in_count; i++)
        in[i] = v->alive[i].tensor; /* borrowed */
    for (int s = 0; s < m->stage_count; s++)
        v->reference_count += m->stage[s].out_count;
    v->reference = ff_mem_must_array((size_t)v->reference_count + 1, sizeof *v->reference);
    const char **names = ff_mem_must_array((size_t)v->reference_count + 1, sizeof *names);
    int count = 0;
    for (int s = 0; s < m->stage_count; s++)
        for (int i = 0; i < m->stage[s].out_count; i++)
            names[count++] = m->stage[s].out[i].name;
    tell(v, "whole model");
    ff_code code = FF_OK;
    if (v->g->widened) { /* ONNX Runtime cannot run the original */
        const char **ends = ff_mem_must_array((size_t)m->out_count + 1, sizeof *ends);
        for (int i = 0; i < m->out_count; i++)
            ends[i] = m->out[i].name;
        code = ff_whole_tensors(m, v->g, v->model_path, v->engine, in, ends, m->out_count, outputs,
                                err);
        ff_mem_free(ends);
    } else {
        code = ff_whole_outputs(m, v->model_path, v->engine, in, outputs, err);
    }
    tell(v, "whole model, with the stages' tensors");
    if (code == FF_OK)
        code = ff_whole_tensors(m, v->g, v->model_path, v->engine, in, names, count, v->reference,
                                err);
    ff_mem_free(names);
    ff_mem_free(in);
    return code;
}

static ff_code check_sha256(const ff_mf_piece *piece, const char *path, ff_err *err)
{
    char hex[FF_SHA256_HEX];
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    ff_code code = ff_file_read(path, MAX_MODEL_BYTES, &bytes, err);
    if (code == FF_OK)
        ff_hash_sha256_hex(ff_buf_view(&bytes), hex);
    ff_buf_clean(&bytes);
    if (code == FF_OK && strcmp(hex, piece->model_sha256) != 0)
        code = ff_err_at(err, FF_CHECKSUM, path, 0, "SHA-256 is %s, the manifest says %s", hex,
                         piece->model_sha256);
    return code;
}

static ff_code slice_inputs(const verifier *v, const ff_mf_piece *piece, ff_tensor *in, ff_err *err)
{
    for (int i = 0; i < piece->in_count; i++) {
        const ff_tensor *whole = find(v, piece->in[i].name);
        ff_shape shape = ff_region_shape(&piece->in[i].region);
        if (whole == NULL)
            return ff_err_set(err, FF_INTERNAL, "tensor '%.128s' is gone", piece->in[i].name);
        ff_code code = ff_tensor_new(piece->in[i].dtype, &shape, &in[i], err);
        if (code == FF_OK)
            code = ff_region_slice(whole, &piece->in[i].region, in[i].data, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "input '%.128s'", piece->in[i].name);
            return code;
        }
    }
    return FF_OK;
}

static ff_code gather(const verifier *v, const ff_mf_piece *piece, const ff_tensor *out,
                      ff_err *err)
{
    for (int i = 0; i < piece->out_count; i++) {
        ff_tensor *whole = find(v, piece->out[i].name);
        const ff_region *region = &piece->out[i].region;
        ff_code code = piece->out[i].add ? ff_region_add(whole, region, &out[i], err)
                                         : ff_region_place(whole, region, &out[i], err);
        if (code != FF_OK) {
            ff_err_wrap(err, "output '%.128s'", piece->out[i].name);
            return code;
        }
    }
    return FF_OK;
}

static ff_code run_piece(verifier *v, const ff_mf_piece *piece, const char *path, ff_err *err)
{
    size_t ins = (size_t)piece->in_count + 1, outs = (size_t)piece->out_count + 1;
    ff_tensor *in = ff_mem_must_array(ins, sizeof *in);
    ff_tensor *out = ff_mem_must_array(outs, sizeof *out);
    const char **in_names = ff_mem_must_array(ins, sizeof *in_names);
    const char **out_names = ff_mem_must_array(outs, sizeof *out_names);
    for (int i = 0; i < piece->in_count; i++)
        in_names[i] = piece->in[i].name;
    for (int i = 0; i < piece->out_count; i++)
        out_names[i] = piece->out[i].name;
    ff_code code = slice_inputs(v, piece, in, err);
    if (code == FF_OK)
        code = ff_build_run(v->engine, path, &FF_STORED, in_names, in, piece->in_count, out_names,
                            out, piece->out_count, err);
    if (code == FF_OK)
        code = gather(v, piece, out, err);
    ff_build_clean_tensors(in, piece->in_count);
    ff_build_clean_tensors(out, piece->out_count);
    ff_mem_free(in);
    ff_mem_free(out);
    ff_mem_free(in_names);
    ff_mem_free(out_names);
    return code;
}

static ff_code verify_piece(verifier *v, int s, int p, ff_err *err)
{
    const ff_mf_piece *piece = &v->m->stage[s].piece[p];
    char path[PATH_MAX], what[128];
    snprintf(what, sizeof what, "stage %d (%.32s), piece %d", s, v->m->stage[s].split, p);
    tell(v, what);
    ff_code code = ff_path_join(v->m->dir, piece->model, path, err);
    if (code == FF_OK)
        code = check_sha256(piece, path, err);
    if (code == FF_OK && piece->probe.count > 0) {
        code = ff_probe_check(v->engine, path, piece, err);
        if (code == FF_OK)
            v->result.probes_checked++;
        if (code == FF_MISMATCH) {
            v->result.stage[s].values_ok = false;
            differs(v, "%s (%.128s): %s", what, piece->model, err->message);
            code = FF_OK;
        }
    }
    if (code == FF_OK)
        code = run_piece(v, piece, path, err);
    if (code != FF_OK)
        ff_err_wrap(err, "stage %d, piece %d", s, p);
    v->result.pieces++;
    return code;
}

static ff_code make_outputs(verifier *v, const ff_mf_stage *stage, ff_err *err)
{
    for (int i = 0; i < stage->out_count; i++) {
        ff_tensor tensor = {0};
        ff_code code = ff_tensor_new(stage->out[i].dtype, &stage->out[i].shape, &tensor, err);
        if (code != FF_OK)
            return code;
        memset(tensor.data, 0, tensor.bytes); /* parts may be added */
        hold(v, stage->out[i].name, tensor);
    }
    return FF_OK;
}

/* Worst error of a stage's outputs; the references are done with. */
static ff_code compare(verifier *v, int s, ff_tensor *reference, ff_err *err)
{
    const ff_mf_stage *stage = &v->m->stage[s];
    ff_verify_stage *out = &v->result.stage[s];
    for (int i = 0; i < stage->out_count; i++) {
        ff_diff diff = {0};
        ff_code code = ff_tensor_diff(&reference[i], find(v, stage->out[i].name), &diff, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "output '%.128s'", stage->out[i].name);
            return code;
        }
        if (!ff_diff_ok(&diff, reference[i].dtype)) {
            out->values_ok = false;
            differs(v, "stage %d (%.32s): output '%.128s' has an error of %g at max |value| %g", s,
                    stage->split, stage->out[i].name, diff.max_abs_error, diff.max_abs_reference);
        }
        out->max_abs_error = fmax(out->max_abs_error, diff.max_abs_error);
        out->max_abs_reference = fmax(out->max_abs_reference, diff.max_abs_reference);
        ff_tensor_clean(&reference[i]);
    }
    return FF_OK;
}

/* Pieces of a grid add what a product makes: the weights of the products that lead to it, through
 * what is linear, are shared out. term: by value; marked on the way. */
static uint64_t shared_out(const ff_graph *g, int n, uint8_t *term)
{
    const ff_node *node = &g->nodes[n];
    uint64_t bytes = 0;
    bool sum = ff_op_sum_axes(g, n) != 0, product = sum && ff_op_dense_axis(g, n) >= 0;
    if (node->out[0] == FF_NO_VALUE || term[node->out[0]] == 0)
        return 0;
    for (int i = 0; i < node->in_count; i++) {
        const ff_value *in = node->in[i] == FF_NO_VALUE ? NULL : &g->values[node->in[i]];
        if (product && in != NULL && in->kind == FF_VALUE_WEIGHT && in->shape.rank >= 2)
            bytes += in->data.len;
        else if (!sum && in != NULL && ff_op_linear(g, n, i) != FF_LINEAR_NO)
            term[node->in[i]] = 1;
    }
    return bytes;
}

/* FLOPs, and bytes of weights, of the whole model's nodes between what a stage reads and what it
 * makes. */
static void whole_work(const verifier *v, const ff_mf_stage *stage, ff_verify_stage *out)
{
    const ff_graph *g = v->g;
    uint8_t *wanted = ff_mem_must((size_t)g->value_count + 1);
    uint8_t *border = ff_mem_must((size_t)g->value_count + 1);
    uint8_t *term = ff_mem_must((size_t)g->value_count + 1);
    for (int i = 0; i < stage->piece[0].out_count; i++) {
        int at = ff_graph_find_value(g, stage->piece[0].out[i].name);
        term[at < 0 ? g->value_count : at] = stage->piece[0].out[i].add ? 1 : 0;
    }
    for (int p = 0; p < stage->piece_count; p++)
        for (int i = 0; i < stage->piece[p].in_count; i++) {
            int at = ff_graph_find_value(g, stage->piece[p].in[i].name);
            border[at < 0 ? g->value_count : at] = 1;
        }
    for (int i = 0; i < stage->out_count; i++) {
        int at = ff_graph_find_value(g, stage->out[i].name);
        wanted[at < 0 ? g->value_count : at] = 1;
    }
    for (int n = g->node_count - 1; n >= 0; n--) {
        const ff_node *node = &g->nodes[n];
        bool inside = false;
        for (int k = 0; k < node->out_count; k++)
            inside = inside || (node->out[k] != FF_NO_VALUE && wanted[node->out[k]] != 0 &&
                                border[node->out[k]] == 0);
        if (!inside)
            continue;
        out->whole_flops += ff_node_flops(g, n);
        out->divided_bytes += shared_out(g, n, term);
        for (int i = 0; i < node->in_count + node->captured_count; i++) {
            int in = i < node->in_count ? node->in[i] : node->captured[i - node->in_count];
            if (in != FF_NO_VALUE)
                wanted[in] = 1;
        }
    }
    for (int i = 0; i < g->value_count; i++)
        if (wanted[i] != 0 && g->values[i].kind == FF_VALUE_WEIGHT) {
            out->whole_weights_bytes += g->values[i].data.len;
            out->mask_bytes += g->values[i].dtype == FF_DTYPE_BOOL ? g->values[i].data.len : 0;
        }
    ff_mem_free(wanted);
    ff_mem_free(border);
    ff_mem_free(term);
}

/* Pieces of a split that divides weights hold them once in all, and those of a grid the rows of
 * what it ends in. */
static bool weights_divided(const ff_verify_stage *s)
{
    ff_split split;
    uint64_t most = UINT64_MAX;
    if (ff_split_parse(s->split, &split, NULL) != FF_OK)
        return true;
    if (ff_split_divides(split.kind))
        most = ff_split_weights_most(s->whole_weights_bytes, s->mask_bytes, s->pieces);
    else if (split.kind == FF_SPLIT_GRID && s->divided_bytes > 0)
        most = ff_split_weights_most_grid(s->whole_weights_bytes, s->divided_bytes, s->pieces);
    return s->pieces_weights_bytes <= most;
}

static void describe(const verifier *v, const ff_mf_stage *stage, ff_verify_stage *out)
{
    *out =
        (ff_verify_stage){.split = stage->split, .pieces = stage->piece_count, .values_ok = true};
    double flops = 0;
    whole_work(v, stage, out);
    for (int p = 0; p < stage->piece_count; p++) {
        const ff_mf_piece *piece = &stage->piece[p];
        char path[PATH_MAX];
        uint64_t size = 0;
        bool seen = piece->weights[0] == '\0';
        for (int k = 0; k < p; k++)
            seen = seen || strcmp(stage->piece[k].weights, piece->weights) == 0;
        if (!seen && ff_path_join(v->m->dir, piece->weights, path, NULL) == FF_OK &&
            ff_file_size(path, &size, NULL) == FF_OK)
            out->weights_bytes += size;
        flops += (double)piece->flops;
        out->pieces_weights_bytes += piece->weights_bytes;
        if (piece->weights_bytes > out->largest_weights_bytes)
            out->largest_weights_bytes = piece->weights_bytes;
    }
    out->weights_ok = weights_divided(out);
    out->halo_flops_ratio = out->whole_flops > 0 ? flops / (double)out->whole_flops - 1 : 0;
}

static ff_code verify_stages(verifier *v, ff_err *err)
{
    const ff_manifest *m = v->m;
    int compared = 0;
    for (int s = 0; s < m->stage_count; s++) {
        const ff_mf_stage *stage = &m->stage[s];
        ff_verify_stage *out = &v->result.stage[s];
        describe(v, stage, out);
        if (!out->weights_ok)
            differs(v,
                    "stage %d (%.32s): its pieces hold %llu bytes of weights, the stage has %llu, "
                    "of which they divide %llu",
                    s, stage->split, (unsigned long long)out->pieces_weights_bytes,
                    (unsigned long long)out->whole_weights_bytes,
                    (unsigned long long)(out->divided_bytes > 0 ? out->divided_bytes
                                                                : out->whole_weights_bytes));
        ff_code code = make_outputs(v, stage, err);
        for (int p = 0; p < stage->piece_count && code == FF_OK; p++)
            code = verify_piece(v, s, p, err);
        if (code == FF_OK)
            code = compare(v, s, v->reference + compared, err);
        if (code != FF_OK)
            return code;
        compared += stage->out_count;
        for (int i = 0; i < stage->drop_count; i++)
            drop(v, stage->drop[i]);
    }
    return FF_OK;
}

static ff_code compare_outputs(verifier *v, const ff_tensor *outputs, ff_err *err)
{
    v->result.argmax_equal = true;
    for (int i = 0; i < v->m->out_count; i++) {
        ff_diff diff = {0};
        const ff_tensor *made = find(v, v->m->out[i].name);
        if (made == NULL)
            return ff_err_set(err, FF_INTERNAL, "output '%.128s' is gone", v->m->out[i].name);
        ff_code code = ff_tensor_diff(&outputs[i], made, &diff, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "output '%.128s'", v->m->out[i].name);
            return code;
        }
        if (!ff_diff_ok(&diff, outputs[i].dtype))
            differs(v, "the model's output '%.128s' has an error of %g at max |value| %g",
                    v->m->out[i].name, diff.max_abs_error, diff.max_abs_reference);
        v->result.argmax_equal =
            v->result.argmax_equal && ff_diff_argmax_ok(&diff, outputs[i].dtype);
        /* the worst is the one with the largest error for its size */
        if (i == 0 || diff.max_abs_error * v->result.max_abs_reference >
                          v->result.max_abs_error * diff.max_abs_reference) {
            v->result.max_abs_error = diff.max_abs_error;
            v->result.max_abs_reference = diff.max_abs_reference;
        }
    }
    return FF_OK;
}

static ff_code load_whole(verifier *v, ff_err *err)
{
    const ff_manifest *m = v->m;
    int block = ff_engine_nchwc_block();
    if (strcmp(m->form, "nchwc") == 0 && m->nchwc_block != block)
        return ff_err_set(err, FF_UNSUPPORTED,
                          "the bundle is for CPUs of NCHWc block size %d, this one's is %d",
                          m->nchwc_block, block);
    ff_onnx_shape *shapes = ff_mem_must_array((size_t)m->in_count + 1, sizeof *shapes);
    for (int i = 0; i < m->in_count; i++)
        shapes[i] = (ff_onnx_shape){m->in[i].name, m->in[i].shape};
    ff_code code = ff_onnx_load(v->model_path, shapes, m->in_count, &v->g, err);
    ff_mem_free(shapes);
    v->all = 2;
    for (int s = 0; s < m->stage_count; s++)
        v->all += m->stage[s].piece_count;
    v->result.ok = true;
    v->result.stage_count = m->stage_count;
    v->result.stage = ff_mem_must_array((size_t)m->stage_count + 1, sizeof *v->result.stage);
    return code;
}

ff_code ff_verify_bundle(const ff_manifest *manifest, const char *model_path, ff_engine *engine,
                         uint64_t seed, const ff_tensor *inputs, int input_count,
                         void (*progress)(void *user, int done, int all, const char *what),
                         void *user, ff_verify *out, ff_err *err)
{
    verifier v = {.m = manifest,
                  .engine = engine,
                  .model_path = model_path,
                  .progress = progress,
                  .user = user};
    ff_tensor *outputs = ff_mem_must_array((size_t)manifest->out_count + 1, sizeof *outputs);
    ff_code code = load_whole(&v, err);
    if (code == FF_OK)
        code = take_inputs(&v, seed, inputs, input_count, err);
    if (code == FF_OK)
        code = make_reference(&v, outputs, err);
    if (code == FF_OK)
        code = verify_stages(&v, err);
    if (code == FF_OK)
        code = compare_outputs(&v, outputs, err);
    if (code == FF_OK && progress != NULL)
        progress(user, v.all, v.all, "done");
    for (int i = 0; i < v.alive_count; i++)
        ff_tensor_clean(&v.alive[i].tensor);
    ff_mem_free(v.alive);
    ff_build_clean_tensors(v.reference, v.reference_count);
    ff_mem_free(v.reference);
    ff_build_clean_tensors(outputs, manifest->out_count);
    ff_mem_free(outputs);
    ff_graph_free(v.g);
    if (code == FF_OK)
        *out = v.result;
    else
        ff_verify_clean(&v.result);
    return code;
}

void ff_verify_clean(ff_verify *verify)
{
    ff_mem_free(verify->stage);
    *verify = (ff_verify){0};
}
