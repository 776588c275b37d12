/*
 * The interface of op.h over the table: checks that hold for every op, needs, and adding nodes.
 */
#include "graph/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/op_int.h"

ff_op_at ff_op_look(const ff_graph *g, int node)
{
    const ff_node *n = &g->nodes[node];
    ff_op_at at = {.g = g, .node = n, .index = node, .opset = ff_graph_opset(g, "")};
    if (n->out_count > 0 && n->out[0] != FF_NO_VALUE && g->values[n->out[0]].has_shape) {
        at.out = &g->values[n->out[0]].shape;
    }
    return at;
}

static bool reads(const ff_op_entry *entry, const ff_op_at *at, int i)
{
    return ff_op_has_in(at, i) && (entry->reads == NULL || entry->reads(at, i));
}

bool ff_op_no(char *why, size_t size, const char *fmt, ...)
{
    if (why != NULL && size > 0) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(why, size, fmt, args);
        va_end(args);
    }
    return false;
}

/* All outputs have the rank of the first one, and its length on the axis. */
static bool outputs_agree(const ff_op_at *at, int axis, char *why, size_t size)
{
    for (int k = 1; k < at->node->out_count; k++) {
        int v = at->node->out[k];
        if (v == FF_NO_VALUE) {
            continue;
        }
        const ff_value *value = &at->g->values[v];
        if (!value->has_shape || value->shape.rank != at->out->rank ||
            value->shape.dim[axis] != at->out->dim[axis]) {
            return ff_op_no(why, size, "its output '%.100s' has another shape", value->name);
        }
    }
    return true;
}

/* What the map says holds for the shapes as they are. */
static bool map_fits(const ff_op_at *at, const ff_op_entry *entry, int axis, int i, char *why,
                     size_t size)
{
    ff_axis_map m = entry->map(at, axis, i);
    if (m.kind == FF_AXIS_NONE || m.kind == FF_AXIS_ALL) {
        return true;
    }
    const ff_shape *in = ff_op_in(at, i);
    if (m.in_axis < 0 || m.in_axis >= in->rank) {
        return ff_op_no(why, size, "input %d has %d axes", i, in->rank);
    }
    int64_t want = m.kind == FF_AXIS_SAME    ? at->out->dim[axis]
                   : m.kind == FF_AXIS_BCAST ? 1
                                             : m.in_len;
    want *= m.kind == FF_AXIS_GROUPS && m.runs > 1 ? m.runs : 1;
    if (in->dim[m.in_axis] != want) {
        return ff_op_no(why, size, "axis %d of input %d has length %lld, expected %lld", m.in_axis,
                        i, (long long)in->dim[m.in_axis], (long long)want);
    }
    if ((m.kind == FF_AXIS_WINDOW || m.kind == FF_AXIS_SHIFT) &&
        !ff_op_touches(&m, at->out->dim[axis])) {
        return ff_op_no(why, size, "its windows reach nothing but padding on axis %d", axis);
    }
    return true;
}

/* Lengths that arithmetic can do with: no sum or product of one with an attribute overflows. */
static bool lengths_fit(const ff_shape *shape, int64_t least)
{
    for (int a = 0; a < shape->rank; a++) {
        if (shape->dim[a] < least || shape->dim[a] > (int64_t)FF_MAX_TENSOR_BYTES) {
            return false;
        }
    }
    return true;
}

bool ff_op_shapes_known(const ff_op_at *at, char *why, size_t size)
{
    if (at->out == NULL || !ff_op_has_in(at, 0)) {
        return ff_op_no(why, size, "the shape of its output is not known");
    }
    for (int i = 0; i < at->node->in_count; i++) {
        if (!ff_op_has_in(at, i)) {
            continue;
        }
        const ff_shape *shape = ff_op_in(at, i);
        if (shape == NULL) {
            return ff_op_no(why, size, "the shape of its input '%.100s' is not known",
                            at->g->values[at->node->in[i]].name);
        }
        if (!lengths_fit(shape, i == 0 ? 1 : 0) || !lengths_fit(at->out, 1)) {
            return ff_op_no(why, size,
                            "an axis of its output or of its input %d is empty or too "
                            "long",
                            i);
        }
    }
    return true;
}

bool ff_op_passes(const ff_graph *g, int node, int axis, char *why, size_t size)
{
    ff_op_at at = ff_op_look(g, node);
    if (at.node->has_subgraph || at.node->captured_count > 0) {
        return ff_op_no(why, size, "it runs a subgraph");
    }
    const ff_op_entry *entry = ff_op_find(at.node);
    if (entry == NULL) {
        return ff_op_no(why, size, "op %s%s%.60s is not in the table of splittable ops",
                        at.node->domain, at.node->domain[0] != '\0' ? "." : "", at.node->op);
    }
    if (!ff_op_shapes_known(&at, why, size)) {
        return false;
    }
    if (axis < 0 || axis >= at.out->rank) {
        return ff_op_no(why, size, "its output has %d axes, none of number %d", at.out->rank, axis);
    }
    if (!outputs_agree(&at, axis, why, size) || !entry->passes(&at, axis, why, size)) {
        return false;
    }
    for (int i = 0; i < at.node->in_count; i++) {
        if (reads(entry, &at, i) && !map_fits(&at, entry, axis, i, why, size)) {
            return false;
        }
    }
    return true;
}

