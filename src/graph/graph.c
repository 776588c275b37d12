/*
 * Graphs: life, building, names.
 *
 * The tables (values, nodes, ...) grow on the heap; everything that they point to is arena memory.
 */
#include "graph/graph.h"

#include <assert.h>
#include <string.h>

#include "graph/graph_int.h"

ff_graph *ff_graph_new(const char *name)
{
    ff_graph *g = ff_mem_must(sizeof *g);
    g->arena = ff_arena_new();
    g->name = ff_arena_strdup(g->arena, name);
    g->path = "";
    g->ir_version = 8;
    g->index = ff_mem_must(sizeof *g->index);
    g->index->slot_count = 64;
    g->index->slots = ff_mem_must_array(g->index->slot_count, sizeof *g->index->slots);
    /* a seed that a file's author does not know, so that names cannot be made to collide */
    g->index->seed = (uint64_t)(uintptr_t)g->index * 0x9e3779b97f4a7c15u;
    return g;
}

void ff_graph_free(ff_graph *g)
{
    if (g == NULL) {
        return;
    }
    for (int i = 0; i < g->map_count; i++) {
        ff_file_unmap(&g->maps[i]);
    }
    ff_graph_index *x = g->index;
    for (int i = 0; i < x->owned_count; i++) {
        ff_mem_free(x->owned[i]);
    }
    ff_mem_free(x->owned);
    ff_mem_free(x->cells);
    ff_mem_free(x->slots);
    ff_mem_free(x->reader_at);
    ff_mem_free(x->readers);
    ff_mem_free(x->is_output);
    ff_mem_free(x);
    ff_mem_free(g->opsets);
    ff_mem_free(g->values);
    ff_mem_free(g->nodes);
    ff_mem_free(g->inputs);
    ff_mem_free(g->outputs);
    ff_mem_free(g->maps);
    ff_arena_free(g->arena);
    ff_mem_free(g);
}

/* Room for one more entry of a table. */
static void *grow(void *table, int count, int *room, size_t size)
{
    if (count < *room) {
        return table;
    }
    int more = *room == 0 ? 16 : *room * 2;
    table = ff_mem_must_grow(table, (size_t)*room, (size_t)more, size);
    *room = more;
    return table;
}

