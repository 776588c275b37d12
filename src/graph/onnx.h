/*
 * ONNX files (onnx.proto; protobuf wire format) to graphs and back.
 *
 * Reading maps the file. A scan of our own bounds depth, counts and lengths before protobuf-c
 * (which recurses without limit) sees a byte, and hands it the file without its weights, which stay
 * views of the mapping. External data is followed inside the model's folder only.
 */
#ifndef FF_GRAPH_ONNX_H
#define FF_GRAPH_ONNX_H

#include "graph/graph.h"

typedef struct ff_onnx_shape {
    const char *input; /* its name */
    ff_shape shape;
} ff_onnx_shape;

/* Loads, seals and infers. shapes fix (or replace symbolic dims of) named inputs; a graph input
 * that is left without a fixed shape is FF_USAGE and says which --shape to give. A dim of 0 that a
 * shape gives is one: an empty input.
 * FF_FORMAT (position = byte of the file), FF_UNSUPPORTED, FF_LIMIT, FF_NOT_FOUND, FF_IO. */
ff_code ff_onnx_load(const char *path, const ff_onnx_shape *shapes, int shape_count, ff_graph **out,
                     ff_err *err);
/* The same from memory (bytes must outlive the graph); dir = folder for external data, or NULL. */
ff_code ff_onnx_parse(ff_bytes bytes, const char *dir, const ff_onnx_shape *shapes, int shape_count,
                      ff_graph **out, ff_err *err);

/* Where a weight's bytes are in an external file. */
typedef struct ff_onnx_place {
    uint64_t offset;
    uint64_t length; /* 0 = keep this weight inside the model */
} ff_onnx_place;

/* The model as bytes, appended to buf. With location != NULL, weight v whose places[v].length > 0
 * is written as external data {location, offset, length} (places is indexed by value). */
ff_code ff_onnx_emit(const ff_graph *g, const char *location, const ff_onnx_place *places,
                     ff_buf *buf, ff_err *err);
/* The model with all weights inside, streamed to a file (peak memory: the head, not the weights).
 */
ff_code ff_onnx_write(const ff_graph *g, const char *path, ff_err *err);

#endif
