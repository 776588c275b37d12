/* Pieces against whole models: networks, random graphs, the text detector; and what must fail. */
#include "build/bundle.h"

#include "build/build_int.h"
#include "graph/onnx.h"
#include "support/random_graph.h"

static ff_engine *engine;

static void build_and_verify(model *m, const char *what)
{
    char dir[128];
    ff_verify v = {0};
    snprintf(dir, sizeof dir, "%s/bundle", test_dir());
    must(ff_build_bundle(m->plan, m->g, engine, dir, NULL, err));
    verify(dir, m->path, engine, &v);
    int pieces = 0;
    for (int s = 0; s < v.stage_count; s++) {
        pieces += v.stage[s].pieces;
        assert_true(v.stage[s].halo_flops_ratio <= m->plan->stage[s].halo + 1e-9 &&
                    v.stage[s].halo_flops_ratio >= m->plan->stage[s].halo - 1e-9);
    }
    if (!v.ok || !v.argmax_equal)
        fail_msg("%s: %s", what, v.difference);
    assert_int_equal(v.pieces, pieces);
    assert_int_equal(v.probes_checked, pieces);
    assert_true(v.max_abs_reference > 0);
    ff_verify_clean(&v);
    must(ff_dir_remove(dir, err));
}

/* A model's bundle, with its manifest to be looked at and tampered with. */
typedef struct bundle {
    model m;
    char dir[128];
    ff_manifest *manifest;
    ff_verify v;
} bundle;

/* Of b's model as it was planned. */
static void bundle_build(bundle *b)
{
    snprintf(b->dir, sizeof b->dir, "%s/tampered", test_dir());
    must(ff_build_bundle(b->m.plan, b->m.g, engine, b->dir, NULL, err));
    must(ff_manifest_load(b->dir, &b->manifest, err));
}

static ff_code bundle_try(bundle *b, ff_err *err)
{
    ff_verify_clean(&b->v);
    return ff_verify_bundle(b->manifest, b->m.path, engine, 1, NULL, 0, NULL, NULL, &b->v, err);
}

static void bundle_clean(bundle *b)
{
    ff_verify_clean(&b->v);
    ff_manifest_free(b->manifest);
    must(ff_dir_remove(b->dir, err));
    model_clean(&b->m);
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int grids; /* the first so many, then the model as one local stage */
    } cases[] = {{"resnet50-v1", 4}, {"resnet50-v2", 2}, {"vgg11", 2}, {"wrn50-2", 1}};
    static const int grids[][2] = {{2, 2}, {3, 3}, {1, 2}, {1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model m;
        model_zoo(&m, cases[i].name, 8);
        for (int k = 0; k < cases[i].grids; k++) {
            model_plan(&m, "grid", grids[k][0], grids[k][1], 3);
            build_and_verify(&m, cases[i].name);
        }
        model_plan(&m, "single", 0, 0, 0);
        build_and_verify(&m, cases[i].name);
        model_clean(&m);
    }
}

static void plan_split(model *m, const char *text)
{
    char hex[FF_SHA256_HEX];
    ff_split split;
    must(ff_split_parse(text, &split, err));
    ff_plan_free(m->plan);
    m->plan = NULL;
    must(ff_plan_make_split(m->g, &split, &m->plan, err));
    must(ff_hash_sha256_file(m->path, hex, err));
    must(ff_plan_set_model(m->plan, m->path, hex, NULL, 0, err));
}

static void divided_weights(void **state)
{
    (void)state;
    static const char *const SPLITS[] = {"channel 3", "reduce 2", "pair 2", "offload"};
    model m;
    model_zoo(&m, "vgg11", 8);
    for (size_t i = 0; i < sizeof SPLITS / sizeof SPLITS[0]; i++) {
        plan_split(&m, SPLITS[i]);
        build_and_verify(&m, SPLITS[i]);
    }
    model_clean(&m);
}

