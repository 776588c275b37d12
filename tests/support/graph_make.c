/*
 * Graphs made by hand: weights, nodes with attributes as text.
 */
#include "support/graph_make.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gm_must(ff_code code, const ff_err *err, const char *what)
{
    if (code != FF_OK) {
        fprintf(stderr, "%s: %s\n", what, err->message);
        abort();
    }
}

void gm_init(graph_make *m, int64_t opset, uint64_t seed)
{
    *m = (graph_make){.g = ff_graph_new("test"), .opset = opset};
    ff_random_init(&m->random, seed);
    ff_graph_add_opset(m->g, "", opset);
}

void gm_clean(graph_make *m)
{
    ff_graph_free(m->g);
    m->g = NULL;
}

ff_shape gm_shape(int rank, ...)
{
    ff_shape s = {.rank = rank};
    va_list args;
    va_start(args, rank);
    for (int i = 0; i < rank; i++) {
        s.dim[i] = va_arg(args, int);
    }
    va_end(args);
    return s;
}

static const char *name_of(graph_make *m, char letter)
{
    return ff_arena_printf(m->g->arena, "%c%d", letter, m->count++);
}

int gm_input(graph_make *m, ff_shape shape)
{
    ff_err err = {0};
    int v = FF_NO_VALUE;
    gm_must(
        ff_graph_add_value(m->g, name_of(m, 'x'), FF_VALUE_INPUT, FF_DTYPE_F32, &shape, &v, &err),
        &err, "input");
    ff_graph_add_input(m->g, v);
    return v;
}

static int add_weight(graph_make *m, ff_dtype dtype, const ff_shape *shape, const void *data,
                      size_t bytes)
{
    ff_err err = {0};
    int v = FF_NO_VALUE;
    gm_must(ff_graph_add_weight(m->g, name_of(m, 'w'), dtype, shape, ff_bytes_of(data, bytes), &v,
                                &err),
            &err, "weight");
    return v;
}

int gm_weight(graph_make *m, ff_shape shape, double scale, double offset)
{
    uint64_t elems = 0;
    ff_shape_elems(&shape, &elems, NULL);
    float *data = ff_arena_array(m->g->arena, (size_t)elems + 1, sizeof *data);
    for (uint64_t i = 0; i < elems; i++) {
        data[i] = (float)(ff_random_normal(&m->random) * scale + offset);
    }
    return add_weight(m, FF_DTYPE_F32, &shape, data, (size_t)elems * sizeof *data);
}

static int copy_list(graph_make *m, ff_dtype dtype, const void *values, int count, size_t size)
{
    ff_shape shape = gm_shape(1, count);
    void *data = ff_arena_array(m->g->arena, (size_t)count + 1, size);
    memcpy(data, values, (size_t)count * size);
    return add_weight(m, dtype, &shape, data, (size_t)count * size);
}

int gm_ints(graph_make *m, const int64_t *values, int count)
{
    return copy_list(m, FF_DTYPE_I64, values, count, sizeof *values);
}

int gm_floats(graph_make *m, const float *values, int count)
{
    return copy_list(m, FF_DTYPE_F32, values, count, sizeof *values);
}

static void set_list(graph_make *m, int node, const char *name, const char *text)
{
    int64_t values[32];
    size_t count = 0;
    char *end = NULL;
    for (const char *p = text; *p != '\0' && count < 32; p = end) {
        p += strspn(p, "[,] ");
        if (*p == '\0') {
            break;
        }
        values[count++] = strtoll(p, &end, 10);
    }
    ff_graph_set_ints(m->g, node, name, values, count);
}

static void set_attrs(graph_make *m, int node, const char *attrs)
{
    char *text = strdup(attrs == NULL ? "" : attrs), *save = NULL;
    for (char *t = strtok_r(text, " ", &save); t != NULL; t = strtok_r(NULL, " ", &save)) {
        char *value = strchr(t, '=');
        if (value == NULL) {
            fprintf(stderr, "attribute '%s' has no value\n", t);
            abort();
        }
        *value++ = '\0';
        char *end = NULL;
        if (strpbrk(value, "[,") != NULL) {
            set_list(m, node, t, value);
        } else if (strtof(value, &end), end != value && strcmp(end, "f") == 0) {
            ff_graph_set_float(m->g, node, t, strtof(value, NULL));
        } else if (strtoll(value, &end, 10), end != value && *end == '\0') {
            ff_graph_set_int(m->g, node, t, strtoll(value, NULL, 10));
        } else {
            ff_graph_set_string(m->g, node, t, value);
        }
    }
    free(text);
}

static void seal(graph_make *m, const char *what)
{
    ff_err err = {0};
    gm_must(ff_graph_seal(m->g, &err), &err, what);
    gm_must(ff_graph_infer(m->g, &err), &err, what);
}

void gm_ops(graph_make *m, const char *op, const int *in, int in_count, const char *attrs, int *out,
            int out_count)
{
    ff_err err = {0};
    for (int k = 0; k < out_count; k++) {
        gm_must(ff_graph_add_value(m->g, name_of(m, 't'), FF_VALUE_NODE, FF_DTYPE_NONE, NULL,
                                   &out[k], &err),
                &err, op);
    }
    char name[32];
    snprintf(name, sizeof name, "n%d", m->g->node_count);
    set_attrs(m, ff_graph_add_node(m->g, name, op, "", in, in_count, out, out_count), attrs);
    seal(m, op);
    for (int k = 0; k < out_count; k++) {
        if (!m->g->values[out[k]].has_shape) {
            fprintf(stderr, "%s '%s' (%s): the shape of its output is not inferred\n", op, name,
                    attrs == NULL ? "" : attrs);
            abort();
        }
    }
}

int gm_op(graph_make *m, const char *op, const int *in, int in_count, const char *attrs)
{
    int out = FF_NO_VALUE;
    gm_ops(m, op, in, in_count, attrs, &out, 1);
    return out;
}

int gm_op1(graph_make *m, const char *op, int x, const char *attrs)
{
    return gm_op(m, op, &x, 1, attrs);
}

int gm_op2(graph_make *m, const char *op, int x, int y, const char *attrs)
{
    int in[2] = {x, y};
    return gm_op(m, op, in, 2, attrs);
}

int gm_conv(graph_make *m, int x, int channels, int kh, int kw, const char *attrs)
{
    int group = 1;
    const char *at = attrs == NULL ? NULL : strstr(attrs, "group=");
    if (at != NULL) {
        group = atoi(at + 6);
    }
    int in = (int)gm_shape_of(m, x)->dim[1] / group;
    double scale = 1.0 / (1.0 + 0.5 * in * kh * kw);
    int inputs[3] = {x, 0, 0};
    inputs[1] = gm_weight(m, gm_shape(4, channels, in, kh, kw), 2 * scale, 0);
    inputs[2] = gm_weight(m, gm_shape(1, channels), 0.5, 0);
    char text[512];
    snprintf(text, sizeof text, "kernel_shape=%d,%d %s", kh, kw, attrs == NULL ? "" : attrs);
    return gm_op(m, "Conv", inputs, 3, text);
}

const ff_shape *gm_shape_of(const graph_make *m, int v)
{
    return &m->g->values[v].shape;
}

void gm_output(graph_make *m, int v)
{
    ff_graph_add_output(m->g, v);
    seal(m, "output");
}
