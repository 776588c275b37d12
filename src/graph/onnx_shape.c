/*
 * Types and shapes that ONNX files declare: of graph inputs, fixed by --shape where symbolic, and
 * of other tensors (value_info).
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "graph/onnx_int.h"

/* Names of dims; models have a handful, and they are searched in a row. */
#define MAX_SYMBOLS 4096

/* A declared tensor type. dim -1 = not fixed; param[i] its name or NULL. */
typedef struct declared {
    int32_t elem_type;
    bool has_rank;
    int rank; /* more than FF_MAX_RANK: has_rank is false and dims are not read */
    int64_t dim[FF_MAX_RANK];
    const char *param[FF_MAX_RANK];
} declared;

typedef struct binding { /* a symbolic dim that has a length */
    const char *param;
    int64_t dim;
    const char *input; /* by which input */
} binding;

typedef struct shaper {
    ff_onnx_reader *r;
    const ff_onnx_shape *shapes;
    int shape_count;
    int count, room; /* graph inputs that are no initializers */
    const Onnx__ValueInfoProto **info;
    declared *type;
    int binding_count, binding_room;
    binding *bindings;
} shaper;

/* False where the type is no dense tensor. */
static bool read_type(const Onnx__TypeProto *type, declared *out)
{
    declared d = {0};
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        return false;
    }
    d.elem_type = type->tensor_type->elem_type;
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (shape != NULL) {
        d.rank = shape->n_dim > INT16_MAX ? INT16_MAX : (int)shape->n_dim;
        d.has_rank = d.rank <= FF_MAX_RANK;
    }
    for (int i = 0; d.has_rank && i < d.rank; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        d.dim[i] = -1;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
            d.dim[i] = dim->dim_value > 0 ? dim->dim_value : -1; /* 0 and -1: exporters' unknown */
        } else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
                   dim->dim_param[0] != '\0') {
            d.param[i] = dim->dim_param;
        }
    }
    *out = d;
    return true;
}

/* "1,3,<height>,<width>" */
static void dims_text(const declared *d, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < d->rank && at < size; i++) {
        const char *comma = i > 0 ? "," : "";
        int len;
        if (d->dim[i] > 0) {
            len = snprintf(text + at, size - at, "%s%lld", comma, (long long)d->dim[i]);
        } else if (i == 0) {
            len = snprintf(text + at, size - at, "1");
        } else if (d->param[i] != NULL) {
            len = snprintf(text + at, size - at, "%s<%.40s>", comma, d->param[i]);
        } else {
            len = snprintf(text + at, size - at, "%s<dim %d>", comma, i);
        }
        at += len > 0 ? (size_t)len : 0;
    }
}

static const binding *find_binding(const shaper *s, const char *param)
{
    for (int i = 0; i < s->binding_count; i++) {
        if (strcmp(s->bindings[i].param, param) == 0) {
            return &s->bindings[i];
        }
    }
    return NULL;
}

static ff_code bind(shaper *s, const char *param, int64_t dim, const char *input)
{
    const binding *b = find_binding(s, param);
    if (b != NULL) {
        return b->dim == dim
                   ? FF_OK
                   : ff_err_set(s->r->err, FF_USAGE,
                                "dim '%s' should be the same in all inputs, but is %lld in '%s' "
                                "and %lld in '%s'",
                                param, (long long)b->dim, b->input, (long long)dim, input);
    }
    if (s->binding_count >= MAX_SYMBOLS) {
        return ff_err_set(s->r->err, FF_LIMIT, "more than %d symbolic dims", MAX_SYMBOLS);
    }
    if (s->binding_count == s->binding_room) {
        int more = s->binding_room == 0 ? 8 : s->binding_room * 2;
        s->bindings = ff_mem_must_grow(s->bindings, (size_t)s->binding_room, (size_t)more,
                                       sizeof *s->bindings);
        s->binding_room = more;
    }
    s->bindings[s->binding_count++] = (binding){param, dim, input};
    return FF_OK;
}

