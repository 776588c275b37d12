/*
 * Pieces in process: slice inputs, run, place outputs, compare with the whole model.
 */
#include "support/run_pieces.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/onnx.h"

ff_code run_whole(ff_engine *engine, const ff_graph *p, const ff_tensor *in, ff_tensor *out,
                  ff_err *err)
{
    static const ff_session_options OPTIONS = {0};
    ff_buf model;
    ff_session *session = NULL;
    ff_tensor *ordered = ff_mem_must_array((size_t)p->input_count + 1, sizeof *ordered);
    ff_buf_init(&model, 0);
    ff_code code = ff_onnx_emit(p, NULL, NULL, &model, err);
    if (code == FF_OK) {
        code = ff_session_open_bytes(engine, ff_buf_view(&model), NULL, &OPTIONS, &session, err);
    }
    if (code == FF_OK && (ff_session_in_count(session) != p->input_count ||
                          ff_session_out_count(session) != p->output_count)) {
        code = ff_err_set(err, FF_INTERNAL, "the session has other inputs or outputs");
    }
    for (int i = 0; code == FF_OK && i < p->input_count; i++) {
        for (int k = 0; k < p->input_count; k++) {
            if (strcmp(ff_session_in_name(session, i), p->values[p->inputs[k]].name) == 0) {
                ordered[i] = in[k];
            }
        }
    }
    if (code == FF_OK) {
        code = ff_session_run(session, ordered, p->input_count, out, p->output_count, err);
    }
    for (int i = 0; code == FF_OK && i < p->output_count; i++) {
        if (strcmp(ff_session_out_name(session, i), p->values[p->outputs[i]].name) != 0) {
            code = ff_err_set(err, FF_INTERNAL, "the session's outputs are in another order");
        }
    }
    ff_session_close(session);
    ff_buf_clean(&model);
    ff_mem_free(ordered);
    return code;
}

static void fill(ff_tensor *t, ff_random *random)
{
    for (size_t i = 0; i < t->bytes / sizeof(float); i++) {
        float x = (float)ff_random_normal(random);
        memcpy(t->data + i * sizeof x, &x, sizeof x);
    }
}

/* whole: tensors of the whole graph by value; those that pieces make are allocated on first use. */
static ff_code run_piece(ff_engine *engine, const ff_graph *g, const ff_piece *piece,
                         ff_tensor *whole, ff_err *err)
{
    ff_tensor *in = ff_mem_must_array((size_t)piece->in_count + 1, sizeof *in);
    ff_tensor *out = ff_mem_must_array((size_t)piece->out_count + 1, sizeof *out);
    ff_code code = FF_OK;
    for (int i = 0; i < piece->in_count && code == FF_OK; i++) {
        const ff_tensor *from = &whole[piece->in[i].value];
        ff_shape shape = ff_region_shape(&piece->in[i].region);
        code = ff_tensor_new(from->dtype, &shape, &in[i], err);
        if (code == FF_OK) {
            code = ff_region_slice(from, &piece->in[i].region, in[i].data, err);
        }
    }
    if (code == FF_OK) {
        code = run_whole(engine, piece->graph, in, out, err);
    }
    for (int i = 0; i < piece->out_count && code == FF_OK; i++) {
        int v = piece->out[i].value;
        if (whole[v].data == NULL) {
            code = ff_tensor_new(g->values[v].dtype, &g->values[v].shape, &whole[v], err);
            if (code == FF_OK) { /* what no piece places is seen */
                memset(whole[v].data, piece->out[i].add ? 0 : 0x7f, whole[v].bytes);
            }
        }
        if (code == FF_OK) {
            code = (piece->out[i].add ? ff_region_add : ff_region_place)(
                &whole[v], &piece->out[i].region, &out[i], err);
        }
    }
    for (int i = 0; i < piece->in_count; i++) {
        ff_tensor_clean(&in[i]);
    }
    for (int i = 0; i < piece->out_count; i++) {
        ff_tensor_clean(&out[i]);
    }
    ff_mem_free(in);
    ff_mem_free(out);
    return code;
}

static ff_code run_stages(ff_engine *engine, const ff_graph *g, const ff_stage *stages, int count,
                          ff_tensor *whole, run_result *result, ff_err *err)
{
    ff_code code = FF_OK;
    for (int s = 0; s < count && code == FF_OK; s++) {
        ff_pieces pieces = {0};
        char text[64];
        code = ff_stage_split(g, &stages[s], &pieces, err);
        for (int i = 0; i < pieces.count && code == FF_OK; i++) {
            code = run_piece(engine, g, &pieces.piece[i], whole, err);
            result->flops += pieces.piece[i].flops;
            if (code != FF_OK) {
                ff_err_wrap(err, "piece %d", i);
            }
        }
        if (code != FF_OK) {
            ff_err_wrap(err, "stage %d (nodes %d to %d, %s)", s, stages[s].begin, stages[s].end - 1,
                        ff_split_text(&stages[s].split, text, sizeof text));
        }
        result->pieces += pieces.count;
        result->whole_flops += pieces.whole_flops;
        ff_pieces_clean(&pieces);
    }
    return code;
}

