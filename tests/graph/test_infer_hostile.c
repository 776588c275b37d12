/*
 * Every op that inference knows, with random types, shapes, constants and attributes: nothing
 * crashes or overflows (this is for the sanitizers), what is refused names the node, and what is
 * inferred is a shape within the limits.
 *
 * FF_SEED replays one case; FF_ROUNDS sets the number of them an op.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "graph/infer_int.h"
#include "graph/onnx.h"

#define ROUNDS   400
#define MAX_IN   9
#define MAX_OUT  4
#define COUNT(x) (sizeof(x) / sizeof *(x))

static const ff_infer_entry *const RULES[] = {
    ff_infer_elem_rules,  ff_infer_window_rules, ff_infer_move_rules,  ff_infer_resize_rules,
    ff_infer_index_rules, ff_infer_reduce_rules, ff_infer_matrix_rules};

static const char *const ATTRS[] = {"strides",
                                    "dilations",
                                    "pads",
                                    "kernel_shape",
                                    "axes",
                                    "output_padding",
                                    "output_shape",
                                    "perm",
                                    "starts",
                                    "ends",
                                    "steps",
                                    "split",
                                    "axis",
                                    "group",
                                    "ceil_mode",
                                    "keepdims",
                                    "blocksize",
                                    "auto_pad",
                                    "mode",
                                    "to",
                                    "dtype",
                                    "num_outputs",
                                    "batch_dims",
                                    "noop_with_empty_axes",
                                    "training_mode",
                                    "hidden_size",
                                    "direction",
                                    "transA",
                                    "transB",
                                    "allowzero",
                                    "k",
                                    "layout",
                                    "select_last_index",
                                    "shape",
                                    "value",
                                    "equation",
                                    "scales",
                                    "height_scale"};

static const char *const WORDS[] = {"SAME_UPPER",  "VALID",   "reflect",       "linear",
                                    "CRD",         "forward", "bidirectional", "ij,jk->ik",
                                    "->",          "",        "bij,bjk",       "ii->i",
                                    "...ij->...i", ",,,",     "reverse"};

static const ff_dtype TYPES[] = {FF_DTYPE_F32, FF_DTYPE_F32,  FF_DTYPE_I64, FF_DTYPE_I32,
                                 FF_DTYPE_U8,  FF_DTYPE_BOOL, FF_DTYPE_F16, FF_DTYPE_STRING,
                                 FF_DTYPE_F64, FF_DTYPE_NONE};

typedef struct maker {
    ff_graph *g;
    ff_random r;
    int count; /* of names given */
} maker;

static int64_t below(maker *m, int64_t n)
{
    return (int64_t)ff_random_below(&m->r, (uint64_t)n);
}

static int64_t number(maker *m)
{
    static const int64_t WILD[] = {INT64_MIN,        INT64_MAX,        -1,  0, INT32_MAX,
                                   (int64_t)1 << 34, (int64_t)1 << 24, -100};
    return below(m, 5) == 0 ? WILD[below(m, 8)] : below(m, 6) - 1;
}

/* What the reader lets through: any shape of so many elements as a tensor may have. */
static ff_shape shape(maker *m)
{
    static const int64_t WILD[] = {0, (int64_t)1 << 34, ((int64_t)1 << 34) - 1, 1 << 20};
    ff_shape s;
    uint64_t elems = 0;
    do {
        s = (ff_shape){.rank = (int)(below(m, 3) == 0 ? below(m, FF_MAX_RANK + 1) : 4)};
        for (int a = 0; a < s.rank; a++) {
            s.dim[a] = below(m, 40) == 0 ? WILD[below(m, 4)] : 1 + below(m, 6);
        }
    } while (ff_shape_elems(&s, &elems, NULL) != FF_OK);
    return s;
}

static const char *name(maker *m)
{
    return ff_arena_printf(m->g->arena, "v%d", m->count++);
}

static int add(maker *m, ff_value_kind kind, ff_dtype dtype, const ff_shape *s)
{
    int v = FF_NO_VALUE;
    assert_int_equal(ff_graph_add_value(m->g, name(m), kind, dtype, s, &v, NULL), FF_OK);
    return v;
}