/* Puts a shape that the user gave in place of the declared one. */
static ff_code override(shaper *s, int i, const ff_shape *shape)
{
    declared *d = &s->type[i];
    const char *name = s->info[i]->name;
    char text[256];
    if (shape->rank > FF_MAX_RANK || shape->rank < 0) {
        return ff_err_set(s->r->err, FF_USAGE, "--shape %s has %d dims, the limit is %d", name,
                          shape->rank, FF_MAX_RANK);
    }
    if (d->has_rank && d->rank != shape->rank) {
        return ff_err_set(s->r->err, FF_USAGE,
                          "--shape %s=%s has %d dims, but the model's input has %d", name,
                          ff_shape_text(shape, text, sizeof text), shape->rank, d->rank);
    }
    for (int a = 0; a < shape->rank; a++) {
        int64_t fixed = d->has_rank ? d->dim[a] : -1;
        if (shape->dim[a] < 0 || (fixed > 0 && fixed != shape->dim[a])) {
            return ff_err_set(s->r->err, FF_USAGE,
                              "--shape %s=%s: dim %d should be %lld, found %lld", name,
                              ff_shape_text(shape, text, sizeof text), a,
                              fixed > 0 ? (long long)fixed : 1LL, (long long)shape->dim[a]);
        }
        if (d->has_rank && d->param[a] != NULL) {
            ff_code code = bind(s, d->param[a], shape->dim[a], name);
            if (code != FF_OK) {
                return code;
            }
        }
        d->dim[a] = shape->dim[a];
    }
    d->has_rank = true;
    d->rank = shape->rank;
    return FF_OK;
}