/* A piece that says it holds more than its share is found out, though its answer is right. */
static void copied_weights(void **state)
{
    (void)state;
    bundle b = {0};
    model_zoo(&b.m, "vgg11", 8);
    plan_split(&b.m, "channel 2");
    bundle_build(&b);
    int last = b.manifest->stage_count - 1;
    assert_string_equal(b.manifest->stage[last].split, "channel 2");
    b.manifest->stage[last].piece[1].weights_bytes *= 2;
    must(bundle_try(&b, err));
    assert_false(b.v.ok);
    assert_false(b.v.stage[last].weights_ok);
    assert_true(b.v.stage[0].weights_ok);
    assert_non_null(strstr(b.v.difference, "(channel 2): its pieces hold "));
    bundle_clean(&b);
}

/* Pieces of a grid hold the convolutions' weights each, and their own rows of the product that the
 * stage ends in, in a file each. */
static void copied_rows(void **state)
{
    (void)state;
    bundle b = {0};
    model_zoo(&b.m, "vgg11", 8);
    model_plan(&b.m, "grid", 2, 2, 2);
    bundle_build(&b);
    assert_string_equal(b.manifest->stage[1].split, "grid 2x2");
    assert_true(b.manifest->stage[1].piece[0].out[0].add);
    assert_string_equal(b.manifest->stage[0].piece[1].weights,
                        b.manifest->stage[0].piece[0].weights);
    assert_string_equal(b.manifest->stage[1].piece[1].weights, "s1/w1.bin");
    must(bundle_try(&b, err));
    assert_true(b.v.ok);
    assert_true(b.v.stage[1].divided_bytes > b.v.stage[1].whole_weights_bytes / 2);
    assert_true(b.v.stage[1].pieces_weights_bytes < 2 * b.v.stage[1].whole_weights_bytes);
    /* one that holds all rows */
    b.manifest->stage[1].piece[3].weights_bytes = b.v.stage[1].whole_weights_bytes;
    must(bundle_try(&b, err));
    assert_false(b.v.ok);
    assert_false(b.v.stage[1].weights_ok);
    assert_true(b.v.stage[0].weights_ok);
    assert_non_null(strstr(b.v.difference, "(grid 2x2): its pieces hold "));
    bundle_clean(&b);
}

static void random_graphs(void **state)
{
    (void)state;
    const char *seed_text = getenv("FF_SEED"), *cases_text = getenv("FF_CASES");
    uint64_t seed = seed_text == NULL ? 20240 : strtoull(seed_text, NULL, 10);
    int cases = cases_text == NULL ? 12 : atoi(cases_text);
    for (int i = 0; i < cases; i++, seed++) {
        graph_make made;
        model m = {{0}, NULL, NULL};
        char what[64];
        snprintf(what, sizeof what, "FF_SEED=%llu", (unsigned long long)seed);
        snprintf(m.path, sizeof m.path, "%s/random.onnx", test_dir());
        random_graph(&made, seed, 14);
        must(ff_onnx_write(made.g, m.path, err));
        gm_clean(&made);
        model_load(&m, NULL);
        model_plan(&m, "grid", 1 + (int)(seed % 3), 1 + (int)(seed / 3 % 3), (int)(seed % 4));
        build_and_verify(&m, what);
        model_clean(&m);
    }
}

