/*
 * Ops that cut off or add at the borders: Pad and Slice.
 */
#include "graph/op_int.h"

/* Pads of one axis. */
typedef struct padding {
    int64_t lo, hi;
} padding;

/* The pads of all axes of Pad's input: an attribute until opset 10, inputs since (of the axes
 * named by a fourth input, since opset 18). */
static bool read_pads(const ff_op_at *at, padding *out, char *why, size_t size)
{
    int rank = at->out->rank;
    int64_t pads[2 * FF_MAX_RANK], axes[FF_MAX_RANK];
    int axis_count = rank;
    for (int a = 0; a < rank; a++) {
        out[a] = (padding){0, 0};
        axes[a] = a;
    }
    if (ff_op_has_in(at, 3)) {
        axis_count = ff_op_const_ints(at->g, at->node->in[3], axes, rank);
    }
    int count = ff_op_has_in(at, 1)
                    ? ff_op_const_ints(at->g, at->node->in[1], pads, 2 * FF_MAX_RANK)
                    : ff_node_ints(at->node, "pads", pads, 2 * FF_MAX_RANK);
    if (axis_count < 0 || count < 0) {
        return ff_op_no(why, size, "its pads are not constants");
    }
    if (count != 2 * axis_count) {
        return ff_op_no(why, size, "it has %d pads, expected %d", count, 2 * axis_count);
    }
    for (int i = 0; i < axis_count; i++) {
        int64_t a = axes[i] + (axes[i] < 0 ? rank : 0);
        int64_t lo = pads[i], hi = pads[i + axis_count];
        if (a < 0 || a >= rank || lo < -FF_OP_MAX_ATTR || lo > FF_OP_MAX_ATTR ||
            hi < -FF_OP_MAX_ATTR || hi > FF_OP_MAX_ATTR) {
            return ff_op_no(why, size, "its pads of axis %lld are %lld and %lld", (long long)a,
                            (long long)lo, (long long)hi);
        }
        out[a] = (padding){lo, hi};
    }
    return true;
}

static bool is_reflect(const ff_op_at *at)
{
    return ff_node_string_is(at->node, "mode", "reflect", "constant");
}

static bool pad_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    padding pads[FF_MAX_RANK];
    const ff_shape *in = ff_op_in(at, 0);
    if (in->rank != at->out->rank) {
        return ff_op_no(why, size, "its input has %d axes", in->rank);
    }
    if (!read_pads(at, pads, why, size)) {
        return false;
    }
    padding p = pads[axis];
    if (in->dim[axis] + p.lo + p.hi != at->out->dim[axis]) {
        return ff_op_no(why, size, "axis %d of its output has length %lld, its pads give %lld",
                        axis, (long long)at->out->dim[axis],
                        (long long)(in->dim[axis] + p.lo + p.hi));
    }
    if (p.lo == 0 && p.hi == 0) {
        return true;
    }
    if (is_reflect(at) && (p.lo >= in->dim[axis] || p.hi >= in->dim[axis])) {
        return ff_op_no(why, size, "it reflects more than axis %d has", axis);
    }
    if (!is_reflect(at) && !ff_node_string_is(at->node, "mode", "constant", "constant") &&
        !ff_node_string_is(at->node, "mode", "edge", "constant")) {
        return ff_op_no(why, size, "its mode is none of constant, reflect, edge");
    }
    return true;
}

