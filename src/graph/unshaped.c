/*
 * Why the shape of a value is not known, and what would make it known.
 */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/infer_int.h"

/* The node where inference stops: its inputs have shapes, its output has none. */
static int stopping_node(const ff_graph *g, int v)
{
    int n = g->values[v].producer;
    for (int i = 0; n != FF_NO_NODE && i < g->nodes[n].in_count; i++) {
        int in = g->nodes[n].in[i];
        if (in != FF_NO_VALUE && !g->values[in].has_shape && g->values[in].producer != FF_NO_NODE) {
            n = g->values[in].producer; /* nodes are in order: this goes back, and ends */
            i = -1;
        }
    }
    return n;
}

static bool makes_sequence(const ff_node *node)
{
    static const char *const OPS[] = {"SplitToSequence", "SequenceConstruct", "SequenceEmpty",
                                      "SequenceErase",   "SequenceInsert",    "SequenceMap",
                                      "Optional"};
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (ff_node_is(node, OPS[i]))
            return true;
    return false;
}

/* An input, a list of sizes or axes by its look, whose elements are computed; or NULL. */
static const ff_value *computed_list(const ff_graph *g, const ff_node *node)
{
    for (int i = 1; i < node->in_count; i++) {
        const ff_value *in = node->in[i] == FF_NO_VALUE ? NULL : &g->values[node->in[i]];
        if (in != NULL && in->kind != FF_VALUE_WEIGHT && in->known == NULL && in->has_shape &&
            in->shape.rank <= 1)
            return in;
    }
    return NULL;
}

const char *ff_graph_why_unshaped(const ff_graph *g, int v, char *text, size_t size)
{
    char name[256];
    int n = stopping_node(g, v);
    if (n == FF_NO_NODE) {
        snprintf(text, size, "'%.100s' has no shape in the file", g->values[v].name);
        return text;
    }
    const ff_node *node = &g->nodes[n];
    const ff_value *list = computed_list(g, node);
    const char *out = "";
    for (int i = 0; i < node->out_count && out[0] == '\0'; i++)
        if (node->out[i] != FF_NO_VALUE && !g->values[node->out[i]].has_shape)
            out = g->values[node->out[i]].name;
    ff_node_text(g, n, name, sizeof name);
    if (makes_sequence(node))
        snprintf(text, size, "%s makes a sequence, and only tensors travel: take them out of it",
                 name);
    else if (!ff_infer_knows(node))
        snprintf(text, size,
                 "shapes are not inferred through %s%s%.64s: give the file the shape of '%.100s' "
                 "(value_info)",
                 name, node->domain[0] != '\0' ? " of domain " : "", node->domain, out);
    else if (list != NULL)
        snprintf(text, size,
                 "%s takes it from the elements of '%.100s', which are computed at run time: make "
                 "them a constant, or give the file the shape of '%.100s' (value_info)",
                 name, list->name, out);
    else
        snprintf(text, size,
                 "%s decides it at run time: if it is always the same, give the file the shape of "
                 "'%.100s' (value_info)",
                 name, out);
    return text;
}
