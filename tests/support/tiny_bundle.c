#include "support/tiny_bundle.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/hash.h"
#include "support/tiny_onnx.h"

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "tiny_bundle: %s\n", what);
        abort();
    }
}

static void conv(tiny_onnx *t, const char *in, const char *out, int64_t channels, int64_t from,
                 int64_t kernel, uint64_t seed, int64_t top, int64_t bottom)
{
    char weight[16], inputs[40];
    int64_t side = kernel / 2;
    tiny_attr attrs[] = {{"kernel_shape", 2, {kernel, kernel}},
                         {"pads", 4, {top, side, bottom, side}}};
    snprintf(weight, sizeof weight, "k%d", (int)seed);
    snprintf(inputs, sizeof inputs, "%s %s", in, weight);
    tiny_weight(t, weight, 4, (int64_t[]){channels, from, kernel, kernel}, seed,
                1 / sqrt((double)(from * kernel * kernel)));
    tiny_node(t, "Conv", inputs, out, attrs, 2);
}

static void first(tiny_onnx *t, int64_t top, int64_t bottom)
{
    conv(t, "x", "a0", 4, 3, 3, 1, top, bottom);
    tiny_node(t, "Relu", "a0", "a", NULL, 0);
}

static void second(tiny_onnx *t)
{
    conv(t, "a", "c0", 4, 4, 3, 3, 1, 1);
    tiny_node(t, "Relu", "c0", "c", NULL, 0);
}

static void third(tiny_onnx *t)
{
    conv(t, "c", "e", 2, 4, 1, 4, 0, 0);
    tiny_node(t, "Add", "e b", "y", NULL, 0);
}

static void save(const char *folder, const char *name, tiny_onnx *t, char hex[FF_SHA256_HEX])
{
    char path[4096];
    ff_buf model;
    ff_buf_init(&model, 0);
    tiny_emit(t, &model);
    must(!ff_path_join(folder, name, path, NULL), name);
    must(!ff_file_write(path, ff_buf_view(&model), NULL), path);
    ff_hash_sha256_hex(ff_buf_view(&model), hex);
    ff_buf_clean(&model);
    tiny_clean(t);
}

/* Half the rows of x and one more to half the rows of a and b. */
static void save_tile(const char *folder, const tiny_bundle *o, bool upper, const char *name,
                      char hex[FF_SHA256_HEX])
{
    int64_t half = o->height / 2;
    tiny_onnx t = tiny_new();
    tiny_input(&t, "x", 4, (int64_t[]){1, 3, half + 1, o->width});
    tiny_output(&t, "a", 4, (int64_t[]){1, 4, half, o->width});
    tiny_output(&t, "b", 4, (int64_t[]){1, 2, half, o->width});
    first(&t, upper, !upper);
    conv(&t, "x", "b", 2, 3, 3, 2, upper, !upper);
    save(folder, name, &t, hex);
}

static void add(ff_buf *out, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    must(!ff_buf_text(out, text, NULL), "no memory");
}

static void add_part(ff_buf *out, const char *name, int64_t channels, int64_t lo, int64_t hi,
                     int64_t width)
{
    add(out,
        "{\"name\":\"%s\",\"dtype\":\"float32\",\"region\":[[0,1],[0,%lld],[%lld,%lld],[0,%lld]]}",
        name, (long long)channels, (long long)lo, (long long)hi, (long long)width);
}

static void add_piece(ff_buf *out, const char *function, const char *model, const char *hex)
{
    add(out,
        "{\"function\":\"%s\",\"model\":\"%s\",\"weights\":\"\",\"model_sha256\":\"%s\","
        "\"weights_bytes\":0,\"flops\":1",
        function, model, hex);
}

static void add_tensor(ff_buf *out, const char *name, int64_t channels, const tiny_bundle *o)
{
    add(out, "{\"name\":\"%s\",\"dtype\":\"float32\",\"shape\":[1,%lld,%lld,%lld]}", name,
        (long long)channels, (long long)o->height, (long long)o->width);
}

static void add_grid(ff_buf *out, const tiny_bundle *o, const char *hex0, const char *hex1)
{
    int64_t h = o->height, half = h / 2, w = o->width;
    add(out, "{\"split\":\"grid 2x1\",\"outputs\":[");
    add_tensor(out, "a", 4, o);
    add(out, ",");
    add_tensor(out, "b", 2, o);
    add(out, "],\"drop\":[\"x\"],\"pieces\":[");
    for (int i = 0; i < 2; i++) {
        add(out, i ? "," : "");
        add_piece(out,
                  i        ? "w1"
                  : o->own ? "master"
                           : "w0",
                  i ? "s0/p1.onnx" : "s0/p0.onnx", i ? hex1 : hex0);
        add(out, ",\"inputs\":[");
        add_part(out, "x", 3, i ? half - 1 : 0, i ? h : half + !o->own_wrong, w);
        add(out, "],\"outputs\":[");
        add_part(out, "a", 4, i ? half : 0, i ? h : half, w);
        add(out, ",");
        add_part(out, "b", 2, i ? half : 0, i ? h : half, w);
        add(out, "]}");
    }
    add(out, "]},");
}

