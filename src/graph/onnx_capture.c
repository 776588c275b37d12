/*
 * What a node's subgraphs read of the graph around them.
 *
 * A walk over the nested messages, whose depth and counts the scan has bounded. A name that no
 * scope between its use and the outer graph defines is a tensor of the outer graph.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_int.h"
#include "graph/onnx_wire.h"

typedef struct scope {
    const struct scope *outer;
    size_t count, room;
    ff_bytes *names; /* sorted before it is asked */
} scope;

typedef struct capture {
    ff_onnx_reader *r;
    const char *node;
    ff_onnx_captures *to;
} capture;

static ff_code walk_graph(const capture *c, ff_wire w, const scope *outer);

static int compare_names(const void *a, const void *b)
{
    const ff_bytes *x = a, *y = b;
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    return x->len == 0 ? 0 : memcmp(x->data, y->data, x->len);
}

static bool defined(const scope *s, ff_bytes name)
{
    for (; s != NULL; s = s->outer) {
        if (s->count > 0 &&
            bsearch(&name, s->names, s->count, sizeof *s->names, compare_names) != NULL) {
            return true;
        }
    }
    return false;
}

static ff_code define(const capture *c, scope *s, ff_bytes name)
{
    if (s->count == s->room) {
        size_t more = s->room == 0 ? 32 : s->room * 2;
        ff_bytes *names = ff_mem_try_array(more, sizeof *names);
        if (names == NULL) {
            return ff_err_set(c->r->err, FF_NO_MEMORY, "no memory for the names of a subgraph");
        }
        if (s->count > 0) {
            memcpy(names, s->names, s->count * sizeof *names);
        }
        ff_mem_free(s->names);
        s->names = names;
        s->room = more;
    }
    s->names[s->count++] = name;
    return FF_OK;
}

/* Defines the field `number` of the message [w). */
static ff_code define_field(const capture *c, scope *s, ff_wire w, uint32_t number)
{
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, c->r->err);
        if (code == FF_OK && f.number == number && f.type == FF_WIRE_BYTES) {
            code = define(c, s, ff_bytes_of(w.base + f.at, f.end - f.at));
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static ff_code add_capture(const capture *c, int v)
{
    ff_onnx_captures *to = c->to;
    if (to->count == to->room) {
        int more = to->room == 0 ? 16 : to->room * 2;
        int *list = ff_mem_try_array((size_t)more, sizeof *list);
        if (list == NULL) {
            return ff_err_set(c->r->err, FF_NO_MEMORY, "no memory for captured tensors");
        }
        if (to->count > 0) {
            memcpy(list, to->list, (size_t)to->count * sizeof *list);
        }
        ff_mem_free(to->list);
        to->list = list;
        to->room = more;
    }
    to->list[to->count++] = v;
    return FF_OK;
}

static ff_code read_name(const capture *c, const scope *s, ff_bytes name, size_t position)
{
    if (name.len == 0 || defined(s, name)) {
        return FF_OK;
    }
    char text[FF_MAX_NAME + 1];
    int v = FF_NO_VALUE;
    if (name.len <= FF_MAX_NAME) {
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        v = strlen(text) == name.len ? ff_graph_find_value(c->r->g, text) : FF_NO_VALUE;
    }
    if (v == FF_NO_VALUE) {
        return ff_err_at(c->r->err, FF_FORMAT, "", position,
                         "a subgraph of %s reads '%.*s', which nothing produces", c->node,
                         name.len < 200 ? (int)name.len : 200, (const char *)name.data);
    }
    return add_capture(c, v);
}

/* The subgraphs of an attribute: fields g and graphs. */
static ff_code walk_attribute(const capture *c, ff_wire w, const scope *outer)
{
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, c->r->err);
        if (code == FF_OK && (f.number == 6 || f.number == 11) && f.type == FF_WIRE_BYTES) {
            c->to->found = true;
            code = walk_graph(c, (ff_wire){w.base, f.at, f.end}, outer);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* A node's inputs and its own subgraphs. */
static ff_code walk_node(const capture *c, ff_wire w, const scope *s)
{
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, c->r->err);
        if (code == FF_OK && f.type == FF_WIRE_BYTES && f.number == 1) {
            code = read_name(c, s, ff_bytes_of(w.base + f.at, f.end - f.at), f.at);
        } else if (code == FF_OK && f.type == FF_WIRE_BYTES && f.number == 5) {
            code = walk_attribute(c, (ff_wire){w.base, f.at, f.end}, s);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

/* The names that a GraphProto defines: inputs, initializers (also sparse), outputs of nodes. */
static ff_code define_all(const capture *c, scope *s, ff_wire w)
{
    while (w.at < w.end) {
        ff_wire_field f = {0};
        ff_code code = ff_wire_next(&w, &f, c->r->err);
        ff_wire inside = {w.base, f.at, f.end};
        if (code == FF_OK && f.type == FF_WIRE_BYTES) {
            if (f.number == 1) {
                code = define_field(c, s, inside, 2);
            } else if (f.number == 5) {
                code = define_field(c, s, inside, 8);
            } else if (f.number == 11) {
                code = define_field(c, s, inside, 1);
            }
        }
        if (code != FF_OK) {
            return code;
        }
    }
    if (s->count > 0) {
        qsort(s->names, s->count, sizeof *s->names, compare_names);
    }
    return FF_OK;
}

static ff_code read_output(const capture *c, const scope *s, ff_wire w)
{
    while (w.at < w.end) {
        ff_wire_field f;
        ff_code code = ff_wire_next(&w, &f, c->r->err);
        if (code == FF_OK && f.number == 1 && f.type == FF_WIRE_BYTES) {
            code = read_name(c, s, ff_bytes_of(w.base + f.at, f.end - f.at), f.at);
        }
        if (code != FF_OK) {
            return code;
        }
    }
    return FF_OK;
}

static ff_code walk_graph(const capture *c, ff_wire w, const scope *outer)
{
    scope s = {.outer = outer};
    ff_code code = define_all(c, &s, w);
    while (code == FF_OK && w.at < w.end) {
        ff_wire_field f;
        code = ff_wire_next(&w, &f, c->r->err);
        if (code == FF_OK && f.type == FF_WIRE_BYTES && f.number == 1) {
            code = walk_node(c, (ff_wire){w.base, f.at, f.end}, &s);
        } else if (code == FF_OK && f.type == FF_WIRE_BYTES && f.number == 12) {
            code = read_output(c, &s, (ff_wire){w.base, f.at, f.end});
        }
    }
    ff_mem_free(s.names);
    return code;
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

ff_code ff_onnx_capture(ff_onnx_reader *r, const char *node, ff_bytes attribute,
                        ff_onnx_captures *captures)
{
    const capture c = {r, node, captures};
    size_t at = (size_t)(attribute.data - r->file.data);
    ff_code code = walk_attribute(&c, (ff_wire){r->file.data, at, at + attribute.len}, NULL);
    if (code != FF_OK || captures->count == 0) {
        return code;
    }
    qsort(captures->list, (size_t)captures->count, sizeof *captures->list, compare_ints);
    int kept = 1;
    for (int i = 1; i < captures->count; i++) {
        if (captures->list[i] != captures->list[kept - 1]) {
            captures->list[kept++] = captures->list[i];
        }
    }
    captures->count = kept;
    return FF_OK;
}