bool ff_op_reads(const ff_graph *g, int node, int input)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return ff_op_has_in(&at, input) && (entry == NULL || reads(entry, &at, input));
}

ff_axis_map ff_op_axis(const ff_graph *g, int node, int axis, int input)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    if (entry == NULL || at.out == NULL || !reads(entry, &at, input)) {
        return ff_op_map_none();
    }
    return entry->map(&at, axis, input);
}

ff_region ff_op_output_region(const ff_graph *g, int node, const ff_region *out, int k)
{
    const ff_node *n = &g->nodes[node];
    const ff_shape *first = &g->values[n->out[0]].shape;
    const ff_shape *shape = &g->values[n->out[k]].shape;
    ff_region r = ff_region_whole(shape);
    for (int a = 0; a < shape->rank && a < out->rank; a++) {
        if (out->lo[a] != 0 || out->hi[a] != first->dim[a]) {
            r.lo[a] = out->lo[a];
            r.hi[a] = out->hi[a];
        }
    }
    return r;
}

static bool is_cut(const ff_op_at *at, const ff_region *out, int axis)
{
    return out->lo[axis] != 0 || out->hi[axis] != at->out->dim[axis];
}

/* Fills need, and cover: the part of output 0 that the node computes from it. */
static ff_code work_out(const ff_op_at *at, const ff_region *out, ff_need *need, ff_region *cover,
                        ff_err *err)
{
    const ff_op_entry *entry = ff_op_find(at->node);
    char why[256], text[256];
    *cover = *out;
    for (int i = 0; i < at->node->in_count; i++) {
        need[i] = (ff_need){.reads = ff_op_has_in(at, i) && (entry == NULL || reads(entry, at, i))};
        if (need[i].reads && ff_op_in(at, i) != NULL) {
            need[i].region = ff_region_whole(ff_op_in(at, i));
        }
    }
    for (int a = 0; a < out->rank; a++) {
        if (!is_cut(at, out, a)) {
            continue;
        }
        if (!ff_op_passes(at->g, at->index, a, why, sizeof why)) {
            return ff_err_set(err, FF_UNSUPPORTED, "%s cannot be cut along axis %d: %s",
                              ff_node_text(at->g, at->index, text, sizeof text), a, why);
        }
        ff_axis_map first = entry->map(at, a, 0);
        if (entry->widen != NULL) {
            entry->widen(at, a, &cover->lo[a], &cover->hi[a]);
        }
        ff_op_cover_of(&first, &cover->lo[a], &cover->hi[a]);
        bool blocks = first.kind == FF_AXIS_BLOCKS;
        for (int i = 0; i < at->node->in_count; i++) {
            ff_axis_map m = need[i].reads ? entry->map(at, a, i) : ff_op_map_none();
            if (m.kind != FF_AXIS_NONE && m.kind != FF_AXIS_ALL) {
                ff_op_need_of(&m, blocks ? out->lo[a] : cover->lo[a],
                              blocks ? out->hi[a] : cover->hi[a], &need[i].region.lo[m.in_axis],
                              &need[i].region.hi[m.in_axis]);
            }
        }
        if (blocks) {
            cover->lo[a] = need[0].region.lo[first.in_axis] * first.stride;
            cover->hi[a] = need[0].region.hi[first.in_axis] * first.stride;
        }
    }
    return FF_OK;
}

static ff_code check_region(const ff_op_at *at, const ff_region *out, ff_err *err)
{
    char text[256];
    if (at->out == NULL) {
        return ff_err_set(err, FF_UNSUPPORTED, "the shape of the output of %s is not known",
                          ff_node_text(at->g, at->index, text, sizeof text));
    }
    return ff_region_check(out, at->out, err);
}

ff_code ff_op_needs(const ff_graph *g, int node, const ff_region *out, ff_need *need, ff_err *err)
{
    ff_op_at at = ff_op_look(g, node);
    ff_region cover;
    ff_need *found = ff_mem_must_array((size_t)at.node->in_count + 1, sizeof *found);
    ff_code code = check_region(&at, out, err);
    if (code == FF_OK) {
        code = work_out(&at, out, found, &cover, err);
    }
    if (code == FF_OK && at.node->in_count > 0) {
        memcpy(need, found, (size_t)at.node->in_count * sizeof *need);
    }
    ff_mem_free(found);
    return code;
}

