/*
 * The table of networks, and writing one.
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "graph/onnx.h"
#include "zoo/zoo_int.h"

#define DEFAULT_OPSET 13
#define MAX_K         8
/* protobuf ends at 2 GiB: larger networks keep their weights in a file beside the model */
#define INSIDE_MAX_BYTES 2000000000u
#define WEIGHT_ALIGN     4096u

typedef struct entry {
    const char *name; /* ends with "-K" in a family */
    const char *about;
    bool vgg;
    ff_zoo_block block;
    int depth[5]; /* blocks of four groups, or convolutions of five */
} entry;

static const entry table[] = {
    {"resnet50-v1", "ResNet-50 v1", false, FF_ZOO_STRIDE_1X1, {3, 4, 6, 3}},
    {"resnet50-v2", "ResNet-50 v2, pre-activation", false, FF_ZOO_PREACT, {3, 4, 6, 3}},
    {"resnet152-v2", "ResNet-152 v2, pre-activation", false, FF_ZOO_PREACT, {3, 8, 36, 3}},
    {"vgg11", "VGG-11", true, 0, {1, 1, 2, 2, 2}},
    {"vgg16", "VGG-16", true, 0, {2, 2, 3, 3, 3}},
    {"vgg19", "VGG-19", true, 0, {2, 2, 4, 4, 4}},
    {"wrn34-K", "ResNet-34 with K times all widths", false, FF_ZOO_BASIC, {3, 4, 6, 3}},
    {"wrn50-K", "ResNet-50 with K times all widths", false, FF_ZOO_BOTTLENECK, {3, 4, 6, 3}},
};
#define TABLE_COUNT ((int)(sizeof table / sizeof *table))

/* What is listed: each network, and of the families those of the paper and the smallest. */
static const char *const listed[] = {"resnet50-v1", "resnet50-v2", "resnet152-v2", "vgg11",
                                     "vgg16",       "vgg19",       "wrn34-1",      "wrn34-3",
                                     "wrn34-4",     "wrn50-1",     "wrn50-2",      "wrn50-3"};

/* The entry of a name, and its K (1 outside families); NULL for an unknown name. */
static const entry *find(const char *name, int *k)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        size_t len = strlen(table[i].name);
        bool family = table[i].name[len - 1] == 'K';
        if (!family && strcmp(name, table[i].name) == 0) {
            *k = 1;
            return &table[i];
        }
        if (family && strlen(name) == len && strncmp(name, table[i].name, len - 1) == 0 &&
            name[len - 1] >= '1' && name[len - 1] <= '0' + MAX_K) {
            *k = name[len - 1] - '0';
            return &table[i];
        }
    }
    return NULL;
}

static ff_code unknown(const char *name, ff_err *err)
{
    char known[512] = "";
    for (int i = 0; i < TABLE_COUNT; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", table[i].name);
    }
    return ff_err_set(err, FF_NOT_FOUND, "no network '%.64s'; known are %s (K = 1 to %d)", name,
                      known, MAX_K);
}

/* The network without its weights' bytes. */
static ff_code make(const char *name, const ff_zoo_options *options, ff_zoo_net *net, ff_err *err)
{
    int k = 0;
    const entry *e = find(name, &k);
    if (e == NULL)
        return unknown(name, err);
    int num = options == NULL || options->width_num == 0 ? 1 : options->width_num;
    int den = options == NULL || options->width_den == 0 ? 1 : options->width_den;
    int opset = options == NULL || options->opset == 0 ? DEFAULT_OPSET : options->opset;
    if (num < 1 || den < 1 || num > 64 * den || den > 64 * num)
        return ff_err_set(err, FF_USAGE, "a width is 1/64 to 64, found %d/%d", num, den);
    if (opset < 9 || opset > 21)
        return ff_err_set(err, FF_USAGE, "an opset is 9 to 21, found %d", opset);
    ff_zoo_net made;
    ff_zoo_net_init(&made, name, opset, num * k, den);
    if (e->vgg)
        ff_zoo_vgg(&made, e->depth);
    else
        ff_zoo_resnet(&made, e->block, e->depth);
    ff_code code = ff_zoo_net_finish(&made, err);
    if (code != FF_OK) {
        ff_zoo_net_clean(&made);
        return code;
    }
    *net = made;
    return FF_OK;
}

int ff_zoo_count(void)
{
    return (int)(sizeof listed / sizeof *listed);
}

ff_code ff_zoo_info_at(int index, ff_zoo_info *out, ff_err *err)
{
    if (index < 0 || index >= ff_zoo_count())
        return ff_err_set(err, FF_NOT_FOUND, "networks are numbered 0 to %d, found %d",
                          ff_zoo_count() - 1, index);
    ff_zoo_net net;
    ff_code code = make(listed[index], NULL, &net, err);
    if (code != FF_OK)
        return code;
    int k;
    ff_zoo_info info = {.name = listed[index], .about = find(listed[index], &k)->about};
    info.parameters = ff_graph_weight_bytes(net.g) / sizeof(float);
    for (int n = 0; n < net.g->node_count; n++)
        info.flops += ff_node_flops(net.g, n);
    ff_zoo_net_clean(&net);
    *out = info;
    return FF_OK;
}

/* Weights to path's neighbour ".data", then the model that refers to it. */
static ff_code write_outside(const ff_graph *g, const char *path, ff_err *err)
{
    ff_out *out = NULL;
    ff_buf model;
    ff_buf_init(&model, 0);
    char *data = ff_mem_must_printf("%s.data", path);
    ff_onnx_place *places = ff_mem_must_array((size_t)g->value_count, sizeof *places);
    ff_code code = ff_out_open(data, &out, err);
    for (int v = 0; v < g->value_count && code == FF_OK; v++) {
        if (g->values[v].kind != FF_VALUE_WEIGHT)
            continue;
        code = ff_out_pad(out, WEIGHT_ALIGN, err);
        places[v] = (ff_onnx_place){ff_out_position(out), g->values[v].data.len};
        if (code == FF_OK)
            code = ff_out_write(out, g->values[v].data.data, g->values[v].data.len, err);
    }
    if (code == FF_OK)
        code = ff_onnx_emit(g, ff_path_base(data), places, &model, err);
    if (code == FF_OK) {
        code = ff_out_commit(out, err);
        out = NULL;
    }
    if (code == FF_OK)
        code = ff_file_write(path, ff_buf_view(&model), err);
    ff_out_abort(out);
    ff_buf_clean(&model);
    ff_mem_free(places);
    ff_mem_free(data);
    return code;
}

ff_code ff_zoo_write(const char *name, const ff_zoo_options *options, const char *path, ff_err *err)
{
    ff_zoo_net net;
    ff_code code = make(name, options, &net, err);
    if (code != FF_OK)
        return code;
    code = ff_zoo_fill(&net, options == NULL ? 0 : options->seed, err);
    if (code == FF_OK && net.size > INSIDE_MAX_BYTES)
        code = write_outside(net.g, path, err);
    else if (code == FF_OK)
        code = ff_onnx_write(net.g, path, err);
    ff_zoo_net_clean(&net);
    return code;
}