static uint64_t hash_name(const ff_graph_index *x, const char *name)
{
    uint64_t h = x->seed ^ 0xcbf29ce484222325u;
    for (const char *p = name; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return h;
}

/* The slot that holds name, or the free one where it belongs. */
static size_t find_slot(const ff_graph *g, const char *name)
{
    const ff_graph_index *x = g->index;
    size_t at = hash_name(x, name) & (x->slot_count - 1);
    while (x->slots[at] != 0 && strcmp(g->values[x->slots[at] - 1].name, name) != 0) {
        at = (at + 1) & (x->slot_count - 1);
    }
    return at;
}

void ff_graph_reindex(ff_graph *g)
{
    ff_graph_index *x = g->index;
    while (x->slot_count < (size_t)g->value_count * 4) {
        x->slot_count *= 2;
    }
    ff_mem_free(x->slots);
    x->slots = ff_mem_must_array(x->slot_count, sizeof *x->slots);
    for (int v = 0; v < g->value_count; v++) {
        x->slots[find_slot(g, g->values[v].name)] = v + 1;
    }
}

ff_code ff_graph_add_value(ff_graph *g, const char *name, ff_value_kind kind, ff_dtype dtype,
                           const ff_shape *shape, int *value, ff_err *err)
{
    if (name[0] == '\0') {
        return ff_err_set(err, FF_FORMAT, "a tensor needs a name, found an empty one");
    }
    if (g->value_count >= (int)FF_MAX_ONNX_VALUES) {
        return ff_err_set(err, FF_LIMIT, "more than %u tensors", FF_MAX_ONNX_VALUES);
    }
    if (g->index->slots[find_slot(g, name)] != 0) {
        return ff_err_set(err, FF_FORMAT, "tensor '%s' is defined twice", name);
    }
    g->values = grow(g->values, g->value_count, &g->value_room, sizeof *g->values);
    int v = g->value_count++;
    g->values[v] = (ff_value){.name = ff_arena_strdup(g->arena, name),
                              .kind = kind,
                              .dtype = dtype,
                              .has_shape = shape != NULL,
                              .producer = FF_NO_NODE};
    if (shape != NULL) {
        g->values[v].shape = *shape;
    }
    if ((size_t)g->value_count * 2 > g->index->slot_count) {
        ff_graph_reindex(g);
    } else {
        g->index->slots[find_slot(g, name)] = v + 1;
    }
    *value = v;
    return FF_OK;
}

ff_code ff_graph_add_weight(ff_graph *g, const char *name, ff_dtype dtype, const ff_shape *shape,
                            ff_bytes data, int *value, ff_err *err)
{
    size_t bytes = 0;
    bool strings = dtype == FF_DTYPE_STRING;
    if (ff_dtype_bytes(dtype) == 0 && !strings) {
        return ff_err_set(err, FF_UNSUPPORTED, "weight '%s' has elements of type %s", name,
                          ff_dtype_name(dtype));
    }
    ff_code code = ff_shape_bytes(shape, strings ? FF_DTYPE_U8 : dtype, &bytes, err);
    if (code != FF_OK) {
        ff_err_wrap(err, "weight '%s'", name);
        return code;
    }
    if (data.len != bytes && !strings) {
        char text[128];
        return ff_err_set(err, FF_FORMAT, "weight '%s' is %s %s, %zu bytes, but its data has %zu",
                          name, ff_dtype_name(dtype), ff_shape_text(shape, text, sizeof text),
                          bytes, data.len);
    }
    code = ff_graph_add_value(g, name, FF_VALUE_WEIGHT, dtype, shape, value, err);
    if (code == FF_OK) {
        g->values[*value].data = data;
    }
    return code;
}

static int *copy_ints(ff_graph *g, const int *from, int count)
{
    int *to = ff_arena_array(g->arena, (size_t)count + 1, sizeof *to);
    for (int i = 0; i < count; i++) {
        assert(from[i] >= FF_NO_VALUE && from[i] < g->value_count);
        to[i] = from[i];
    }
    return to;
}

int ff_graph_add_node(ff_graph *g, const char *name, const char *op, const char *domain,
                      const int *in, int in_count, const int *out, int out_count)
{
    g->nodes = grow(g->nodes, g->node_count, &g->node_room, sizeof *g->nodes);
    int n = g->node_count++;
    g->nodes[n] = (ff_node){.name = ff_arena_strdup(g->arena, name),
                            .op = ff_arena_strdup(g->arena, op),
                            .domain = ff_arena_strdup(g->arena, domain),
                            .in_count = in_count,
                            .in = copy_ints(g, in, in_count),
                            .out_count = out_count,
                            .out = copy_ints(g, out, out_count)};
    for (int i = 0; i < out_count; i++) {
        /* a second producer is found by seal, which can fail */
        if (out[i] != FF_NO_VALUE && g->values[out[i]].producer == FF_NO_NODE) {
            g->values[out[i]].producer = n;
        }
    }
    return n;
}

void ff_graph_add_input(ff_graph *g, int value)
{
    g->inputs = grow(g->inputs, g->input_count, &g->input_room, sizeof *g->inputs);
    g->inputs[g->input_count++] = value;
}

void ff_graph_add_output(ff_graph *g, int value)
{
    g->outputs = grow(g->outputs, g->output_count, &g->output_room, sizeof *g->outputs);
    g->outputs[g->output_count++] = value;
    ff_graph_index *x = g->index;
    if (value >= x->output_room) {
        int room = g->value_count > value ? g->value_count : value + 1;
        x->is_output = ff_mem_must_grow(x->is_output, (size_t)x->output_room, (size_t)room, 1);
        x->output_room = room;
    }
    x->is_output[value] = 1;
}

void ff_graph_add_opset(ff_graph *g, const char *domain, int64_t version)
{
    g->opsets = grow(g->opsets, g->opset_count, &g->opset_room, sizeof *g->opsets);
    g->opsets[g->opset_count++] = (ff_opset){ff_arena_strdup(g->arena, domain), version};
}

int ff_graph_find_value(const ff_graph *g, const char *name)
{
    return g->index->slots[find_slot(g, name)] - 1;
}

int64_t ff_graph_opset(const ff_graph *g, const char *domain)
{
    for (int i = 0; i < g->opset_count; i++) {
        if (strcmp(g->opsets[i].domain, domain) == 0) {
            return g->opsets[i].version;
        }
    }
    return 0;
}

bool ff_graph_is_output(const ff_graph *g, int v)
{
    return v >= 0 && v < g->index->output_room && g->index->is_output[v] != 0;
}

int ff_graph_readers(const ff_graph *g, int v, const int **list)
{
    const ff_graph_index *x = g->index;
    if (v < 0 || v >= x->reader_values) {
        *list = NULL;
        return 0;
    }
    *list = x->readers + x->reader_at[v];
    return x->reader_at[v + 1] - x->reader_at[v];
}

void ff_graph_take_block(ff_graph *g, void *block)
{
    ff_graph_index *x = g->index;
    x->owned = grow(x->owned, x->owned_count, &x->owned_room, sizeof *x->owned);
    x->owned[x->owned_count++] = block;
}

ff_code ff_graph_own(ff_graph *g, size_t size, void **block, ff_err *err)
{
    void *memory = ff_mem_try(size > 0 ? size : 1);
    if (memory == NULL) {
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu bytes of a weight", size);
    }
    ff_graph_take_block(g, memory);
    *block = memory;
    return FF_OK;
}

void ff_graph_take_map(ff_graph *g, ff_map map)
{
    g->maps = grow(g->maps, g->map_count, &g->map_room, sizeof *g->maps);
    g->maps[g->map_count++] = map;
}