static ff_axis_map pad_map(const ff_op_at *at, int axis, int input)
{
    padding pads[FF_MAX_RANK];
    if (input != 0) {
        return ff_op_map_none();
    }
    if (!read_pads(at, pads, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    return (ff_axis_map){.kind = FF_AXIS_SHIFT,
                         .in_axis = axis,
                         .in_len = ff_op_in(at, 0)->dim[axis],
                         .offset = -pads[axis].lo};
}

/* The value that is padded with is read as it is; pads and axes are replaced. */
static bool pad_reads(const ff_op_at *at, int input)
{
    (void)at;
    return input == 0 || input == 2;
}

/* A part that mirrors n elements at a border must hold those and the border's own. */
static void pad_widen(const ff_op_at *at, int axis, int64_t *lo, int64_t *hi)
{
    padding pads[FF_MAX_RANK];
    if (!is_reflect(at) || !read_pads(at, pads, NULL, 0)) {
        return;
    }
    int64_t in_len = ff_op_in(at, 0)->dim[axis], before = pads[axis].lo - *lo;
    int64_t after = *hi - pads[axis].lo - in_len;
    if (before > 0 && pads[axis].lo + before + 1 > *hi) {
        *hi = pads[axis].lo + before + 1;
    }
    if (after > 0 && pads[axis].lo + in_len - 1 - after < *lo) {
        *lo = pads[axis].lo + in_len - 1 - after;
    }
}

static ff_code pad_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"pads", NULL};
    const ff_op_at *at = job->at;
    padding pads[FF_MAX_RANK];
    int64_t values[2 * FF_MAX_RANK];
    int rank = at->out->rank;
    char why[256], text[256];
    if (!read_pads(at, pads, why, sizeof why)) {
        return ff_err_set(err, FF_UNSUPPORTED, "%s: %s",
                          ff_node_text(at->g, at->index, text, sizeof text), why);
    }
    for (int a = 0; a < rank; a++) {
        /* where the cover begins and ends, counted from the input's part */
        const ff_region *have = &job->need[0].region;
        values[a] = have->lo[a] - (job->cover->lo[a] - pads[a].lo);
        values[a + rank] = job->cover->hi[a] - pads[a].lo - have->hi[a];
    }
    if (at->opset < 11) {
        int n = ff_op_add(job, job->in, 1, SKIP);
        ff_graph_set_ints(job->p, n, "pads", values, (size_t)rank * 2);
        return FF_OK;
    }
    int in[3] = {job->in[0], FF_NO_VALUE, ff_op_has_in(at, 2) ? job->in[2] : FF_NO_VALUE};
    ff_code code = ff_op_add_ints(job, "pads", values, rank * 2, &in[1], err);
    if (code == FF_OK) {
        ff_op_add(job, in, in[2] == FF_NO_VALUE ? 2 : 3, SKIP);
    }
    return code;
}

/* A Slice along one axis. */
typedef struct span {
    int64_t start, step; /* step is not 0; start counts from the front */
} span;

/* The ints of Slice: attributes until opset 9, inputs since. */
static int slice_ints(const ff_op_at *at, int input, const char *attr, int64_t *out)
{
    if (at->opset < 10) {
        return ff_node_ints(at->node, attr, out, FF_MAX_RANK);
    }
    return ff_op_has_in(at, input) ? ff_op_const_ints(at->g, at->node->in[input], out, FF_MAX_RANK)
                                   : -1;
}

static bool slice_given(const ff_op_at *at, int input, const char *attr)
{
    return at->opset < 10 ? ff_node_attr(at->node, attr) != NULL : ff_op_has_in(at, input);
}

static bool read_spans(const ff_op_at *at, span *out, char *why, size_t size)
{
    const ff_shape *in = ff_op_in(at, 0);
    int64_t starts[FF_MAX_RANK], axes[FF_MAX_RANK], steps[FF_MAX_RANK];
    int count = slice_ints(at, 1, "starts", starts);
    for (int a = 0; a < FF_MAX_RANK; a++) {
        out[a] = (span){0, 1};
        axes[a] = a;
        steps[a] = 1;
    }
    if (count < 0 || count > in->rank ||
        (slice_given(at, 3, "axes") && slice_ints(at, 3, "axes", axes) != count) ||
        (slice_given(at, 4, "steps") && slice_ints(at, 4, "steps", steps) != count)) {
        return ff_op_no(why, size, "its starts, axes or steps are not constants");
    }
    for (int i = 0; i < count; i++) {
        int64_t a = axes[i] + (axes[i] < 0 ? in->rank : 0);
        if (a < 0 || a >= in->rank || steps[i] == 0 || steps[i] > FF_OP_MAX_ATTR ||
            steps[i] < -FF_OP_MAX_ATTR) {
            return ff_op_no(why, size, "it has axis %lld with step %lld", (long long)axes[i],
                            (long long)steps[i]);
        }
        int64_t len = in->dim[a], last = steps[i] > 0 ? len : len - 1;
        int64_t start = starts[i] < 0 ? starts[i] + len : starts[i];
        out[a] = (span){start < 0 ? 0 : start > last ? last : start, steps[i]};
    }
    return true;
}

