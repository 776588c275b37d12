/*
 * The graph: an ONNX model's nodes and tensors in memory, by index.
 *
 * Built by graph/onnx.h or by hand (ff_graph_add_*). Nodes are stored in a topological order that
 * depends on the file alone; a stage is a range of it. Values are all tensors: inputs, weights and
 * node outputs. All memory is the graph's own or a mapping of the model's files that the graph
 * owns, so weights are views, never copies; a view of a file promises no alignment (read elements
 * by memcpy). A graph is read-only once built; many threads may read.
 */
#ifndef FF_GRAPH_GRAPH_H
#define FF_GRAPH_GRAPH_H

#include "base/file.h"
#include "tensor/tensor.h"

#define FF_NO_VALUE (-1) /* an omitted optional input or output */
#define FF_NO_NODE  (-1)

typedef enum ff_value_kind {
    FF_VALUE_INPUT,  /* a graph input */
    FF_VALUE_WEIGHT, /* an initializer, or the output of a Constant node */
    FF_VALUE_NODE    /* a node's output */
} ff_value_kind;

typedef struct ff_value {
    const char *name; /* never NULL; unique in the graph */
    ff_value_kind kind;
    ff_dtype dtype; /* FF_DTYPE_NONE while unknown */
    bool has_shape; /* shape is known and all dims are fixed */
    ff_shape shape;
    int producer; /* node index, or FF_NO_NODE */
    /* A weight's elements: row-major, little-endian, exact length. Of strings: TensorProto's fields
     * string_data as they are stored; only ONNX Runtime reads them. */
    ff_bytes data;
    /* Small integer tensors whose elements are known (shape arithmetic): folded by
     * ff_graph_infer; NULL where not known. shape gives the count. */
    const int64_t *known;
} ff_value;

typedef enum ff_attr_kind {
    FF_ATTR_INT,
    FF_ATTR_FLOAT,
    FF_ATTR_STRING,
    FF_ATTR_TENSOR,
    FF_ATTR_INTS,
    FF_ATTR_FLOATS,
    FF_ATTR_STRINGS,
    FF_ATTR_RAW /* anything else (subgraphs, sparse tensors, ...): the AttributeProto's bytes */
} ff_attr_kind;

typedef struct ff_attr {
    const char *name;
    ff_attr_kind kind;
    int64_t i;
    float f;
    ff_bytes s;   /* STRING, RAW */
    size_t count; /* INTS, FLOATS, STRINGS */
    const int64_t *ints;
    const float *floats;
    const ff_bytes *strings;
    ff_dtype tensor_dtype; /* TENSOR */
    ff_shape tensor_shape;
    ff_bytes tensor_data;
} ff_attr;

typedef struct ff_node {
    const char *name;   /* "" where the file gives none */
    const char *op;     /* op_type */
    const char *domain; /* "" for ai.onnx */
    int in_count;
    int *in; /* value indices or FF_NO_VALUE */
    int out_count;
    int *out;
    int attr_count;
    ff_attr *attrs;
    bool has_subgraph;  /* If, Loop, Scan, ...: runs whole */
    int captured_count; /* outer values that its subgraphs read */
    int *captured;
} ff_node;

typedef struct ff_opset {
    const char *domain;
    int64_t version;
} ff_opset;

typedef struct ff_graph {
    ff_arena *arena;
    const char *name;
    const char *path; /* of the .onnx file, "" for one made in memory */
    int64_t ir_version;
    int opset_count;
    ff_opset *opsets;
    int value_count;
    ff_value *values;
    int node_count;
    ff_node *nodes;
    int input_count; /* without initializers that the file lists among its inputs */
    int *inputs;
    int output_count;
    int *outputs;
    int map_count; /* files that weights are views of */
    ff_map *maps;
    bool widened;       /* was bfloat16 in the file, is float32 */
    ff_bytes functions; /* the model's FunctionProtos, as fields of a ModelProto, as they were */
    /* private to graph/ */
    struct ff_graph_index *index;
    int value_room, node_room, input_room, output_room, map_room, opset_room;
} ff_graph;

