/* Bundles: what is in them, what is refused, and that nothing half-written is left. */
#include "build/bundle.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static ff_engine *engine;

static int entries(const char *dir)
{
    int count = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        count += e->d_name[0] != '.' ? 1 : 0;
    closedir(d);
    return count;
}

static void contents(void **state)
{
    (void)state;
    model m;
    char dir[128], path[300];
    model_zoo(&m, "resnet50-v1", 16);
    model_plan(&m, "grid", 2, 2, 2);
    snprintf(dir, sizeof dir, "%s/contents", test_dir());
    const ff_build_options options = {.preprocess_json = "{\"input\": \"input\"}"};
    must(ff_build_bundle(m.plan, m.g, engine, dir, &options, err));
    ff_manifest *manifest = NULL;
    must(ff_manifest_load(dir, &manifest, err));
    assert_string_equal(manifest->deployment, "contents");
    assert_string_equal(manifest->model_path, "../resnet50-v1.onnx");
    assert_string_equal(manifest->model_sha256, m.plan->model_sha256);
    assert_string_equal(manifest->form, "portable");
    assert_string_equal(manifest->in[0].name, "input");
    assert_string_equal(manifest->out[0].name, "output");
    assert_non_null(manifest->preprocess_json);
    assert_int_equal(manifest->function_count, 1 + 8); /* two stages of four */
    assert_string_equal(manifest->functions[8], "w7");
    uint64_t weights = ff_graph_weight_bytes(m.g);
    for (int s = 0; s < manifest->stage_count; s++) {
        const ff_mf_stage *stage = &manifest->stage[s];
        assert_int_equal(stage->piece_count, stage->local ? 1 : 4);
        assert_int_equal(stage->drop_count, stage->piece[0].in_count); /* what the stage read */
        for (int p = 0; p < stage->piece_count; p++) {
            const ff_mf_piece *piece = &stage->piece[p];
            assert_true(piece->probe.count > 8);
            assert_true(piece->probe.max_abs > 0);
            assert_string_equal(piece->weights, stage->piece[0].weights); /* one file a stage */
            snprintf(path, sizeof path, "%s/%s", dir, piece->model);
            uint64_t size = 0;
            must(ff_file_size(path, &size, err));
            assert_true(size < 100000); /* weights are not in it */
        }
        /* all pieces together take little more than one of them */
        uint64_t shared = 0;
        snprintf(path, sizeof path, "%s/%s", dir, stage->piece[0].weights);
        must(ff_file_size(path, &shared, err));
        assert_true(shared < stage->piece[0].weights_bytes + 64 * 4096);
        assert_true(stage->piece[0].weights_bytes <= weights);
    }
    assert_int_equal(entries(dir), 3 + 1); /* s0 s1 s2 manifest.json, no temporary file */
    ff_manifest_free(manifest);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

/* A stage whose piece 0 is the master's: a worker less, and the pieces are the same. */
static void masters_piece(void **state)
{
    (void)state;
    model m;
    char dir[128];
    model_zoo(&m, "resnet50-v1", 16);
    model_plan(&m, "grid", 2, 2, 2);
    m.plan->stage[1].own = true;
    snprintf(dir, sizeof dir, "%s/own", test_dir());
    must(ff_build_bundle(m.plan, m.g, engine, dir, NULL, err));
    ff_manifest *manifest = NULL;
    must(ff_manifest_load(dir, &manifest, err));
    assert_int_equal(manifest->function_count, 1 + 4 + 3);
    assert_false(manifest->stage[0].own);
    assert_true(manifest->stage[1].own);
    assert_int_equal(manifest->stage[1].piece[0].function, 0);
    assert_string_equal(manifest->functions[manifest->stage[1].piece[1].function], "w4");
    ff_manifest_free(manifest);
    ff_verify v = {0};
    verify(dir, m.path, engine, &v);
    assert_true(v.ok);
    ff_verify_clean(&v);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    must(ff_file_write(path, ff_bytes_of(text, strlen(text)), err));
}

/* Only a bundle is replaced, and by a whole one. */
static void replaces_bundles_only(void **state)
{
    (void)state;
    model m;
    char dir[128], stale[300];
    model_zoo(&m, "wrn34-1", 16);
    model_plan(&m, "grid", 1, 2, 1);
    snprintf(dir, sizeof dir, "%s/replaced", test_dir());
    must(ff_dir_make(dir, err));
    write_text(dir, "precious.txt", "mine");
    ff_err told = {0};
    assert_int_equal(ff_build_bundle(m.plan, m.g, engine, dir, NULL, &told), FF_CONFLICT);
    assert_non_null(strstr(told.message, "no bundle"));
    assert_int_equal(entries(dir), 1);
    write_text(dir, "manifest.json", "{}");
    must(ff_build_bundle(m.plan, m.g, engine, dir, NULL, err));
    snprintf(stale, sizeof stale, "%s/precious.txt", dir);
    assert_false(ff_file_exists(stale));
    assert_int_equal(entries(test_dir()), 2); /* the model and the bundle */
    ff_verify v = {0};
    verify(dir, m.path, engine, &v);
    assert_true(v.ok);
    ff_verify_clean(&v);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

static void refusals(void **state)
{
    (void)state;
    model m, other;
    char dir[128];
    ff_err told = {0};
    model_zoo(&m, "wrn34-1", 16);
    model_plan(&m, "grid", 2, 2, 1);
    snprintf(dir, sizeof dir, "%s/a name with blanks", test_dir());
    assert_int_equal(ff_build_bundle(m.plan, m.g, engine, dir, NULL, &told), FF_FORMAT);
    assert_non_null(strstr(told.message, "deployment name"));
    snprintf(dir, sizeof dir, "%s/refused", test_dir());
    model_zoo(&other, "resnet50-v1", 16);
    assert_int_equal(ff_build_bundle(m.plan, other.g, engine, dir, NULL, &told), FF_FORMAT);
    model_clean(&other);
    /* a model that the engine refuses: stage and piece are named */
    char *op = (char *)(uintptr_t)m.g->nodes[1].op;
    const char *saved = op;
    m.g->nodes[1].op = "NoSuchOp";
    model_plan(&m, "single", 0, 0, 0);
    assert_int_not_equal(ff_build_bundle(m.plan, m.g, engine, dir, NULL, &told), FF_OK);
    assert_non_null(strstr(told.message, "stage 0: piece 0"));
    m.g->nodes[1].op = saved;
    assert_false(ff_file_exists(dir));
    assert_int_equal(entries(test_dir()), 1); /* the model alone */
    model_clean(&m);
}

/* A full disk, as a limit on the size of files: nothing is left. */
static void full_disk(void **state)
{
    (void)state;
    model m;
    char dir[128];
    ff_err told = {0};
    struct rlimit before, small;
    model_zoo(&m, "wrn34-1", 8);
    model_plan(&m, "grid", 2, 2, 1);
    snprintf(dir, sizeof dir, "%s/full", test_dir());
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 200000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ff_code code = ff_build_bundle(m.plan, m.g, engine, dir, NULL, &told);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(code, FF_OK);
    assert_non_null(strstr(told.message, "stage 0"));
    assert_false(ff_file_exists(dir));
    assert_int_equal(entries(test_dir()), 1);
    /* a folder that cannot be made */
    snprintf(dir, sizeof dir, "%s/wrn34-1.onnx/under-a-file", test_dir());
    assert_int_not_equal(ff_build_bundle(m.plan, m.g, engine, dir, NULL, &told), FF_OK);
    assert_int_equal(entries(test_dir()), 1);
    model_clean(&m);
}

static int set_up(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    return ff_engine_new(0, &engine, NULL) == FF_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ff_engine_free(engine);
    return ff_dir_remove(test_dir(), NULL) == FF_OK ? 0 : -1;
}

/* Asked once a piece; says stop when so many were asked. */
static bool stop_at(void *user)
{
    int *left = user;
    return (*left)-- == 0;
}

/* Stopped before any piece: nothing is left, and an older bundle stays. */
static void stops_and_leaves_nothing(void **state)
{
    (void)state;
    model m;
    char dir[128];
    model_zoo(&m, "wrn34-1", 16);
    model_plan(&m, "grid", 1, 2, 2);
    snprintf(dir, sizeof dir, "%s/stopped", test_dir());
    for (int at = 0; at < 5; at++) { /* two stages of two, and the rest */
        int left = at;
        char text[64];
        ff_err told = {0};
        const ff_build_options options = {.stop = stop_at, .user = &left};
        assert_int_equal(ff_build_bundle(m.plan, m.g, engine, dir, &options, &told), FF_CANCELLED);
        snprintf(text, sizeof text, "after %d of 5 pieces", at);
        assert_non_null(strstr(told.message, text));
        assert_int_equal(entries(test_dir()), 1); /* the model alone */
    }
    int left = 5;
    const ff_build_options options = {.stop = stop_at, .user = &left};
    must(ff_build_bundle(m.plan, m.g, engine, dir, &options, err));
    left = 1;
    assert_int_equal(ff_build_bundle(m.plan, m.g, engine, dir, &options, NULL), FF_CANCELLED);
    assert_int_equal(entries(test_dir()), 2);
    ff_manifest *manifest = NULL;
    must(ff_manifest_load(dir, &manifest, err));
    ff_manifest_free(manifest);
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

/* What a killed build left goes; what a living one writes, and what only looks like it, stays. */
static void removes_stale_neighbours(void **state)
{
    (void)state;
    model m;
    char dir[128], dead[300], alive[300], other[300];
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    model_zoo(&m, "wrn34-1", 16);
    model_plan(&m, "single", 0, 0, 0);
    snprintf(dir, sizeof dir, "%s/b", test_dir());
    snprintf(dead, sizeof dead, "%s.partial-%d", dir, (int)pid);
    snprintf(alive, sizeof alive, "%s.partial-%d", dir, (int)getppid());
    snprintf(other, sizeof other, "%s.partial-%dx", dir, (int)pid);
    must(ff_dir_make(dead, err));
    write_text(dead, "weights.bin", "half");
    must(ff_dir_make(alive, err));
    must(ff_dir_make(other, err));
    must(ff_build_bundle(m.plan, m.g, engine, dir, NULL, err));
    assert_false(ff_file_exists(dead));
    assert_true(ff_file_exists(alive));
    assert_true(ff_file_exists(other));
    must(ff_dir_remove(alive, err));
    must(ff_dir_remove(other, err));
    must(ff_dir_remove(dir, err));
    model_clean(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_and_leaves_nothing),
        cmocka_unit_test(removes_stale_neighbours),
        cmocka_unit_test(contents),
        cmocka_unit_test(masters_piece),
        cmocka_unit_test(replaces_bundles_only),
        cmocka_unit_test(refusals),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
