/*
 * ONNX files of any shape, right and wrong, for tests of their reader. Links ff_graph.
 *
 * Parts are added in any order; om_emit puts them together. Lists of names and dims are texts:
 * names separated by blanks ("-" = omitted), dims by commas, a word = dim_param, "?" = unknown.
 */
#ifndef FF_TESTS_SUPPORT_ONNX_MAKE_H
#define FF_TESTS_SUPPORT_ONNX_MAKE_H

#include "graph/onnx_wire.h"
#include "tensor/dtype.h"

typedef struct onnx_make {
    ff_buf graph; /* GraphProto's fields */
    ff_buf node;  /* the attributes of the next node */
    ff_buf model; /* ModelProto's fields but the graph */
} onnx_make;

void om_init(onnx_make *m, int64_t opset); /* opset 0: none imported */
void om_clean(onnx_make *m);
void om_input(onnx_make *m, const char *name, int dtype, const char *dims); /* NULL: no shape */
void om_output(onnx_make *m, const char *name);                             /* without a type */
void om_value_info(onnx_make *m, const char *name, int dtype, const char *dims);
/* Attributes of the node that om_node then adds. */
void om_attr_int(onnx_make *m, const char *name, int64_t value);
void om_attr_ints(onnx_make *m, const char *name, const int64_t *values, size_t count);
void om_attr_float(onnx_make *m, const char *name, float value);
void om_attr_floats(onnx_make *m, const char *name, const float *values, size_t count);
void om_attr_string(onnx_make *m, const char *name, const char *value);
void om_attr_tensor(onnx_make *m, const char *name, ff_bytes tensor); /* a TensorProto */
void om_attr_graph(onnx_make *m, const char *name, ff_bytes graph);   /* a GraphProto */
void om_node(onnx_make *m, const char *op, const char *inputs, const char *outputs);
void om_node_in(onnx_make *m, const char *domain, const char *op, const char *inputs,
                const char *outputs);
void om_initializer(onnx_make *m, ff_bytes tensor);
/* An initializer with raw_data. */
void om_weight(onnx_make *m, const char *name, int dtype, const char *dims, const void *data,
               size_t len);
/* TensorProto's head (dims, data_type, name) appended to buf; fields of elements may follow. */
void om_tensor(ff_buf *buf, const char *name, int dtype, const char *dims);
void om_external(ff_buf *buf, const char *location, const char *offset, const char *length);
void om_emit(const onnx_make *m, ff_buf *out);

#endif
