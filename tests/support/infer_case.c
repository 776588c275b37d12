#include "support/infer_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_int.h"
#include "graph/infer_int.h"

#define MAX_TOKENS 40

static void die(const char *what, const char *text)
{
    fprintf(stderr, "infer_case: %s: '%s'\n", what, text);
    abort();
}

static ff_dtype dtype_of(const char *name)
{
    static const struct {
        const char *name;
        ff_dtype dtype;
    } table[] = {{"f", FF_DTYPE_F32},   {"f32", FF_DTYPE_F32}, {"f64", FF_DTYPE_F64},
                 {"f16", FF_DTYPE_F16}, {"i64", FF_DTYPE_I64}, {"i32", FF_DTYPE_I32},
                 {"i8", FF_DTYPE_I8},   {"u8", FF_DTYPE_U8},   {"", FF_DTYPE_I64}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return table[i].dtype;
        }
    }
    ff_dtype dtype = ff_dtype_from_name(name);
    if (dtype == FF_DTYPE_NONE && strcmp(name, "none") != 0) {
        die("no such type", name);
    }
    return dtype;
}

static ff_shape shape_of(const char *text)
{
    ff_shape shape = {.rank = 0};
    if (strcmp(text, "scalar") == 0) {
        return shape;
    }
    for (const char *p = text; *p != '\0';) {
        char *end;
        shape.dim[shape.rank++] = strtoll(p, &end, 10);
        if (end == p || (*end != 'x' && *end != '\0') || shape.rank > FF_MAX_RANK) {
            die("no shape", text);
        }
        p = *end == 'x' ? end + 1 : end;
    }
    return shape;
}

static int add_weight(ff_graph *g, const char *name, ff_dtype dtype, const char *text)
{
    int v = 0;
    size_t size = ff_dtype_bytes(dtype), count = 0;
    uint8_t *data = ff_arena_alloc(g->arena, 2048 * 8);
    bool scalar = *text == ':';
    for (const char *p = scalar ? text + 1 : text; *p != '\0';) {
        char *end;
        ff_cell cell;
        if (ff_dtype_is_float(dtype)) {
            cell.f = strtod(p, &end);
        } else {
            cell.i = strtoll(p, &end, 10);
        }
        if (end == p || count >= 2000) {
            die("no numbers", text);
        }
        ff_infer_store(dtype, cell, data + count++ * size);
        p = *end == ',' ? end + 1 : end;
    }
    const ff_shape shape = {scalar ? 0 : 1, {scalar ? 0 : (int64_t)count}};
    ff_err err = {0};
    if (ff_graph_add_weight(g, name, dtype, &shape, ff_bytes_of(data, count * size), &v, &err)) {
        die(err.message, text);
    }
    return v;
}

static int add_input(ff_graph *g, int number, char *token)
{
    char name[16];
    int v = FF_NO_VALUE;
    snprintf(name, sizeof name, "x%d", number);
    if (strcmp(token, "-") == 0) {
        return v;
    }
    char *equal = strchr(token, '='), *colon = strchr(token, ':');
    if (equal != NULL) {
        *equal = '\0';
        return add_weight(g, name, dtype_of(token), equal + 1);
    }
    ff_dtype dtype = FF_DTYPE_F32;
    const char *text = token;
    if (colon != NULL) {
        *colon = '\0';
        dtype = dtype_of(token);
        text = colon + 1;
    }
    bool open = strcmp(text, "?") == 0;
    const ff_shape shape = open ? (ff_shape){0} : shape_of(text);
    ff_graph_add_value(g, name, FF_VALUE_INPUT, dtype, open ? NULL : &shape, &v, NULL);
    ff_graph_add_input(g, v);
    return v;
}

static void add_floats(ff_graph *g, int n, const char *name, const char *list)
{
    float floats[16];
    size_t count = 0;
    for (const char *p = list + 1; *p != ']';) {
        char *end;
        floats[count++] = strtof(p, &end);
        p = *end == 'f' ? end + 1 : end;
        p += *p == ',';
    }
    ff_graph_copy_attr(
        g, n, &(ff_attr){.name = name, .kind = FF_ATTR_FLOATS, .count = count, .floats = floats});
}

static void add_attr(ff_graph *g, int n, char *token)
{
    char *value = strchr(token, '=');
    if (value == NULL) {
        die("no attribute", token);
    }
    *value++ = '\0';
    size_t len = strlen(value);
    bool number = len > 0 && strspn(value, "-0123456789.,[]ef") == len;
    if (number && value[0] == '[' && strchr(value, 'f') != NULL) {
        add_floats(g, n, token, value);
    } else if (number && (value[0] == '[' || strchr(value, ',') != NULL)) {
        int64_t ints[64];
        size_t count = 0;
        for (const char *p = value[0] == '[' ? value + 1 : value; *p != '\0' && *p != ']';) {
            char *end;
            ints[count++] = strtoll(p, &end, 10);
            p = *end == ',' ? end + 1 : end;
        }
        ff_graph_set_ints(g, n, token, ints, count);
    } else if (number && value[len - 1] == 'f') {
        ff_graph_set_float(g, n, token, strtof(value, NULL));
    } else if (number) {
        ff_graph_set_int(g, n, token, strtoll(value, NULL, 10));
    } else {
        ff_graph_set_string(g, n, token, value);
    }
}