static void text_detector(void **state)
{
    (void)state;
    const char *path = FF_SOURCE_DIR "/third_party/ocr/ch_PP-OCRv4_det_infer.onnx";
    const ff_onnx_shape shape = {"x", {4, {1, 3, 320, 320}}};
    model m = {{0}, NULL, NULL};
    if (!ff_file_exists(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    snprintf(m.path, sizeof m.path, "%s", path);
    model_load(&m, &shape);
    model_plan(&m, "grid", 2, 2, 0);
    build_and_verify(&m, "text detector");
    ff_plan_free(m.plan);
    ff_graph_free(m.g);
}

/* A model whose weights lie in a file beside it. */
static void external_data(void **state)
{
    (void)state;
    model m, outside = {{0}, NULL, NULL};
    char data[300];
    ff_weights *w = NULL;
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    model_zoo(&m, "vgg11", 8); /* one weight of 6 MB */
    snprintf(outside.path, sizeof outside.path, "%s/outside.onnx", test_dir());
    snprintf(data, sizeof data, "%s/outside.data", test_dir());
    ff_onnx_place *places = ff_mem_must_array((size_t)m.g->value_count, sizeof *places);
    must(ff_weights_open(data, false, &w, err));
    must(ff_weights_add(w, m.g, places, err));
    must(ff_weights_commit(w, err));
    must(ff_onnx_emit(m.g, "outside.data", places, &bytes, err));
    must(ff_file_write(outside.path, ff_buf_view(&bytes), err));
    ff_mem_free(places);
    ff_buf_clean(&bytes);
    model_clean(&m);
    model_load(&outside, NULL);
    model_plan(&outside, "grid", 2, 2, 2);
    build_and_verify(&outside, "external data");
    model_clean(&outside);
    (void)unlink(data);
}

/* The form for CPUs like this one; a bundle for others is refused. */
static void nchwc_form(void **state)
{
    (void)state;
    model m;
    char dir[128];
    ff_verify v = {0};
    ff_manifest *manifest = NULL;
    ff_err told = {0};
    const ff_build_options options = {.form = FF_FORM_NCHWC};
    model_zoo(&m, "resnet50-v1", 8);
    model_plan(&m, "grid", 2, 2, 2);
    snprintf(dir, sizeof dir, "%s/nchwc", test_dir());
    must(ff_build_bundle(m.plan, m.g, engine, dir, &options, err));
    verify(dir, m.path, engine, &v);
    assert_true(v.ok);
    ff_verify_clean(&v);
    must(ff_manifest_load(dir, &manifest, err));
    assert_int_equal(manifest->nchwc_block, ff_engine_nchwc_block());
    manifest->nchwc_block += 8;
    assert_int_equal(ff_verify_bundle(manifest, m.path, engine, 1, NULL, 0, NULL, NULL, &v, &told),
                     FF_UNSUPPORTED);
    assert_non_null(strstr(told.message, "block size"));
    ff_manifest_free(manifest);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

/* Given inputs are taken, and checked. */
static void given_inputs(void **state)
{
    (void)state;
    model m;
    char dir[128];
    ff_manifest *manifest = NULL;
    ff_verify v = {0};
    ff_tensor x = {0}, wrong = {0};
    const ff_shape small = {4, {1, 3, 8, 8}};
    model_zoo(&m, "wrn34-1", 16);
    model_plan(&m, "grid", 2, 1, 2);
    snprintf(dir, sizeof dir, "%s/given", test_dir());
    must(ff_build_bundle(m.plan, m.g, engine, dir, NULL, err));
    must(ff_manifest_load(dir, &manifest, err));
    must(ff_tensor_new(FF_DTYPE_F32, &manifest->in[0].shape, &x, err));
    must(ff_tensor_new(FF_DTYPE_F32, &small, &wrong, err));
    memset(x.data, 0, x.bytes);
    must(ff_verify_bundle(manifest, m.path, engine, 1, &x, 1, NULL, NULL, &v, err));
    assert_true(v.ok);
    ff_verify_clean(&v);
    ff_err told = {0};
    assert_int_equal(
        ff_verify_bundle(manifest, m.path, engine, 1, &wrong, 1, NULL, NULL, &v, &told), FF_FORMAT);
    assert_non_null(strstr(told.message, "found float32 1x3x8x8"));
    assert_null(v.stage);
    assert_int_equal(
        ff_verify_bundle(manifest, "no-such-model.onnx", engine, 1, NULL, 0, NULL, NULL, &v, &told),
        FF_NOT_FOUND);
    ff_tensor_clean(&x);
    ff_tensor_clean(&wrong);
    ff_manifest_free(manifest);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

/* Changes bytes of a file: xor over a range. */
static void damage(const char *path, long from, long count)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    for (long i = from; i < from + count; i++) {
        assert_int_equal(fseek(f, i, SEEK_SET), 0);
        int c = fgetc(f);
        assert_int_not_equal(c, EOF);
        assert_int_equal(fseek(f, i, SEEK_SET), 0);
        assert_int_not_equal(fputc(c ^ 0x41, f), EOF);
    }
    assert_int_equal(fclose(f), 0);
}

static void starts(const char *text, const char *wanted)
{
    if (strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("'%s', wanted '%s...'", text, wanted);
}

/* A changed weight makes verify say so, and the stages show where it begins. */
static void damaged_weight(void **state)
{
    (void)state;
    model m;
    char dir[128], path[300];
    ff_verify v = {0};
    model_zoo(&m, "resnet50-v1", 16);
    model_plan(&m, "grid", 2, 2, 3);
    snprintf(dir, sizeof dir, "%s/damaged", test_dir());
    must(ff_build_bundle(m.plan, m.g, engine, dir, NULL, err));
    snprintf(path, sizeof path, "%s/s1/weights.bin", dir);
    damage(path, 3, 1); /* the exponent of the first weight */
    verify(dir, m.path, engine, &v);
    assert_false(v.ok);
    assert_true(v.stage[0].max_abs_error <= 1e-4 * v.stage[0].max_abs_reference);
    assert_true(v.stage[1].max_abs_error > 1e-4 * v.stage[1].max_abs_reference);
    assert_true(v.stage[0].values_ok && !v.stage[1].values_ok);
    assert_true(v.probes_checked < v.pieces);
    starts(v.difference, "stage 1 (grid 2x2), piece 0 (s1/p0.onnx): probe: element ");
    ff_verify_clean(&v);
    damage(path, 3, 1);
    verify(dir, m.path, engine, &v);
    assert_true(v.ok);
    ff_verify_clean(&v);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

/* One piece's own weights: it alone is named; without a probe the stage's output is. */
static void damaged_piece(void **state)
{
    (void)state;
    bundle b = {0};
    char path[300];
    model_zoo(&b.m, "vgg11", 16);
    plan_split(&b.m, "channel 2");
    bundle_build(&b);
    assert_string_equal(b.manifest->stage[2].split, "channel 2");
    snprintf(path, sizeof path, "%s/%s", b.dir, b.manifest->stage[2].piece[1].weights);
    damage(path, 3, 1);
    must(bundle_try(&b, err));
    assert_false(b.v.ok);
    starts(b.v.difference, "stage 2 (channel 2), piece 1 (s2/p1.onnx): probe: element ");
    b.manifest->stage[2].piece[1].probe.count = 0;
    must(bundle_try(&b, err));
    assert_false(b.v.ok);
    assert_true(b.v.stage[1].values_ok && !b.v.stage[2].values_ok);
    starts(b.v.difference, "stage 2 (channel 2): output '");
    bundle_clean(&b);
}

/* A changed model is no piece of this bundle; a weights file cut short cannot be loaded. */
static void damaged_model(void **state)
{
    (void)state;
    bundle b = {0};
    char path[300];
    ff_err told = {0};
    model_zoo(&b.m, "wrn34-1", 16);
    model_plan(&b.m, "grid", 1, 2, 1);
    bundle_build(&b);
    snprintf(path, sizeof path, "%s/s0/p1.onnx", b.dir);
    damage(path, 40, 1);
    assert_int_equal(bundle_try(&b, &told), FF_CHECKSUM);
    assert_non_null(strstr(told.message, "stage 0, piece 1"));
    damage(path, 40, 1);
    snprintf(path, sizeof path, "%s/s0/weights.bin", b.dir);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_not_equal(bundle_try(&b, &told), FF_OK);
    assert_non_null(strstr(told.message, "stage 0, piece 0"));
    bundle_clean(&b);
}

static int set_up(void **state)
{
    (void)state;
    return ff_engine_new(0, &engine, NULL) == FF_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return ff_dir_remove(test_dir(), NULL) == FF_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),       cmocka_unit_test(divided_weights),
        cmocka_unit_test(copied_weights), cmocka_unit_test(copied_rows),
        cmocka_unit_test(random_graphs),  cmocka_unit_test(text_detector),
        cmocka_unit_test(external_data),  cmocka_unit_test(nchwc_form),
        cmocka_unit_test(given_inputs),   cmocka_unit_test(damaged_weight),
        cmocka_unit_test(damaged_piece),  cmocka_unit_test(damaged_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
