/*
 * The table of networks, and writing one.
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "graph/onnx.h"
#include "zoo/zoo_int.h"

/* protobuf ends at 2 GiB: larger networks keep their weights in a file beside the model */
#define INSIDE_MAX_BYTES 2000000000u
#define WEIGHT_ALIGN     4096u
/* ONNX Runtime infers shapes from lists of axes and sizes, but not from ones that lie outside */
#define OUTSIDE_MIN_BYTES 1024u
#define NEWEST_OPSET      21

typedef struct entry entry;
struct entry {
    const char *name; /* ends with "-K" in a family */
    const char *about;
    int max_k;               /* of a family, else 0 */
    int opset, oldest_opset; /* the default; what its ops are written for */
    void (*build)(ff_zoo_net *net, const entry *e, int k);
    ff_zoo_block block;
    int depth[5]; /* blocks of four groups, or convolutions of five */
};

/* Of residual networks K multiplies all widths, which make() has done. */
static void residual(ff_zoo_net *net, const entry *e, int k)
{
    (void)k;
    ff_zoo_resnet(net, e->block, e->depth);
}

static void vgg(ff_zoo_net *net, const entry *e, int k)
{
    (void)k;
    ff_zoo_vgg(net, e->depth);
}

static void densenet(ff_zoo_net *net, const entry *e, int k)
{
    (void)k;
    ff_zoo_densenet(net, e->depth);
}

static void rnn(ff_zoo_net *net, const entry *e, int k)
{
    (void)e;
    ff_zoo_rnn(net, k);
}

/* A network that is the only one of its kind. */
#define ALONE(kind)                                                                                \
    static void kind(ff_zoo_net *net, const entry *e, int k)                                       \
    {                                                                                              \
        (void)e;                                                                                   \
        (void)k;                                                                                   \
        ff_zoo_##kind(net);                                                                        \
    }
ALONE(inception)
ALONE(mobilenet)
ALONE(efficientnet)
ALONE(unet)
ALONE(vit)
ALONE(bert)
ALONE(gpt2)

static const entry table[] = {
    {"resnet50-v1", "ResNet-50 v1", 0, 13, 9, residual, FF_ZOO_STRIDE_1X1, {3, 4, 6, 3}},
    {"resnet50-v2",
     "ResNet-50 v2, pre-activation",
     0,
     13,
     9,
     residual,
     FF_ZOO_PREACT,
     {3, 4, 6, 3}},
    {"resnet152-v2",
     "ResNet-152 v2, pre-activation",
     0,
     13,
     9,
     residual,
     FF_ZOO_PREACT,
     {3, 8, 36, 3}},
    {"vgg11", "VGG-11", 0, 13, 9, vgg, 0, {1, 1, 2, 2, 2}},
    {"vgg16", "VGG-16", 0, 13, 9, vgg, 0, {2, 2, 3, 3, 3}},
    {"vgg19", "VGG-19", 0, 13, 9, vgg, 0, {2, 2, 4, 4, 4}},
    {"wrn34-K",
     "ResNet-34 with K times all widths",
     8,
     13,
     9,
     residual,
     FF_ZOO_BASIC,
     {3, 4, 6, 3}},
    {"wrn50-K",
     "ResNet-50 with K times all widths",
     8,
     13,
     9,
     residual,
     FF_ZOO_BOTTLENECK,
     {3, 4, 6, 3}},
    {"densenet121", "DenseNet-121", 0, 13, 9, densenet, 0, {6, 12, 24, 16}},
    {"inception-v3", "Inception v3 without its auxiliary head", 0, 13, 9, inception, 0, {0}},
    {"mobilenet-v2", "MobileNet v2", 0, 13, 9, mobilenet, 0, {0}},
    {"efficientnet-b0", "EfficientNet-B0", 0, 13, 9, efficientnet, 0, {0}},
    {"unet", "U-Net, one class, 256x256", 0, 13, 9, unet, 0, {0}},
    {"vit-b16", "ViT-B/16", 0, 17, 13, vit, 0, {0}},
    {"bert-base", "BERT base, 128 tokens", 0, 17, 13, bert, 0, {0}},
    {"gpt2-small", "GPT-2 small, one pass over 128 tokens", 0, 17, 13, gpt2, 0, {0}},
    {"rnn-K", "K LSTM layers of 2048, 10 steps", 18, 14, 13, rnn, 0, {0}},
};
#define TABLE_COUNT ((int)(sizeof table / sizeof *table))

