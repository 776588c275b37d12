/* Stored models: the same answers, weights mapped and not read, nothing left behind on failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/random.h"
#include "engine/engine.h"
#include "support/tiny_onnx.h"

static ff_engine *engine;
static char dir[] = "/tmp/fanfold-optimise-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) && ff_engine_new(1, &engine, NULL) == FF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return ff_dir_remove(dir, NULL) == FF_OK ? 0 : -1;
}

static const char *in_dir(const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void write_model(const char *name, int64_t channels, int64_t side)
{
    ff_buf model = {0};
    tiny_conv_model(channels, side, side, &model);
    assert_int_equal(ff_file_write(in_dir(name), ff_buf_view(&model), NULL), FF_OK);
    ff_buf_clean(&model);
}

static void optimise(const char *from, ff_form form, const char *to, const char *weights)
{
    ff_err err = {0};
    char model[300];
    snprintf(model, sizeof model, "%s", in_dir(from));
    ff_code code = ff_engine_optimise(engine, model, form, in_dir(to), weights, &err);
    if (code)
        print_error("%s: %s\n", err.file, err.message);
    assert_int_equal(code, FF_OK);
}

static ff_tensor run(const char *name, const ff_session_options *options, int64_t side)
{
    ff_session *session = NULL;
    ff_shape shape = {4, {1, 3, side, side}};
    ff_tensor in, out;
    ff_random random;
    ff_random_init(&random, 9);
    assert_int_equal(ff_tensor_new(FF_DTYPE_F32, &shape, &in, NULL), FF_OK);
    for (size_t i = 0; i < in.bytes / 4; i++)
        ((float *)in.data)[i] = (float)ff_random_normal(&random);
    assert_int_equal(ff_session_open(engine, in_dir(name), options, &session, NULL), FF_OK);
    assert_int_equal(ff_session_run(session, &in, 1, &out, 1, NULL), FF_OK);
    ff_tensor_clean(&in);
    ff_session_close(session);
    return out;
}

/* Files in the folder whose names begin so. */
static int count_files(const char *prefix)
{
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(d);
    return count;
}