/* Cuts a copy of text at blanks. */
static int cut(const char *text, char *copy, size_t size, char **tokens)
{
    int count = 0;
    snprintf(copy, size, "%s", text);
    for (char *p = strtok(copy, " "); p != NULL && count < MAX_TOKENS; p = strtok(NULL, " ")) {
        tokens[count++] = p;
    }
    return count;
}

ff_graph *infer_case_graph(const infer_case *c)
{
    char copy[2048], *tokens[MAX_TOKENS], name[16];
    int in[MAX_TOKENS], out[MAX_TOKENS];
    ff_graph *g = ff_graph_new("case");
    ff_graph_add_opset(g, "", c->opset);
    int in_count = cut(c->inputs, copy, sizeof copy, tokens);
    for (int i = 0; i < in_count; i++) {
        in[i] = add_input(g, i, tokens[i]);
    }
    int out_count = c->outputs[0] == '!' ? 1 : cut(c->outputs, copy, sizeof copy, tokens);
    for (int i = 0; i < out_count; i++) {
        out[i] = FF_NO_VALUE;
        snprintf(name, sizeof name, "y%d", i);
        if (c->outputs[0] == '!' || strcmp(tokens[i], "-") != 0) {
            ff_graph_add_value(g, name, FF_VALUE_NODE, FF_DTYPE_NONE, NULL, &out[i], NULL);
            ff_graph_add_output(g, out[i]);
        }
    }
    int n = ff_graph_add_node(g, "node", c->op, "", in, in_count, out, out_count);
    int attr_count = cut(c->attrs, copy, sizeof copy, tokens);
    for (int i = 0; i < attr_count; i++) {
        add_attr(g, n, tokens[i]);
    }
    ff_err err = {0};
    if (ff_graph_seal(g, &err) != FF_OK) {
        die(err.message, c->op);
    }
    return g;
}

/* What an output came out as, in the words of the table. */
static void describe(const ff_graph *g, int v, bool with_elements, char *text, size_t size)
{
    const ff_value *value = &g->values[v];
    char shape[256];
    uint64_t count = 0;
    size_t at = 0;
    if (with_elements && g->index->cells[v] != NULL) {
        ff_shape_elems(&value->shape, &count, NULL);
        bool real = ff_dtype_is_float(value->dtype);
        at = (size_t)snprintf(text, size, "%s=", real ? "f" : "");
        for (uint64_t i = 0; i < count && at < size; i++) {
            const ff_cell *cell = &g->index->cells[v][i];
            const char *comma = i > 0 ? "," : "";
            int len = real ? snprintf(text + at, size - at, "%s%.9g", comma, cell->f)
                           : snprintf(text + at, size - at, "%s%lld", comma, (long long)cell->i);
            at += (size_t)len;
        }
        return;
    }
    const char *prefix = value->dtype == FF_DTYPE_F32 ? "" : ff_dtype_name(value->dtype);
    snprintf(text, size, "%s%s%s", prefix, prefix[0] != '\0' ? ":" : "",
             value->has_shape ? ff_shape_text(&value->shape, shape, sizeof shape) : "?");
}

static bool compare(const infer_case *c, const ff_graph *g)
{
    char copy[2048], found[2048], wanted[2048], *tokens[MAX_TOKENS];
    int count = cut(c->outputs, copy, sizeof copy, tokens);
    bool good = true;
    for (int i = 0; i < count; i++) {
        if (strcmp(tokens[i], "-") == 0) {
            continue;
        }
        bool elements = strchr(tokens[i], '=') != NULL;
        describe(g, g->nodes[0].out[i], elements, found, sizeof found);
        char *colon = strchr(tokens[i], ':');
        if (colon != NULL && !elements) { /* short names of types */
            *colon = '\0';
            snprintf(wanted, sizeof wanted, "%s:%s", ff_dtype_name(dtype_of(tokens[i])), colon + 1);
        } else {
            snprintf(wanted, sizeof wanted, "%s", tokens[i]);
        }
        if (strcmp(found, wanted) != 0) {
            fprintf(stderr, "opset %d %s(%s) {%s}: output %d should be %s, found %s\n", c->opset,
                    c->op, c->inputs, c->attrs, i, wanted, found);
            good = false;
        }
    }
    return good;
}

bool infer_case_run(const infer_case *c)
{
    ff_graph *g = infer_case_graph(c);
    ff_err err = {0};
    ff_code code = ff_graph_infer(g, &err);
    bool good;
    if (c->outputs[0] == '!') {
        good = code == FF_FORMAT && strstr(err.message, c->outputs + 1) != NULL &&
               strstr(err.message, "'node'") != NULL;
    } else {
        good = code == FF_OK && compare(c, g);
    }
    if (!good && (code != FF_OK || c->outputs[0] == '!')) {
        fprintf(stderr, "opset %d %s(%s) {%s}: wanted %s, found %s %s\n", c->opset, c->op,
                c->inputs, c->attrs, c->outputs, ff_code_name(code), err.message);
    }
    ff_graph_free(g);
    return good;
}

int infer_case_run_all(const infer_case *cases, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += infer_case_run(&cases[i]) ? 0 : 1;
    }
    return failed;
}