/* A list, a scalar, or a small matrix of numbers. */
static int constant(maker *m)
{
    static const ff_dtype types[] = {FF_DTYPE_I64, FF_DTYPE_I64, FF_DTYPE_I32, FF_DTYPE_F32,
                                     FF_DTYPE_BOOL};
    ff_dtype dtype = types[below(m, 5)];
    ff_shape s = {.rank = (int)below(m, 3)};
    size_t bytes = 0;
    int v = FF_NO_VALUE;
    for (int a = 0; a < s.rank; a++) {
        s.dim[a] = below(m, 9);
    }
    assert_int_equal(ff_shape_bytes(&s, dtype, &bytes, NULL), FF_OK);
    uint8_t *data = ff_arena_alloc(m->g->arena, bytes + 8);
    for (size_t at = 0; at < bytes; at += ff_dtype_bytes(dtype)) {
        int64_t whole = number(m);
        float f = (float)whole / 2;
        if (dtype == FF_DTYPE_BOOL) {
            whole &= 1;
        }
        memcpy(data + at, dtype == FF_DTYPE_F32 ? (const void *)&f : (const void *)&whole,
               ff_dtype_bytes(dtype));
    }
    assert_int_equal(
        ff_graph_add_weight(m->g, name(m), dtype, &s, ff_bytes_of(data, bytes), &v, NULL), FF_OK);
    return v;
}

static int input(maker *m, const ff_shape *first)
{
    ff_shape other = shape(m);
    ff_dtype dtype = below(m, 3) == 0 ? TYPES[below(m, COUNT(TYPES))] : FF_DTYPE_F32;
    switch (below(m, 8)) {
    case 0:
        return FF_NO_VALUE;
    case 1:
    case 2:
        return constant(m);
    case 3:
        return add(m, FF_VALUE_INPUT, dtype, NULL); /* a shape that is not known */
    case 4:
    case 5:
        return add(m, FF_VALUE_INPUT, dtype, first);
    default:
        return add(m, FF_VALUE_INPUT, dtype, &other);
    }
}

static void tensor_attr(maker *m, int n, const char *attr)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    ff_attr a = {.name = attr, .kind = FF_ATTR_TENSOR, .tensor_dtype = FF_DTYPE_I64};
    a.tensor_shape = (ff_shape){1, {below(m, 9)}};
    a.tensor_data = ff_bytes_of(bytes, (size_t)a.tensor_shape.dim[0] * 8);
    ff_graph_copy_attr(m->g, n, &a);
}

static void attributes(maker *m, int n)
{
    for (int64_t k = below(m, 7); k > 0; k--) {
        const char *attr = ATTRS[below(m, COUNT(ATTRS))];
        int64_t ints[20];
        for (int i = 0; i < 20; i++) {
            ints[i] = number(m);
        }
        if (ff_node_attr(&m->g->nodes[n], attr) != NULL) {
            continue;
        }
        switch (below(m, 6)) {
        case 0:
        case 1:
            ff_graph_set_int(m->g, n, attr, number(m));
            break;
        case 2:
            ff_graph_set_string(m->g, n, attr, WORDS[below(m, COUNT(WORDS))]);
            break;
        case 3:
            ff_graph_set_float(m->g, n, attr, (float)number(m));
            break;
        case 4:
            tensor_attr(m, n, attr);
            break;
        default:
            ff_graph_set_ints(m->g, n, attr, ints, (size_t)below(m, 11));
            break;
        }
    }
}