static void test_same_answers(void **state)
{
    (void)state;
    static const struct {
        ff_form form;
        int64_t channels;
    } rows[] = {
        {FF_FORM_PORTABLE, 48},
        {FF_FORM_NCHWC, 48},
        {FF_FORM_PORTABLE, 20},
        {FF_FORM_NCHWC, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_model("m.onnx", rows[i].channels, 14);
        optimise("m.onnx", rows[i].form, "stored.onnx", "stored.weights");
        ff_tensor plain = run("m.onnx", &(ff_session_options){.plain = true}, 14);
        ff_tensor stored = run("stored.onnx", &(ff_session_options){.stored = true}, 14);
        ff_diff diff;
        assert_int_equal(ff_tensor_diff(&plain, &stored, &diff, NULL), FF_OK);
        assert_true(diff.max_abs_reference > 1);
        assert_true(ff_diff_ok(&diff, FF_DTYPE_F32));
        ff_tensor_clean(&plain);
        ff_tensor_clean(&stored);
    }
    assert_int_equal(count_files(".optimising"), 0);
}

/* ONNX Runtime pads a convolution's output channels to its block: its file tells the truth. */
static void test_block_is_onnx_runtimes(void **state)
{
    (void)state;
    uint64_t portable, blocked;
    int64_t padded =
        (40 + ff_engine_nchwc_block() - 1) / ff_engine_nchwc_block() * ff_engine_nchwc_block();
    if (ff_engine_nchwc_block() == 1)
        skip();
    write_model("m.onnx", 40, 14); /* 40 = 5 blocks of 8, 2 1/2 of 16 */
    optimise("m.onnx", FF_FORM_PORTABLE, "p.onnx", "p.weights");
    optimise("m.onnx", FF_FORM_NCHWC, "b.onnx", "b.weights");
    assert_int_equal(ff_file_size(in_dir("p.weights"), &portable, NULL), FF_OK);
    assert_int_equal(ff_file_size(in_dir("b.weights"), &blocked, NULL), FF_OK);
    assert_in_range(portable, (40 * 27 + 40 * 40) * 4, (40 * 27 + 40 * 40) * 4 + 128);
    uint64_t wanted = (uint64_t)(padded * 27 + padded * padded) * 4;
    assert_in_range(blocked, wanted, wanted + 128);
}

static uint64_t rollup(const char *field, const char *map_of)
{
    char line[512];
    uint64_t total = 0, kb;
    bool in = !map_of;
    FILE *file = fopen(map_of ? "/proc/self/smaps" : "/proc/self/smaps_rollup", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (map_of && strchr(line, '-') && !strstr(line, "kB"))
            in = strstr(line, map_of) != NULL;
        size_t len = strlen(field);
        if (in && strncmp(line, field, len) == 0 && line[len] == ':' &&
            sscanf(line + len + 1, " %lu", &kb) == 1)
            total += kb;
    }
    fclose(file);
    return total * 1024;
}

/* 64 MB of weights: as a mapping of the file, of which no page is our own. */
static void test_weights_are_mapped(void **state)
{
    (void)state;
    enum { N = 4096, BYTES = N * N * 4 };
    ff_buf model = {0};
    ff_session *session = NULL;
    float values[N];
    ff_shape shape = {2, {1, N}};
    ff_tensor in, out;
    tiny_onnx t = tiny_new();
    tiny_input(&t, "x", 2, (int64_t[]){1, N});
    tiny_output(&t, "y", 2, (int64_t[]){1, N});
    tiny_weight(&t, "w", 2, (int64_t[]){N, N}, 1, 0.02);
    tiny_node(&t, "MatMul", "x w", "y", NULL, 0);
    tiny_emit(&t, &model);
    tiny_clean(&t);
    assert_int_equal(ff_file_write(in_dir("big.onnx"), ff_buf_view(&model), NULL), FF_OK);
    ff_buf_clean(&model);
    optimise("big.onnx", FF_FORM_PORTABLE, "bigs.onnx", "bigs.weights");
    for (int i = 0; i < N; i++)
        values[i] = (float)(i % 7);
    assert_int_equal(ff_tensor_view(FF_DTYPE_F32, &shape, values, sizeof values, &in, NULL), FF_OK);
    assert_int_equal(rollup("Rss", "bigs.weights"), 0);
    assert_int_equal(ff_session_open(engine, in_dir("bigs.onnx"),
                                     &(ff_session_options){.stored = true}, &session, NULL),
                     FF_OK);
    assert_int_equal(ff_session_run(session, &in, 1, &out, 1, NULL), FF_OK);
    assert_in_range(rollup("Rss", "bigs.weights"), BYTES, BYTES + 65536);
    assert_int_equal(rollup("Anonymous", "bigs.weights"), 0);
    ff_tensor_clean(&out);
    ff_session_close(session);
    assert_int_equal(rollup("Rss", "bigs.weights"), 0);
}

static void test_bytes_with_folder(void **state)
{
    (void)state;
    ff_buf model = {0};
    ff_session *session = NULL;
    ff_err err = {0};
    write_model("m.onnx", 48, 14);
    optimise("m.onnx", FF_FORM_PORTABLE, "stored.onnx", "stored.weights");
    assert_int_equal(ff_file_read(in_dir("stored.onnx"), 1 << 20, &model, NULL), FF_OK);
    assert_int_equal(ff_session_open_bytes(engine, ff_buf_view(&model), dir,
                                           &(ff_session_options){.stored = true}, &session, &err),
                     FF_OK);
    ff_session_close(session);
    session = NULL;
    /* weights cut short are refused when loading, not met when running */
    uint64_t size;
    assert_int_equal(ff_file_size(in_dir("stored.weights"), &size, NULL), FF_OK);
    assert_int_equal(truncate(in_dir("stored.weights"), (off_t)size - 4), 0);
    assert_int_not_equal(ff_session_open_bytes(engine, ff_buf_view(&model), dir,
                                               &(ff_session_options){.stored = true}, &session,
                                               &err),
                         FF_OK);
    assert_int_equal(unlink(in_dir("stored.weights")), 0);
    assert_int_not_equal(ff_session_open(engine, in_dir("stored.onnx"),
                                         &(ff_session_options){.stored = true}, &session, &err),
                         FF_OK);
    assert_null(session);
    ff_buf_clean(&model);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *to, *weights;
        ff_code code;
    } rows[] = {
        {"absent.onnx", "out.onnx", "out.weights", FF_NOT_FOUND},
        {"text.onnx", "out.onnx", "out.weights", FF_FORMAT},
        {"m.onnx", "nowhere/out.onnx", "out.weights", FF_NOT_FOUND},
        {"m.onnx", "out.onnx", "../out.weights", FF_USAGE},
        {"m.onnx", "out.onnx", "a/b", FF_USAGE},
    };
    write_model("m.onnx", 48, 14);
    assert_int_equal(ff_file_write(in_dir("text.onnx"), ff_bytes_of("nothing", 7), NULL), FF_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_err err = {0};
        assert_int_equal(ff_engine_optimise(engine, in_dir(rows[i].model), FF_FORM_PORTABLE,
                                            in_dir(rows[i].to), rows[i].weights, &err),
                         rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(count_files(".optimising") + count_files("out"), 0);
    }
}

/* A disk that fills up (here: a bound on file sizes) fails, and leaves nothing. */
static void test_no_room(void **state)
{
    (void)state;
    struct rlimit before, small;
    ff_err err = {0};
    write_model("m.onnx", 128, 8); /* 78 KB of weights */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 40000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ff_code code = ff_engine_optimise(engine, in_dir("m.onnx"), FF_FORM_PORTABLE,
                                      in_dir("full.onnx"), "full.weights", &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(code, FF_IO); /* FF_NO_SPACE where the disk itself is full */
    assert_non_null(strstr(err.file, "full.onnx"));
    assert_int_equal(count_files(".optimising") + count_files("full"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_answers),
        cmocka_unit_test(test_block_is_onnx_runtimes),
        cmocka_unit_test(test_weights_are_mapped),
        cmocka_unit_test(test_bytes_with_folder),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