ff_graph *ff_graph_new(const char *name);
void ff_graph_free(ff_graph *g); /* accepts NULL */

/* Building. Names are copied into the arena; a name already taken fails with FF_FORMAT. */
ff_code ff_graph_add_value(ff_graph *g, const char *name, ff_value_kind kind, ff_dtype dtype,
                           const ff_shape *shape, int *value, ff_err *err);
/* data is borrowed and must outlive the graph (or be arena memory of g). */
ff_code ff_graph_add_weight(ff_graph *g, const char *name, ff_dtype dtype, const ff_shape *shape,
                            ff_bytes data, int *value, ff_err *err);
/* Appends a node; in and out are copied; the outputs' producer is set. Returns its index. */
int ff_graph_add_node(ff_graph *g, const char *name, const char *op, const char *domain,
                      const int *in, int in_count, const int *out, int out_count);
void ff_graph_set_int(ff_graph *g, int node, const char *name, int64_t value);
void ff_graph_set_float(ff_graph *g, int node, const char *name, float value);
void ff_graph_set_ints(ff_graph *g, int node, const char *name, const int64_t *values,
                       size_t count);
void ff_graph_set_string(ff_graph *g, int node, const char *name, const char *value);
void ff_graph_copy_attr(ff_graph *g, int node,
                        const ff_attr *attr); /* deep, but weights borrowed */
void ff_graph_add_input(ff_graph *g, int value);
void ff_graph_add_output(ff_graph *g, int value);
void ff_graph_add_opset(ff_graph *g, const char *domain, int64_t version);

/* Looking up. */
int ff_graph_find_value(const ff_graph *g, const char *name);       /* FF_NO_VALUE */
int64_t ff_graph_opset(const ff_graph *g, const char *domain);      /* 0 where not imported */
const ff_attr *ff_node_attr(const ff_node *node, const char *name); /* NULL */
int64_t ff_node_int(const ff_node *node, const char *name, int64_t otherwise);
float ff_node_float(const ff_node *node, const char *name, float otherwise);
/* Copies at most max ints of an INTS attribute; returns their number, or -1 where absent. */
int ff_node_ints(const ff_node *node, const char *name, int64_t *out, int max);
/* Does a STRING attribute equal text? An absent one equals otherwise. */
bool ff_node_string_is(const ff_node *node, const char *name, const char *text,
                       const char *otherwise);
bool ff_node_is(const ff_node *node, const char *op); /* in the default domain */
/* "Conv 'conv1' (node 3)" for messages. Returns text. */
const char *ff_node_text(const ff_graph *g, int node, char *text, size_t size);
/* All nodes that read value v: returns their number, *list points into the index. */
int ff_graph_readers(const ff_graph *g, int v, const int **list);
bool ff_graph_is_output(const ff_graph *g, int v);

/* Orders nodes topologically (stable: file order where it is one already); FF_FORMAT names a node
 * on a cycle, or one whose input nothing produces. Rebuilds the readers' index. Call after
 * building by hand. */
ff_code ff_graph_seal(ff_graph *g, ff_err *err);

/* Shape and dtype inference over the sealed graph, by ONNX's rules for opsets 7 to 22; folds shape
 * arithmetic (value.known). Ops that it does not know keep what the file's value_info says, or
 * stay unknown (has_shape = false): that is not an error. FF_FORMAT where shapes contradict. */
ff_code ff_graph_infer(ff_graph *g, ff_err *err);
/* Of a value without a shape: the node where inference stops, why, and what would help. Returns
 * text. */
const char *ff_graph_why_unshaped(const ff_graph *g, int v, char *text, size_t size);

/* Sums. flops counts 2 per multiply-add of Conv, ConvTranspose, Gemm, MatMul, LSTM, GRU, RNN and 1
 * per output element of the rest. */
uint64_t ff_graph_weight_bytes(const ff_graph *g);
uint64_t ff_node_flops(const ff_graph *g, int node);
/* The weights (values) that nodes [begin, end) read, each once, in bytes. */
uint64_t ff_graph_range_weight_bytes(const ff_graph *g, int begin, int end);

#endif