/* What is listed: each network, and of the families those that papers measure and the smallest. */
static const char *const listed[] = {
    "resnet50-v1", "resnet50-v2", "resnet152-v2", "vgg11",        "vgg16",   "vgg19",
    "wrn34-1",     "wrn34-3",     "wrn34-4",      "wrn34-5",      "wrn50-1", "wrn50-2",
    "wrn50-3",     "wrn50-4",     "wrn50-5",      "rnn-3",        "rnn-6",   "rnn-9",
    "rnn-18",      "densenet121", "inception-v3", "mobilenet-v2", "unet",    "efficientnet-b0",
    "vit-b16",     "bert-base",   "gpt2-small"};

/* K of a name in the family "stem-K", in decimal without a leading 0; 0 where there is none. */
static int family_k(const char *name, const entry *e)
{
    size_t stem = strlen(e->name) - 1;
    if (e->max_k == 0 || strncmp(name, e->name, stem) != 0)
        return 0;
    int k = 0;
    for (const char *p = name + stem; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || (*p == '0' && k == 0) || k > e->max_k)
            return 0;
        k = 10 * k + (*p - '0');
    }
    return k <= e->max_k ? k : 0;
}

/* The entry of a name, and its K (1 outside families); NULL for an unknown name. */
static const entry *find(const char *name, int *k)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (table[i].max_k == 0 && strcmp(name, table[i].name) == 0) {
            *k = 1;
            return &table[i];
        }
        int found = family_k(name, &table[i]);
        if (found > 0) {
            *k = found;
            return &table[i];
        }
    }
    return NULL;
}

static ff_code unknown(const char *name, ff_err *err)
{
    char known[1024] = "";
    for (int i = 0; i < TABLE_COUNT; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", table[i].name);
        used = strlen(known);
        if (table[i].max_k > 0)
            snprintf(known + used, sizeof known - used, " (K = 1 to %d)", table[i].max_k);
    }
    return ff_err_set(err, FF_NOT_FOUND, "no network '%.64s'; known are %s", name, known);
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
    int opset = options == NULL || options->opset == 0 ? e->opset : options->opset;
    if (num < 1 || den < 1 || num > 64 * den || den > 64 * num)
        return ff_err_set(err, FF_USAGE, "a width is 1/64 to 64, found %d/%d", num, den);
    if (opset < e->oldest_opset || opset > NEWEST_OPSET)
        return ff_err_set(err, FF_USAGE, "an opset of %s is %d to %d, found %d", name,
                          e->oldest_opset, NEWEST_OPSET, opset);
    ff_zoo_net made;
    ff_zoo_net_init(&made, name, opset, e->build == residual ? num * k : num, den);
    e->build(&made, e, k);
    ff_code code = ff_zoo_net_finish(&made, err);
    if (code != FF_OK) {
        ff_zoo_net_clean(&made);
        return code;
    }
    *net = made;
    return FF_OK;
}

/* What training would change: no running statistics, no constants. */
static uint64_t parameters(const ff_zoo_net *net)
{
    uint64_t bytes = 0;
    for (int i = 0; i < net->recipe_count; i++) {
        int v = net->recipe[i].value, node = FF_NO_NODE;
        const int *readers;
        if (ff_graph_readers(net->g, v, &readers) > 0)
            node = readers[0];
        const ff_node *reader = node == FF_NO_NODE ? NULL : &net->g->nodes[node];
        if (reader == NULL || !ff_node_is(reader, "BatchNormalization") ||
            (v != reader->in[3] && v != reader->in[4]))
            bytes += net->g->values[v].data.len;
    }
    return bytes / sizeof(float);
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
    info.parameters = parameters(&net);
    for (int n = 0; n < net.g->node_count; n++)
        info.flops += ff_node_flops(net.g, n);
    ff_zoo_net_clean(&net);
    *out = info;
    return FF_OK;
}

/* Large weights to path's neighbour ".data", then the model that refers to it. */
static ff_code write_outside(const ff_graph *g, const char *path, ff_err *err)
{
    ff_out *out = NULL;
    bool committed = false;
    ff_buf model;
    ff_buf_init(&model, 0);
    char *data = ff_mem_must_printf("%s.data", path);
    ff_onnx_place *places = ff_mem_must_array((size_t)g->value_count, sizeof *places);
    ff_code code = ff_out_open(data, &out, err);
    for (int v = 0; v < g->value_count && code == FF_OK; v++) {
        if (g->values[v].kind != FF_VALUE_WEIGHT || g->values[v].data.len < OUTSIDE_MIN_BYTES)
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
        committed = code == FF_OK;
    }
    if (code == FF_OK)
        code = ff_file_write(path, ff_buf_view(&model), err);
    if (code != FF_OK && committed)
        (void)unlink(data); /* nobody refers to it */
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