static void add_rest(ff_buf *out, const tiny_bundle *o, const char *hex2, const char *hex3)
{
    add(out, "{\"split\":\"local\",\"outputs\":[");
    add_tensor(out, "c", 4, o);
    add(out, "],\"drop\":[\"a\"],\"pieces\":[");
    add_piece(out, "master", "s1.onnx", hex2);
    add(out, ",\"inputs\":[");
    add_part(out, "a", 4, 0, o->height, o->width);
    add(out, "],\"outputs\":[");
    add_part(out, "c", 4, 0, o->height, o->width);
    /* a probe that always holds, or never does */
    add(out,
        "],\"probe\":{\"seed\":5,\"output\":0,\"index\":[0],\"value\":[%.9g],\"max_abs\":%g}}]},",
        o->probe_off, o->probe_off != 0 ? 1e-9 : 1e9);
    add(out, "{\"split\":\"offload\",\"outputs\":[");
    add_tensor(out, "y", 2, o);
    add(out, "],\"drop\":[\"c\",\"b\"],\"pieces\":[");
    add_piece(out, "w2", "s2.onnx", hex3);
    add(out, ",\"inputs\":[");
    add_part(out, "b", 2, 0, o->height, o->width);
    add(out, ",");
    add_part(out, "c", 4, 0, o->height, o->width);
    add(out, "],\"outputs\":[");
    add_part(out, "y", 2, 0, o->height, o->width);
    add(out, "]}]}]}");
}

static void save_manifest(const char *folder, const tiny_bundle *o, char hex[4][FF_SHA256_HEX])
{
    struct utsname machine;
    char path[4096];
    ff_buf out;
    ff_buf_init(&out, 0);
    must(!uname(&machine), "uname");
    add(&out,
        "{\"format\":1,\"deployment\":\"%s\",\"model\":{\"path\":\"whole.onnx\",\"sha256\":"
        "\"%s\"},\"arch\":\"%s\",\"form\":\"%s\",\"nchwc_block\":%d,",
        o->deployment, hex[0], machine.machine, o->form ? o->form : "portable",
        o->nchwc_block ? o->nchwc_block : 1);
    must(!ff_buf_text(&out, o->extra ? o->extra : "", NULL), "no memory"); /* of any length */
    add(&out, "\"inputs\":[");
    add_tensor(&out, "x", 3, o);
    add(&out, "],\"outputs\":[");
    add_tensor(&out, "y", 2, o);
    add(&out, "],\"functions\":[{\"name\":\"master\"},{\"name\":\"w0\"},{\"name\":\"w1\"},"
              "{\"name\":\"w2\"}],\"stages\":[");
    add_grid(&out, o, hex[0], hex[1]);
    add_rest(&out, o, hex[2], hex[3]);
    must(!ff_path_join(folder, "manifest.json", path, NULL), "path");
    must(!ff_file_write(path, ff_buf_view(&out), NULL), path);
    ff_buf_clean(&out);
}

void tiny_bundle_write(const char *folder, const tiny_bundle *o)
{
    char path[4096], hex[4][FF_SHA256_HEX], whole[FF_SHA256_HEX];
    must(!ff_path_join(folder, "s0", path, NULL) && !ff_dir_make(path, NULL), folder);
    save_tile(folder, o, true, "s0/p0.onnx", hex[0]);
    save_tile(folder, o, false, "s0/p1.onnx", hex[1]);
    tiny_onnx t = tiny_new();
    tiny_input(&t, "a", 4, (int64_t[]){1, 4, o->height, o->width});
    tiny_output(&t, "c", 4, (int64_t[]){1, 4, o->height, o->width});
    second(&t);
    save(folder, "s1.onnx", &t, hex[2]);
    t = tiny_new();
    /* not the manifest's order: names decide */
    tiny_input(&t, "c", 4, (int64_t[]){1, 4, o->height, o->width});
    tiny_input(&t, "b", 4, (int64_t[]){1, 2, o->height, o->width});
    tiny_output(&t, "y", 4, (int64_t[]){1, 2, o->height, o->width});
    third(&t);
    save(folder, "s2.onnx", &t, hex[3]);
    t = tiny_new();
    tiny_input(&t, "x", 4, (int64_t[]){1, 3, o->height, o->width});
    tiny_output(&t, "y", 4, (int64_t[]){1, 2, o->height, o->width});
    first(&t, 1, 1);
    conv(&t, "x", "b", 2, 3, 3, 2, 1, 1);
    second(&t);
    third(&t);
    save(folder, "whole.onnx", &t, whole);
    if (o->break_sha)
        hex[1][0] = hex[1][0] == '0' ? '1' : '0';
    save_manifest(folder, o, hex);
}
