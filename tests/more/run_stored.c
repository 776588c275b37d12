/* module: engine */
/*
 * Stored models one step at a time, for portability.sh, which runs some of them on another CPU.
 *
 *   run_stored tiny MODEL.onnx               a small convolution model, input 1,3,24,24
 *   run_stored store MODEL.onnx DIR          DIR/portable.onnx and DIR/nchwc.onnx
 *   run_stored run MODEL.onnx SHAPE OUT.npy  a stored model on a seeded input
 *   run_stored plain MODEL.onnx SHAPE OUT.npy  any model, as ONNX Runtime runs it by itself
 *   run_stored compare A.npy B.npy           prints the error; fails over the project's tolerance
 *   run_stored block                         prints the NCHWc block size and the CPU
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/random.h"
#include "engine/engine.h"
#include "support/tiny_onnx.h"
#include "tensor/npy.h"

static void must(ff_code code, const ff_err *err)
{
    char text[1400];
    if (!code)
        return;
    ff_err_format(err, text, sizeof text);
    fprintf(stderr, "run_stored: %s\n", text);
    exit(1);
}

static int tiny(const char *path)
{
    ff_buf model = {0};
    ff_err err;
    tiny_conv_model(40, 24, 24, &model); /* 40: no multiple of 16 */
    must(ff_file_write(path, ff_buf_view(&model), &err), &err);
    ff_buf_clean(&model);
    return 0;
}

static int store(ff_engine *engine, const char *model, const char *dir)
{
    static const char *const names[] = {"portable.onnx", "nchwc.onnx"};
    static const char *const weights[] = {"portable.weights", "nchwc.weights"};
    static const ff_form forms[] = {FF_FORM_PORTABLE, FF_FORM_NCHWC};
    char path[PATH_MAX];
    ff_err err;
    for (int i = 0; i < 2; i++) {
        must(ff_path_join(dir, names[i], path, &err), &err);
        must(ff_engine_optimise(engine, model, forms[i], path, weights[i], &err), &err);
    }
    return 0;
}

static int run(ff_engine *engine, bool stored, const char *model, const char *dims,
               const char *path)
{
    ff_session_options options = {.stored = stored, .plain = !stored};
    ff_session *session;
    ff_shape shape;
    ff_tensor in, out;
    ff_random random;
    ff_err err;
    must(ff_shape_parse(dims, &shape, &err), &err);
    must(ff_tensor_new(FF_DTYPE_F32, &shape, &in, &err), &err);
    ff_random_init(&random, 1);
    for (size_t i = 0; i < in.bytes / sizeof(float); i++)
        ((float *)in.data)[i] = (float)ff_random_unit(&random);
    must(ff_session_open(engine, model, &options, &session, &err), &err);
    must(ff_session_run(session, &in, 1, &out, 1, &err), &err);
    must(ff_npy_write_file(path, &out, &err), &err);
    ff_tensor_clean(&in);
    ff_tensor_clean(&out);
    ff_session_close(session);
    return 0;
}

static int compare(const char *reference, const char *result)
{
    ff_tensor a, b;
    ff_diff diff;
    ff_err err;
    must(ff_npy_read_file(reference, &a, &err), &err);
    must(ff_npy_read_file(result, &b, &err), &err);
    must(ff_tensor_diff(&a, &b, &diff, &err), &err);
    printf("error %.3g of the largest, %.3g\n", diff.max_abs_error / diff.max_abs_reference,
           diff.max_abs_reference);
    int code = ff_diff_ok(&diff, a.dtype) ? 0 : ff_code_exit(FF_MISMATCH);
    ff_tensor_clean(&a);
    ff_tensor_clean(&b);
    return code;
}

int main(int argc, char **argv)
{
    ff_engine *engine;
    ff_err err;
    int code = 2;
    const char *verb = argc > 1 ? argv[1] : "";
    must(ff_engine_new(1, &engine, &err), &err);
    if (argc == 3 && strcmp(verb, "tiny") == 0)
        code = tiny(argv[2]);
    else if (argc == 4 && strcmp(verb, "store") == 0)
        code = store(engine, argv[2], argv[3]);
    else if (argc == 5 && (strcmp(verb, "run") == 0 || strcmp(verb, "plain") == 0))
        code = run(engine, verb[0] == 'r', argv[2], argv[3], argv[4]);
    else if (argc == 4 && strcmp(verb, "compare") == 0)
        code = compare(argv[2], argv[3]);
    else if (argc == 2 && strcmp(verb, "block") == 0)
        code = printf("%d %s\n", ff_engine_nchwc_block(), ff_engine_cpu()) > 0 ? 0 : 1;
    else
        fprintf(stderr, "run_stored: unknown arguments\n");
    ff_engine_free(engine);
    return code;
}