static ff_code compare(const ff_graph *g, const ff_tensor *reference, const ff_tensor *results,
                       run_result *result, ff_err *err)
{
    for (int i = 0; i < g->output_count; i++) {
        ff_diff diff;
        const ff_tensor *made = &results[i];
        ff_code code = ff_tensor_diff(&reference[i], made, &diff, err);
        if (code != FF_OK) {
            return code;
        }
        double scale = diff.max_abs_reference > 0 ? diff.max_abs_reference : 1;
        result->worst = fmax(result->worst, diff.max_abs_error / scale);
        if (!ff_diff_ok(&diff, made->dtype)) {
            return ff_err_set(err, FF_MISMATCH, "output '%s' differs by %g of %g, in %llu elements",
                              g->values[g->outputs[i]].name, diff.max_abs_error,
                              diff.max_abs_reference, (unsigned long long)diff.differing);
        }
    }
    return FF_OK;
}

/* Borrows what the caller gave: the tensors of the graph's inputs. */
static void lend_inputs(const ff_graph *g, const ff_tensor *in, ff_tensor *whole)
{
    for (int i = 0; i < g->input_count; i++) {
        whole[g->inputs[i]] = in[i];
        whole[g->inputs[i]].release = NULL;
    }
}

/* An output that no piece makes: a graph input or a weight. */
static ff_code copy_unmade(const ff_graph *g, ff_tensor *whole, ff_err *err)
{
    ff_code code = FF_OK;
    for (int i = 0; i < g->output_count && code == FF_OK; i++) {
        const ff_value *v = &g->values[g->outputs[i]];
        ff_tensor *t = &whole[g->outputs[i]];
        if (v->kind == FF_VALUE_WEIGHT && t->data == NULL) {
            code = ff_tensor_new(v->dtype, &v->shape, t, err);
            if (code == FF_OK && t->bytes > 0) {
                memcpy(t->data, v->data.data, t->bytes);
            }
        }
    }
    return code;
}

ff_code run_in_pieces(ff_engine *engine, const ff_graph *g, const ff_stage *stages, int stage_count,
                      const ff_tensor *in, ff_tensor *out, run_result *result, ff_err *err)
{
    ff_tensor *whole = ff_mem_must_array((size_t)g->value_count + 1, sizeof *whole);
    ff_tensor *made = ff_mem_must_array((size_t)g->output_count + 1, sizeof *made);
    lend_inputs(g, in, whole);
    ff_code code = run_stages(engine, g, stages, stage_count, whole, result, err);
    if (code == FF_OK) {
        code = copy_unmade(g, whole, err);
    }
    for (int i = 0; i < g->output_count && code == FF_OK; i++) {
        code = ff_tensor_copy(&whole[g->outputs[i]], &made[i], err);
    }
    for (int i = 0; i < g->output_count; i++) {
        if (code == FF_OK) {
            out[i] = made[i];
        } else {
            ff_tensor_clean(&made[i]);
        }
    }
    for (int v = 0; v < g->value_count; v++) {
        ff_tensor_clean(&whole[v]);
    }
    ff_mem_free(made);
    ff_mem_free(whole);
    return code;
}

static ff_code make_inputs(const ff_graph *g, uint64_t seed, ff_tensor *in, ff_err *err)
{
    ff_random random;
    ff_code code = FF_OK;
    ff_random_init(&random, seed);
    for (int i = 0; i < g->input_count && code == FF_OK; i++) {
        int v = g->inputs[i];
        code = ff_tensor_new(g->values[v].dtype, &g->values[v].shape, &in[i], err);
        if (code == FF_OK) {
            fill(&in[i], &random);
        }
    }
    return code;
}

ff_code run_and_compare(ff_engine *engine, const ff_graph *g, const ff_stage *stages,
                        int stage_count, uint64_t seed, run_result *result, ff_err *err)
{
    ff_tensor *in = ff_mem_must_array((size_t)g->input_count + 1, sizeof *in);
    ff_tensor *reference = ff_mem_must_array((size_t)g->output_count + 1, sizeof *reference);
    ff_tensor *made = ff_mem_must_array((size_t)g->output_count + 1, sizeof *made);
    *result = (run_result){0};
    ff_code code = make_inputs(g, seed, in, err);
    if (code == FF_OK) {
        code = run_whole(engine, g, in, reference, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "the whole model");
        }
    }
    if (code == FF_OK) {
        code = run_in_pieces(engine, g, stages, stage_count, in, made, result, err);
    }
    if (code == FF_OK) {
        code = compare(g, reference, made, result, err);
    }
    for (int i = 0; i < g->output_count; i++) {
        ff_tensor_clean(&reference[i]);
        ff_tensor_clean(&made[i]);
    }
    for (int i = 0; i < g->input_count; i++) {
        ff_tensor_clean(&in[i]);
    }
    ff_mem_free(made);
    ff_mem_free(reference);
    ff_mem_free(in);
    return code;
}