static void make(maker *m, const char *op)
{
    static const int64_t OPSETS[] = {7, 9, 10, 11, 13, 18, 22};
    int in[MAX_IN], out[MAX_OUT];
    int in_count = (int)below(m, below(m, 4) == 0 ? MAX_IN + 1 : 5);
    int out_count = 1 + (int)(below(m, 3) == 0 ? below(m, MAX_OUT) : 0);
    ff_shape first = shape(m);
    ff_graph_add_opset(m->g, "", OPSETS[below(m, COUNT(OPSETS))]);
    for (int i = 0; i < in_count; i++) {
        in[i] = input(m, &first);
        if (in[i] != FF_NO_VALUE && m->g->values[in[i]].kind == FF_VALUE_INPUT) {
            ff_graph_add_input(m->g, in[i]);
        }
    }
    for (int k = 0; k < out_count; k++) {
        ff_shape declared = shape(m);
        bool told = below(m, 5) == 0;
        out[k] = k > 0 && below(m, 4) == 0
                     ? FF_NO_VALUE
                     : add(m, FF_VALUE_NODE, told ? FF_DTYPE_F32 : FF_DTYPE_NONE,
                           told ? &declared : NULL);
    }
    attributes(m, ff_graph_add_node(m->g, "n", op, "", in, in_count, out, out_count));
    ff_graph_add_output(m->g, out[0]);
}

/* Inference of one random node; true where it gave its output a shape. */
static bool try_case(const char *op, uint64_t seed)
{
    maker m = {.g = ff_graph_new("hostile")};
    ff_err err = {0};
    char node[256];
    ff_buf file;
    ff_random_init(&m.r, seed);
    make(&m, op);
    assert_int_equal(ff_graph_seal(m.g, NULL), FF_OK);
    ff_node_text(m.g, 0, node, sizeof node);
    ff_code code = ff_graph_infer(m.g, &err);
    if (code != FF_OK && strstr(err.message, node) == NULL) {
        fail_msg("FF_SEED=%llu: %s does not name %s", (unsigned long long)seed, err.message, node);
    }
    const ff_value *made = &m.g->values[m.g->nodes[0].out[0]];
    bool shaped = code == FF_OK && made->has_shape;
    for (int k = 0; k < m.g->nodes[0].out_count && code == FF_OK; k++) {
        int v = m.g->nodes[0].out[k];
        uint64_t elems = 0;
        if (v != FF_NO_VALUE && m.g->values[v].has_shape &&
            ff_shape_elems(&m.g->values[v].shape, &elems, &err) != FF_OK) {
            fail_msg("FF_SEED=%llu: %s: %s", (unsigned long long)seed, op, err.message);
        }
    }
    (void)ff_node_flops(m.g, 0);
    if (code == FF_OK) { /* again, and to a file */
        assert_int_equal(ff_graph_infer(m.g, &err), FF_OK);
    }
    ff_buf_init(&file, (size_t)1 << 26);
    assert_int_equal(ff_onnx_emit(m.g, NULL, NULL, &file, &err), FF_OK);
    ff_buf_clean(&file);
    ff_graph_free(m.g);
    return shaped;
}

static void nothing_crashes(void **state)
{
    (void)state;
    const char *seed_text = getenv("FF_SEED"), *rounds_text = getenv("FF_ROUNDS");
    int rounds = rounds_text == NULL ? ROUNDS : atoi(rounds_text);
    uint64_t op_number = 0, shaped = 0;
    for (size_t f = 0; f < COUNT(RULES); f++) {
        for (const ff_infer_entry *e = RULES[f]; e->op != NULL; e++) {
            uint64_t base = op_number++ * 1000003, here = 0;
            for (int i = 0; i < rounds; i++) {
                uint64_t seed = base + (uint64_t)i;
                if (seed_text == NULL || strtoull(seed_text, NULL, 10) == seed) {
                    here += try_case(e->op, seed);
                }
            }
            /* what these two make has as many rows as their input's elements say */
            bool open = strcmp(e->op, "NonZero") == 0 || strcmp(e->op, "NonMaxSuppression") == 0;
            if (seed_text == NULL && rounds >= ROUNDS && here == 0 && !open) {
                fail_msg("%s was never given a shape: the cases do not reach it", e->op);
            }
            shaped += here;
        }
    }
    print_message("%llu ops, %d cases each, %llu shapes\n", (unsigned long long)op_number, rounds,
                  (unsigned long long)shaped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_crashes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