static ff_code override_all(shaper *s)
{
    for (int k = 0; k < s->shape_count; k++) {
        int i = 0;
        while (i < s->count && strcmp(s->info[i]->name, s->shapes[k].input) != 0) {
            i++;
        }
        if (i == s->count) {
            return ff_err_set(s->r->err, FF_USAGE,
                              "--shape names '%s', but the model has no such input; its %s '%s'",
                              s->shapes[k].input, s->count > 1 ? "first one is" : "input is",
                              s->count > 0 ? s->info[0]->name : "");
        }
        ff_code code = override(s, i, &s->shapes[k].shape);
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static void apply_bindings(const shaper *s, declared *d)
{
    for (int a = 0; d->has_rank && a < d->rank; a++) {
        const binding *b =
            d->dim[a] < 0 && d->param[a] != NULL ? find_binding(s, d->param[a]) : NULL;
        if (b != NULL) {
            d->dim[a] = b->dim;
        }
    }
}

/* Is the leading dim the only one that is open? */
static bool only_batch_is_open(const declared *d)
{
    if (!d->has_rank || d->rank == 0 || d->dim[0] >= 0) {
        return false;
    }
    for (int a = 1; a < d->rank; a++) {
        if (d->dim[a] < 0) {
            return false;
        }
    }
    return true;
}

/* Symbolic dims get the lengths that --shape gave them elsewhere; a batch that alone is open is 1.
 */
static ff_code fix_all(shaper *s)
{
    for (int i = 0; i < s->count; i++) {
        apply_bindings(s, &s->type[i]);
    }
    for (int i = 0; i < s->count; i++) {
        declared *d = &s->type[i];
        apply_bindings(s, d);
        if (!only_batch_is_open(d)) {
            continue;
        }
        ff_log(FF_LOG_INFO, "input '%s': the leading dim%s%s is open, taken as 1", s->info[i]->name,
               d->param[0] != NULL ? " " : "", d->param[0] != NULL ? d->param[0] : "");
        d->dim[0] = 1;
        ff_code code = d->param[0] != NULL ? bind(s, d->param[0], 1, s->info[i]->name) : FF_OK;
        if (code != FF_OK) {
            return code;
        }
    }
    for (int i = 0; i < s->count; i++) {
        declared *d = &s->type[i];
        const char *name = s->info[i]->name;
        apply_bindings(s, d);
        if (!d->has_rank) {
            return ff_err_set(s->r->err, d->rank > 0 ? FF_UNSUPPORTED : FF_USAGE,
                              d->rank > 0 ? "input '%s' has %d dims, the limit is 8"
                                          : "input '%s' has no shape: give --shape with all dims",
                              name, d->rank);
        }
        for (int a = 0; a < d->rank; a++) {
            if (d->dim[a] < 0) {
                char text[512];
                dims_text(d, text, sizeof text);
                return ff_err_set(s->r->err, FF_USAGE,
                                  "input '%s' has no fixed shape: give --shape %s=%s", name, name,
                                  text);
            }
        }
    }
    return FF_OK;
}

static ff_code add_inputs(shaper *s)
{
    ff_graph *g = s->r->g;
    for (int i = 0; i < s->count; i++) {
        const char *name = s->info[i]->name;
        ff_dtype dtype = ff_onnx_dtype(s->type[i].elem_type);
        if (dtype == FF_DTYPE_NONE) {
            char text[160];
            return ff_err_set(s->r->err, s->type[i].elem_type == 0 ? FF_FORMAT : FF_UNSUPPORTED,
                              "input '%s' has the element type %s", name,
                              ff_onnx_unread_type(s->type[i].elem_type, text, sizeof text));
        }
        ff_shape shape = {.rank = s->type[i].rank};
        memcpy(shape.dim, s->type[i].dim, sizeof shape.dim);
        for (int a = shape.rank; a < FF_MAX_RANK; a++) {
            shape.dim[a] = 0;
        }
        uint64_t elems = 0;
        int v = FF_NO_VALUE;
        ff_code code = ff_shape_elems(&shape, &elems, s->r->err);
        if (code != FF_OK) {
            ff_err_wrap(s->r->err, "input '%s'", name);
            return code;
        }
        code = ff_graph_add_value(g, name, FF_VALUE_INPUT, dtype, &shape, &v, s->r->err);
        if (code != FF_OK) {
            return code;
        }
        ff_graph_add_input(g, v);
    }
    return FF_OK;
}

ff_code ff_onnx_inputs(ff_onnx_reader *r, const Onnx__GraphProto *p, const ff_onnx_shape *shapes,
                       int shape_count)
{
    shaper s = {.r = r, .shapes = shapes, .shape_count = shape_count};
    ff_code code = FF_OK;
    s.info = ff_mem_must_array(p->n_input + 1, sizeof *s.info);
    s.type = ff_mem_must_array(p->n_input + 1, sizeof *s.type);
    for (size_t i = 0; i < p->n_input; i++) {
        const Onnx__ValueInfoProto *info = p->input[i];
        if (info->name == NULL || info->name[0] == '\0') {
            code = ff_err_set(r->err, FF_FORMAT, "graph input %zu has no name", i);
            goto fail;
        }
        int v = ff_graph_find_value(r->g, info->name);
        if (v != FF_NO_VALUE) { /* an initializer */
            continue;
        }
        if (!read_type(info->type, &s.type[s.count])) {
            code = ff_err_set(r->err, FF_UNSUPPORTED, "input '%s' is no dense tensor", info->name);
            goto fail;
        }
        s.info[s.count++] = info;
    }
    code = override_all(&s);
    if (code == FF_OK) {
        code = fix_all(&s);
    }
    if (code == FF_OK) {
        code = add_inputs(&s);
    }
fail:
    ff_mem_free(s.bindings);
    ff_mem_free(s.type);
    ff_mem_free(s.info);
    return code;
}

static void hint(ff_onnx_reader *r, const Onnx__ValueInfoProto *info)
{
    declared d;
    int v = info->name != NULL ? ff_graph_find_value(r->g, info->name) : FF_NO_VALUE;
    if (v == FF_NO_VALUE || r->g->values[v].kind != FF_VALUE_NODE || !read_type(info->type, &d)) {
        return;
    }
    ff_value *value = &r->g->values[v];
    value->dtype = ff_onnx_dtype(d.elem_type);
    ff_shape shape = {.rank = d.rank};
    for (int a = 0; d.has_rank && a < d.rank; a++) {
        if (d.dim[a] < 0) {
            return;
        }
        shape.dim[a] = d.dim[a];
    }
    uint64_t elems = 0;
    if (d.has_rank && ff_shape_elems(&shape, &elems, NULL) == FF_OK) {
        value->has_shape = true;
        value->shape = shape;
    }
}

void ff_onnx_hints(ff_onnx_reader *r, const Onnx__GraphProto *p)
{
    for (size_t i = 0; i < p->n_value_info; i++) {
        hint(r, p->value_info[i]);
    }
    for (size_t i = 0; i < p->n_output; i++) {
        hint(r, p->output[i]);
    }
}
