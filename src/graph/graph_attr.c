/*
 * Attributes of nodes: setting, looking up, and the text that names a node in messages.
 */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

/* The node's attribute of that name: a new one, or the old one emptied. */
static ff_attr *slot(ff_graph *g, int node, const char *name)
{
    ff_node *n = &g->nodes[node];
    for (int i = 0; i < n->attr_count; i++) {
        if (strcmp(n->attrs[i].name, name) == 0) {
            n->attrs[i] = (ff_attr){.name = n->attrs[i].name};
            return &n->attrs[i];
        }
    }
    /* room doubles at each power of two, from 4 */
    int count = n->attr_count;
    if (count == 0 || (count >= 4 && (count & (count - 1)) == 0)) {
        ff_attr *more = ff_arena_array(g->arena, count == 0 ? 4 : (size_t)count * 2, sizeof *more);
        if (count > 0) {
            memcpy(more, n->attrs, (size_t)count * sizeof *more);
        }
        n->attrs = more;
    }
    n->attrs[count] = (ff_attr){.name = ff_arena_strdup(g->arena, name)};
    n->attr_count++;
    return &n->attrs[count];
}

static void *copy_bytes(ff_graph *g, const void *from, size_t count, size_t size)
{
    void *to = ff_arena_array(g->arena, count + 1, size);
    if (count > 0) {
        memcpy(to, from, count * size);
    }
    return to;
}

static ff_bytes copy_view(ff_graph *g, ff_bytes bytes)
{
    return ff_bytes_of(copy_bytes(g, bytes.data, bytes.len, 1), bytes.len);
}

void ff_graph_set_int(ff_graph *g, int node, const char *name, int64_t value)
{
    ff_attr *a = slot(g, node, name);
    a->kind = FF_ATTR_INT;
    a->i = value;
}

void ff_graph_set_float(ff_graph *g, int node, const char *name, float value)
{
    ff_attr *a = slot(g, node, name);
    a->kind = FF_ATTR_FLOAT;
    a->f = value;
}

void ff_graph_set_ints(ff_graph *g, int node, const char *name, const int64_t *values, size_t count)
{
    int64_t *ints = copy_bytes(g, values, count, sizeof *ints);
    ff_attr *a = slot(g, node, name);
    a->kind = FF_ATTR_INTS;
    a->count = count;
    a->ints = ints;
}

void ff_graph_set_string(ff_graph *g, int node, const char *name, const char *value)
{
    ff_bytes s = copy_view(g, ff_bytes_of(value, strlen(value)));
    ff_attr *a = slot(g, node, name);
    a->kind = FF_ATTR_STRING;
    a->s = s;
}

void ff_graph_copy_attr(ff_graph *g, int node, const ff_attr *attr)
{
    ff_attr copy = *attr;
    switch (attr->kind) {
    case FF_ATTR_STRING:
    case FF_ATTR_RAW:
        copy.s = copy_view(g, attr->s);
        break;
    case FF_ATTR_INTS:
        copy.ints = copy_bytes(g, attr->ints, attr->count, sizeof *attr->ints);
        break;
    case FF_ATTR_FLOATS:
        copy.floats = copy_bytes(g, attr->floats, attr->count, sizeof *attr->floats);
        break;
    case FF_ATTR_STRINGS: {
        ff_bytes *strings = ff_arena_array(g->arena, attr->count + 1, sizeof *strings);
        for (size_t i = 0; i < attr->count; i++) {
            strings[i] = copy_view(g, attr->strings[i]);
        }
        copy.strings = strings;
        break;
    }
    case FF_ATTR_INT:
    case FF_ATTR_FLOAT:
    case FF_ATTR_TENSOR: /* the elements stay borrowed */
        break;
    }
    ff_attr *a = slot(g, node, attr->name);
    copy.name = a->name;
    *a = copy;
}

const ff_attr *ff_node_attr(const ff_node *node, const char *name)
{
    for (int i = 0; i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) == 0) {
            return &node->attrs[i];
        }
    }
    return NULL;
}

int64_t ff_node_int(const ff_node *node, const char *name, int64_t otherwise)
{
    const ff_attr *a = ff_node_attr(node, name);
    return a != NULL && a->kind == FF_ATTR_INT ? a->i : otherwise;
}

float ff_node_float(const ff_node *node, const char *name, float otherwise)
{
    const ff_attr *a = ff_node_attr(node, name);
    return a != NULL && a->kind == FF_ATTR_FLOAT ? a->f : otherwise;
}

int ff_node_ints(const ff_node *node, const char *name, int64_t *out, int max)
{
    const ff_attr *a = ff_node_attr(node, name);
    if (a == NULL || a->kind != FF_ATTR_INTS) {
        return -1;
    }
    for (size_t i = 0; i < a->count && i < (size_t)max; i++) {
        out[i] = a->ints[i];
    }
    return a->count > INT32_MAX ? INT32_MAX : (int)a->count;
}

bool ff_node_string_is(const ff_node *node, const char *name, const char *text,
                       const char *otherwise)
{
    const ff_attr *a = ff_node_attr(node, name);
    if (a == NULL || a->kind != FF_ATTR_STRING) {
        return strcmp(otherwise, text) == 0;
    }
    return a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

bool ff_node_is(const ff_node *node, const char *op)
{
    return node->domain[0] == '\0' && strcmp(node->op, op) == 0;
}

const char *ff_node_text(const ff_graph *g, int node, char *text, size_t size)
{
    const ff_node *n = &g->nodes[node];
    if (n->name[0] != '\0') {
        snprintf(text, size, "%.64s '%.160s' (node %d)", n->op, n->name, node);
    } else {
        snprintf(text, size, "%.64s (node %d)", n->op, node);
    }
    return text;
}