static bool slice_passes(const ff_op_at *at, int axis, char *why, size_t size)
{
    span spans[FF_MAX_RANK];
    if (ff_op_in(at, 0)->rank != at->out->rank) {
        return ff_op_no(why, size, "its input has %d axes", ff_op_in(at, 0)->rank);
    }
    if (!read_spans(at, spans, why, size)) {
        return false;
    }
    span s = spans[axis];
    int64_t len = at->out->dim[axis], in_len = ff_op_in(at, 0)->dim[axis];
    if (s.step < 0) {
        return ff_op_no(why, size, "it walks axis %d backwards", axis);
    }
    if (len < 1 || len > in_len || s.start + (len - 1) * s.step >= in_len) {
        return ff_op_no(why, size, "it takes %lld of %lld elements from %lld on, by %lld",
                        (long long)len, (long long)in_len, (long long)s.start, (long long)s.step);
    }
    return true;
}

static ff_axis_map slice_map(const ff_op_at *at, int axis, int input)
{
    span spans[FF_MAX_RANK];
    if (input != 0) {
        return ff_op_map_none();
    }
    if (!read_spans(at, spans, NULL, 0)) {
        return (ff_axis_map){.kind = FF_AXIS_ALL};
    }
    return (ff_axis_map){.kind = FF_AXIS_WINDOW,
                         .in_axis = axis,
                         .in_len = ff_op_in(at, 0)->dim[axis],
                         .stride = spans[axis].step,
                         .extent = 1,
                         .pad = -spans[axis].start};
}

static bool slice_reads(const ff_op_at *at, int input)
{
    (void)at;
    return input == 0;
}

static ff_code slice_emit(const ff_op_job *job, ff_err *err)
{
    static const char *const SKIP[] = {"starts", "ends", "axes", NULL};
    const ff_op_at *at = job->at;
    span spans[FF_MAX_RANK];
    int64_t starts[FF_MAX_RANK], ends[FF_MAX_RANK], axes[FF_MAX_RANK], steps[FF_MAX_RANK];
    int rank = at->out->rank;
    char why[256], text[256];
    if (!read_spans(at, spans, why, sizeof why)) {
        return ff_err_set(err, FF_UNSUPPORTED, "%s: %s",
                          ff_node_text(at->g, at->index, text, sizeof text), why);
    }
    for (int a = 0; a < rank; a++) {
        int64_t step = spans[a].step, begin = job->need[0].region.lo[a];
        int64_t first = job->cover->lo[a] * step + spans[a].start - begin;
        int64_t last = (job->cover->hi[a] - 1) * step + spans[a].start - begin;
        starts[a] = first;
        ends[a] = last + (step > 0 ? 1 : -1);
        /* "before the first element" cannot be said by -1, which counts from the end */
        ends[a] = ends[a] < 0 ? INT32_MIN : ends[a];
        axes[a] = a;
        steps[a] = step;
    }
    if (at->opset < 10) {
        int n = ff_op_add(job, job->in, 1, SKIP);
        ff_graph_set_ints(job->p, n, "starts", starts, (size_t)rank);
        ff_graph_set_ints(job->p, n, "ends", ends, (size_t)rank);
        ff_graph_set_ints(job->p, n, "axes", axes, (size_t)rank);
        return FF_OK;
    }
    int in[5] = {job->in[0], 0, 0, 0, 0};
    const char *const names[] = {"starts", "ends", "axes", "steps"};
    const int64_t *const lists[] = {starts, ends, axes, steps};
    for (int i = 0; i < 4; i++) {
        ff_code code = ff_op_add_ints(job, names[i], lists[i], rank, &in[i + 1], err);
        if (code != FF_OK) {
            return code;
        }
    }
    ff_op_add(job, in, 5, SKIP);
    return FF_OK;
}

const ff_op_entry ff_ops_shift[] = {{.name = "Pad",
                                     .summary = "every axis: shift",
                                     .passes = pad_passes,
                                     .map = pad_map,
                                     .reads = pad_reads,
                                     .widen = pad_widen,
                                     .emit = pad_emit},
                                    {.name = "Slice",
                                     .summary = "every axis with a step above 0: shift",
                                     .passes = slice_passes,
                                     .map = slice_map,
                                     .reads = slice_reads,
                                     .emit = slice_emit},
                                    {.name = NULL}};
