/*
 * Reading ONNX files, private parts: the scan, and what the readers of single messages share.
 *
 * The scan walks the whole file once without recursion beyond FF_MAX_ONNX_DEPTH and writes a head:
 * the same model for protobuf-c, in which
 *   - the elements of a tensor, when they are one field, are replaced by raw_data holding a marker
 *     {u64 number of the field, u64 offset, u64 length} into the file; raw_data of the head is
 *     always a marker;
 *   - an attribute's doc_string is the text "offset:length" of the whole AttributeProto in the
 *     file, and subgraphs and other rare kinds are left out: the reader takes those from the file;
 *   - model-local functions go to a buffer of their own, as they are;
 *   - documentation, training information and unknown fields are left out.
 */
#ifndef FF_GRAPH_ONNX_INT_H
#define FF_GRAPH_ONNX_INT_H

#include <onnx/onnx.pb-c.h>

#include "graph/graph_int.h"
#include "graph/onnx.h"

#define FF_ONNX_MARKER_BYTES 24
#define FF_ONNX_MAX_FILES    10000 /* external data: one file a tensor at worst */

typedef struct ff_onnx_marker {
    uint64_t field, offset, length;
} ff_onnx_marker;

/* FF_FORMAT and FF_LIMIT with the position; FF_UNSUPPORTED; FF_NO_MEMORY. */
ff_code ff_onnx_scan(ff_bytes file, ff_buf *head, ff_buf *functions, ff_err *err);

typedef struct ff_onnx_file { /* external data */
    char *location;
    int map; /* in the graph */
} ff_onnx_file;

typedef struct ff_onnx_reader {
    ff_graph *g;
    ff_bytes file;
    const char *dir; /* for external data, or NULL */
    char *real_dir;  /* dir resolved, once needed */
    int file_count, file_room;
    ff_onnx_file *files;
    ff_err *err;
} ff_onnx_reader;

/* The ff_dtype of a TensorProto.DataType that graphs can hold; FF_DTYPE_NONE otherwise. */
ff_dtype ff_onnx_dtype(int32_t data_type);
/* "14 (complex64); read are float16, ...": of a type that is not read. */
const char *ff_onnx_unread_type(int32_t data_type, char *text, size_t size);
/* A tensor's type, shape and elements: a view of a file, or a block that the graph owns. what is
 * how messages call it: "weight 'w'". FF_UNSUPPORTED for types that graphs cannot hold. */
ff_code ff_onnx_tensor(ff_onnx_reader *r, const Onnx__TensorProto *t, const char *what,
                       ff_dtype *dtype, ff_shape *shape, ff_bytes *data);
/* onnx_weight.c: the string_data fields of a tensor of elems strings; a block of the graph's. */
ff_code ff_onnx_strings(ff_onnx_reader *r, const Onnx__TensorProto *t, const char *what,
                        uint64_t elems, ff_bytes *data);
/* A sparse tensor as a dense one; FF_LIMIT where that is too large. */
ff_code ff_onnx_sparse(ff_onnx_reader *r, const Onnx__SparseTensorProto *p, const char *what,
                       ff_dtype *dtype, ff_shape *shape, ff_bytes *data);
/* onnx_widen.c: makes a graph with bfloat16 weights a float32 one, before it is sealed. */
ff_code ff_onnx_widen(ff_onnx_reader *r);
void ff_onnx_reader_clean(ff_onnx_reader *r);

/* Adds the graph's inputs (but initializers), their shapes fixed after shapes[]; tells node
 * outputs what value_info says of them. FF_USAGE where a shape stays open. */
ff_code ff_onnx_inputs(ff_onnx_reader *r, const Onnx__GraphProto *p, const ff_onnx_shape *shapes,
                       int shape_count);
void ff_onnx_hints(ff_onnx_reader *r, const Onnx__GraphProto *p);

/* The values of the outer graph that an attribute's subgraphs read, added to the list (of
 * ff_mem_try), which is sorted and has each once. found is set where it has a subgraph. attribute
 * is a view of r->file. */
typedef struct ff_onnx_captures {
    bool found;
    int count, room;
    int *list;
} ff_onnx_captures;
ff_code ff_onnx_capture(ff_onnx_reader *r, const char *node, ff_bytes attribute,
                        ff_onnx_captures *captures);

#endif