/* Values for what the node computes beyond what was asked for; the others are passed through. */
static ff_code add_wide_outputs(const ff_op_at *at, const ff_region *cover, ff_graph *p,
                                const int *out_values, int *wide, ff_err *err)
{
    for (int k = 0; k < at->node->out_count; k++) {
        wide[k] = out_values[k];
        if (out_values[k] == FF_NO_VALUE) {
            continue;
        }
        ff_region region = ff_op_output_region(at->g, at->index, cover, k);
        ff_shape shape = ff_region_shape(&region);
        const ff_value *value = &p->values[out_values[k]];
        const char *base = ff_arena_printf(p->arena, "%s/wide", value->name);
        ff_code code = ff_graph_add_value(p, ff_op_fresh_name(at->g, p, base), FF_VALUE_NODE,
                                          value->dtype, &shape, &wide[k], err);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static ff_code emit_node(const ff_op_at *at, const ff_region *cover, const ff_need *need,
                         ff_graph *p, const int *in, const int *out_values, ff_err *err)
{
    const ff_op_entry *entry = ff_op_find(at->node);
    if (entry == NULL || entry->emit == NULL) {
        ff_op_copy(at->g, at->index, p, in, out_values, NULL);
        return FF_OK;
    }
    ff_op_job job = {at, cover, need, p, in, out_values};
    return entry->emit(&job, err);
}

ff_code ff_op_emit(const ff_graph *g, int node, const ff_region *out, ff_graph *p, const int *in,
                   const int *out_values, ff_err *err)
{
    ff_op_at at = ff_op_look(g, node);
    size_t outs = (size_t)at.node->out_count;
    ff_need *need = ff_mem_must_array((size_t)at.node->in_count + 1, sizeof *need);
    int *wide = ff_mem_must_array(outs + 1, sizeof *wide);
    ff_region cover;
    ff_code code = check_region(&at, out, err);
    if (code == FF_OK) {
        code = work_out(&at, out, need, &cover, err);
    }
    if (code != FF_OK) {
        goto fail;
    }
    if (ff_region_equal(&cover, out)) {
        code = emit_node(&at, out, need, p, in, out_values, err);
        goto fail;
    }
    code = add_wide_outputs(&at, &cover, p, out_values, wide, err);
    if (code == FF_OK) {
        code = emit_node(&at, &cover, need, p, in, wide, err);
    }
    for (size_t k = 0; k < outs && code == FF_OK; k++) {
        if (out_values[k] != FF_NO_VALUE) {
            ff_region have = ff_op_output_region(g, node, &cover, (int)k);
            ff_region part = ff_op_output_region(g, node, out, (int)k);
            code = ff_op_emit_slice(g, p, wide[k], &have, &part, out_values[k], err);
        }
    }
fail:
    ff_mem_free(need);
    ff_mem_free(wide);
    return code;
}

bool ff_op_merges(const ff_graph *g, int node, int axis, int *first, int *last)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return entry != NULL && entry->merges != NULL && ff_op_passes(g, node, axis, NULL, 0) &&
           entry->merges(&at, axis, first, last);
}

int ff_op_divided_axis(const ff_graph *g, int node)
{
    ff_op_at at = ff_op_look(g, node);
    const ff_op_entry *entry = ff_op_find(at.node);
    return entry == NULL || entry->divided == NULL || !ff_op_shapes_known(&at, NULL, 0)
               ? -1
               : entry->divided(&at);
}

ff_code ff_op_emit_sized(const ff_graph *g, int node, ff_graph *p, const int *in,
                         const int *out_values, ff_err *err)
{
    ff_op_at at = ff_op_look(g, node);
    ff_region whole = ff_region_whole(at.out);
    return emit_node(&at, &whole, NULL, p, in, out_values, err);
}

int ff_op_add(const ff_op_job *job, const int *in, int in_count, const char *const *skip)
{
    const ff_node *n = job->at->node;
    int added =
        ff_graph_add_node(job->p, n->name, n->op, n->domain, in, in_count, job->out, n->out_count);
    for (int i = 0; i < n->attr_count; i++) {
        bool skipped = false;
        for (int k = 0; skip != NULL && skip[k] != NULL; k++) {
            skipped = skipped || strcmp(skip[k], n->attrs[i].name) == 0;
        }
        if (!skipped) {
            ff_graph_copy_attr(job->p, added, &n->attrs[i]);
        }
    }
    return added;
}

void ff_op_copy(const ff_graph *g, int node, ff_graph *p, const int *in, const int *out_values,
                const int *captured)
{
    ff_op_at at = ff_op_look(g, node);
    ff_op_job job = {.at = &at, .p = p, .in = in, .out = out_values};
    int index = ff_op_add(&job, in, at.node->in_count, NULL); /* moves p->nodes */
    ff_node *added = &p->nodes[index];
    added->has_subgraph = at.node->has_subgraph;
    if (captured != NULL && at.node->captured_count > 0) {
        size_t count = (size_t)at.node->captured_count;
        added->captured = ff_arena_array(p->arena, count, sizeof *added->captured);
        memcpy(added->captured, captured, count * sizeof *captured);
        added->captured_count = at.node->captured_count;
    }
}
