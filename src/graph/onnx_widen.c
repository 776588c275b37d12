/*
 * bfloat16 models in float32: ONNX Runtime has no bfloat16 convolution or matrix product for CPUs.
 *
 * Every bfloat16 tensor becomes a float32 one: weights (twice the memory, in blocks of the graph's
 * own), tensors, and the attributes that name the type. The values of the weights stay the same;
 * what lies between is computed more exactly than in bfloat16.
 */
#include <string.h>

#include "base/log.h"
#include "graph/onnx_int.h"
#include "tensor/half.h"

static ff_code widen_bytes(ff_onnx_reader *r, ff_bytes *data)
{
    void *block = NULL;
    size_t count = data->len / sizeof(uint16_t);
    ff_code code = ff_graph_own(r->g, count * sizeof(float) + 1, &block, r->err);
    if (code != FF_OK) {
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t narrow;
        memcpy(&narrow, data->data + i * sizeof narrow, sizeof narrow);
        float wide = ff_half_from_bf16(narrow);
        memcpy((uint8_t *)block + i * sizeof wide, &wide, sizeof wide);
    }
    *data = ff_bytes_of(block, count * sizeof(float));
    return FF_OK;
}

/* Attributes that hold an element type (Cast, EyeLike, RandomNormal, LayerNormalization...). */
static bool names_type(const ff_attr *a)
{
    static const char *const names[] = {"to", "dtype", "output_dtype", "stash_type"};
    for (size_t i = 0; a->kind == FF_ATTR_INT && i < sizeof names / sizeof *names; i++) {
        if (strcmp(a->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static ff_code widen_node(ff_onnx_reader *r, ff_node *node)
{
    ff_code code = FF_OK;
    for (int i = 0; i < node->attr_count && code == FF_OK; i++) {
        ff_attr *a = &node->attrs[i];
        if (names_type(a) && a->i == FF_DTYPE_BF16) {
            a->i = FF_DTYPE_F32;
        } else if (a->kind == FF_ATTR_TENSOR && a->tensor_dtype == FF_DTYPE_BF16) {
            code = widen_bytes(r, &a->tensor_data);
            a->tensor_dtype = FF_DTYPE_F32;
        }
    }
    return code;
}

ff_code ff_onnx_widen(ff_onnx_reader *r)
{
    ff_graph *g = r->g;
    int weights = 0;
    for (int v = 0; v < g->value_count; v++) {
        weights += g->values[v].kind == FF_VALUE_WEIGHT && g->values[v].dtype == FF_DTYPE_BF16;
    }
    if (weights == 0) {
        return FF_OK;
    }
    ff_log(FF_LOG_WARN, "%d weights are bfloat16: the model is widened to float32", weights);
    g->widened = true;
    ff_code code = FF_OK;
    for (int v = 0; v < g->value_count && code == FF_OK; v++) {
        ff_value *value = &g->values[v];
        if (value->dtype == FF_DTYPE_BF16) {
            code = value->kind == FF_VALUE_WEIGHT ? widen_bytes(r, &value->data) : FF_OK;
            value->dtype = FF_DTYPE_F32;
        }
    }
    for (int n = 0; n < g->node_count && code == FF_OK; n++) {
        code = widen_node(r, &g->nodes[n]);
    }
    return code;
}
