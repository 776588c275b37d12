/*
 * Tiny ONNX files for tests, encoded by hand: modules that must not use graph/ can make models.
 *
 * Everything is float32. Names are plain words; lists of names are separated by blanks.
 */
#ifndef FF_TESTS_SUPPORT_TINY_ONNX_H
#define FF_TESTS_SUPPORT_TINY_ONNX_H

#include "base/buf.h"

typedef struct tiny_onnx {
    ff_buf nodes;
    ff_buf weights;
    ff_buf inputs;
    ff_buf outputs;
} tiny_onnx;

/* ints of count values, or one int where count is 0 (its value is ints[0]). */
typedef struct tiny_attr {
    const char *name;
    int count;
    int64_t ints[8];
} tiny_attr;

tiny_onnx tiny_new(void);
void tiny_clean(tiny_onnx *t);
/* dim 0 makes a symbolic dimension "n". */
void tiny_input(tiny_onnx *t, const char *name, int rank, const int64_t *dims);
void tiny_output(tiny_onnx *t, const char *name, int rank, const int64_t *dims);
/* An initializer filled with seeded values of about unit variance over scale. */
void tiny_weight(tiny_onnx *t, const char *name, int rank, const int64_t *dims, uint64_t seed,
                 double scale);
void tiny_node(tiny_onnx *t, const char *op, const char *inputs, const char *outputs,
               const tiny_attr *attrs, int attr_count);
/* The ModelProto, opset 13, appended to out. */
void tiny_emit(const tiny_onnx *t, ff_buf *out);

/* x[1,3,h,w] -> Conv 3x3 to channels -> Relu -> Conv 1x1 to channels -> Add (a residual) -> y. */
void tiny_conv_model(int64_t channels, int64_t height, int64_t width, ff_buf *out);

#endif
