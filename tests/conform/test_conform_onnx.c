/*
 * ONNX's node tests: each model is read, written again and run whole; and run in pieces, in every
 * way that its op allows. The answers are ONNX's own; those of pieces, the whole's.
 *
 * docs/conformance.md is what this prints: FF_WRITE_DOCS=1 writes it, otherwise it is compared.
 * FF_ONLY=text runs the tests with the text in their names and prints the page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "graph/onnx.h"
#include "support/node_test.h"
#include "support/run_pieces.h"

#define TESTS FF_SOURCE_DIR "/third_party/onnxtests/node"
#define PAGE  FF_SOURCE_DIR "/docs/conformance.md"

/* A new way to split is one more line. */
static const char *const SPLITS[] = {"offload",  "grid 1x2", "grid 2x1",  "grid 2x2",
                                     "grid 1x3", "batch 2",  "channel 2", "reduce 2"};
#define SPLIT_COUNT ((int)(sizeof SPLITS / sizeof *SPLITS))

#define FOLDED_RANGE                                                                               \
    "Range gets a list of one number, which it notices only when the shapes before are folded"
/* Tests whose answer ONNX Runtime itself does not give, by the original file neither. */
static const struct {
    const char *test;
    const char *reason;
} KNOWN[] = {
    {"test_affine_grid_2d_align_corners_expanded", FOLDED_RANGE},
    {"test_affine_grid_2d_expanded", FOLDED_RANGE},
    {"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
     "it divides by another count where a window leaves the padding"},
    {"test_cast_FLOAT_to_BFLOAT16", "the test's answer is stored as uint16"},
    {"test_maxunpool_export_with_output_shape", "it places the elements otherwise"},
    {"test_qlinearmatmul_2D_int8_float16", "the test's answer wraps where the op saturates"},
    {"test_qlinearmatmul_2D_int8_float32", "the test's answer wraps where the op saturates"},
    {"test_qlinearmatmul_3D_int8_float16", "the test's answer wraps where the op saturates"},
    {"test_qlinearmatmul_3D_int8_float32", "the test's answer wraps where the op saturates"},
    {"test_resize_downsample_scales_cubic_align_corners", "it rounds the output's size otherwise"},
    {"test_resize_downsample_scales_linear_align_corners", "it rounds the output's size otherwise"},
    {"test_training_dropout", "random"},
    {"test_training_dropout_default", "random"},
    {"test_training_dropout_default_mask", "random"},
    {"test_training_dropout_mask", "random"},
};

typedef struct row {
    char op[64];
    int tests, whole, refused, not_run;
    int ways[SPLIT_COUNT];
} row;

static row rows[400];
static int row_count;
static int failures;
static ff_buf refusals; /* lines of the page */
static ff_engine *engine;

static row *row_of(const node_test *t)
{
    char op[64];
    snprintf(op, sizeof op, "%s", t->node_count == 1 ? t->op : "(several nodes)");
    for (int i = 0; i < row_count; i++) {
        if (strcmp(rows[i].op, op) == 0) {
            return &rows[i];
        }
    }
    assert_true(row_count < (int)(sizeof rows / sizeof *rows));
    row *r = &rows[row_count++];
    *r = (row){0};
    memcpy(r->op, op, sizeof op);
    return r;
}

static void failed(const node_test *t, const char *what, const ff_err *err)
{
    failures++;
    printf("FAILED %s, %s: %s: %s\n", t->name, what, ff_code_name(err->code), err->message);
}

static void note(const node_test *t, const char *who, const char *why)
{
    assert_int_equal(
        ff_buf_printf(&refusals, NULL, "| %s | %s | %.160s |\n", t->name + 5, who, why), FF_OK);
}

static const char *known_reason(const node_test *t)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (strcmp(KNOWN[i].test, t->name) == 0) {
            return KNOWN[i].reason;
        }
    }
    return NULL;
}

/* ONNX's own measure has an absolute part of 1e-7. */
static ff_code compare(const ff_tensor *reference, const ff_tensor *made, int count, ff_err *err)
{
    for (int i = 0; i < count; i++) {
        ff_diff d;
        ff_code code = ff_tensor_diff(&reference[i], &made[i], &d, err);
        if (code != FF_OK) {
            ff_err_wrap(err, "output %d", i);
            return code;
        }
        double slack = ff_dtype_is_float(made[i].dtype) ? 1e-7 : 0;
        if (!ff_diff_ok(&d, made[i].dtype) && d.max_abs_error > slack) {
            return ff_err_set(err, FF_MISMATCH, "output %d differs by %g of %g", i, d.max_abs_error,
                              d.max_abs_reference);
        }
    }
    return FF_OK;
}

static bool has_empty(const node_test *t)
{
    bool empty = false;
    for (int i = 0; i < NODE_TEST_TENSORS; i++) {
        empty = empty || (i < t->in_count && t->in[i].bytes == 0) ||
                (i < t->out_count && t->out[i].bytes == 0);
    }
    return empty;
}

static void clean(ff_tensor *tensors)
{
    for (int i = 0; i < NODE_TEST_TENSORS; i++) {
        ff_tensor_clean(&tensors[i]);
    }
}

/* Does the file as it is run in ONNX Runtime, and with which answer? */
static ff_code run_original(const node_test *t, ff_bytes model, ff_tensor *out, ff_err *err)
{
    static const ff_session_options PLAIN = {.plain = true};
    ff_session *session = NULL;
    ff_tensor in[NODE_TEST_TENSORS];
    memcpy(in, t->in, sizeof in);
    ff_code code = ff_session_open_bytes(engine, model, NULL, &PLAIN, &session, err);
    for (int i = 0; code == FF_OK && i < ff_session_in_count(session); i++) {
        for (int k = 0; k < t->in_count; k++) {
            if (strcmp(ff_session_in_name(session, i), t->in_name[k]) == 0) {
                in[i] = t->in[k];
            }
        }
    }
    if (code == FF_OK) {
        code = ff_session_run(session, in, ff_session_in_count(session), out, t->out_count, err);
    }
    ff_session_close(session);
    return code;
}

/* Symbolic or empty shapes are as the inputs are. */
static ff_code read_graph(const node_test *t, ff_bytes model, bool frozen, ff_graph **g,
                          ff_err *err)
{
    ff_onnx_shape shapes[NODE_TEST_TENSORS];
    if (!t->dense) {
        return ff_onnx_parse(model, NULL, NULL, 0, g, err);
    }
    for (int i = 0; i < t->in_count; i++) {
        shapes[i] = (ff_onnx_shape){t->in_name[i], t->in[i].shape};
    }
    return ff_onnx_parse(model, NULL, shapes, frozen ? 1 : t->in_count, g, err);
}

/* The stages that split the graph: all of it, or each node that can be. False where none can. */
static bool make_stages(const node_test *t, const ff_graph *g, const ff_split *split,
                        ff_stage *stages, int *count)
{
    ff_err err = {0};
    bool any = false;
    stages[0] = (ff_stage){0, g->node_count, *split};
    ff_code code = ff_stage_check(g, &stages[0], &err);
    *count = code == FF_OK ? 1 : g->node_count;
    if (code == FF_OK) {
        return true;
    }
    if (code != FF_UNSUPPORTED) {
        failed(t, "a check", &err);
    }
    for (int n = 0; n < g->node_count && g->node_count > 1; n++) {
        stages[n] = (ff_stage){n, n + 1, *split};
        if (ff_stage_check(g, &stages[n], NULL) == FF_OK) {
            any = true;
            continue;
        }
        stages[n].split = (ff_split){.kind = FF_SPLIT_LOCAL};
        if (ff_stage_check(g, &stages[n], NULL) != FF_OK) { /* a shape is not known */
            return false;
        }
    }
    return any;
}

/* Every way; the answers must be the whole's. */
static void run_splits(const node_test *t, const ff_graph *g, const ff_tensor *in,
                       const ff_tensor *reference, row *r)
{
    ff_stage *stages = ff_mem_must_array((size_t)g->node_count + 1, sizeof *stages);
    for (int s = 0; s < SPLIT_COUNT && g->node_count > 0; s++) {
        ff_split split;
        ff_tensor out[NODE_TEST_TENSORS] = {0};
        run_result result = {0};
        ff_err err = {0};
        int count = 0;
        assert_int_equal(ff_split_parse(SPLITS[s], &split, NULL), FF_OK);
        if (!make_stages(t, g, &split, stages, &count)) {
            continue;
        }
        ff_code code = run_in_pieces(engine, g, stages, count, in, out, &result, &err);
        if (code == FF_OK) {
            code = compare(reference, out, g->output_count, &err);
        }
        if (code == FF_OK) {
            r->ways[s]++;
        } else {
            failed(t, SPLITS[s], &err);
        }
        clean(out);
    }
    ff_mem_free(stages);
}

/* What did not run: does the original? Then the fault is ours. */
static void explain_failure(const node_test *t, ff_bytes model, row *r, bool first,
                            const ff_err *err)
{
    ff_tensor original[NODE_TEST_TENSORS] = {0};
    ff_err theirs = {0};
    const char *why = t->why;
    if (t->dense && known_reason(t) != NULL) {
        why = known_reason(t);
    } else if (t->dense && run_original(t, model, original, &theirs) == FF_OK) {
        failed(t, "as written again", err);
        clean(original);
        return;
    } else if (t->dense) {
        why = theirs.message;
    }
    if (first) {
        r->not_run++;
        note(t, "ONNX Runtime", why);
    }
}

/* An answer that is not ONNX's: it must be a known one, and the original's. */
static void explain_answer(const node_test *t, ff_bytes model, const ff_tensor *out, row *r,
                           bool first, const ff_err *err)
{
    ff_tensor original[NODE_TEST_TENSORS] = {0};
    ff_err theirs = {0};
    if (known_reason(t) == NULL) {
        failed(t, "the answer", err);
    } else if (run_original(t, model, original, &theirs) != FF_OK ||
               compare(original, out, t->out_count, &theirs) != FF_OK) {
        failed(t, "not as the original", &theirs);
    } else if (first) {
        r->not_run++;
        note(t, "ONNX Runtime", known_reason(t));
    }
    clean(original);
}

static bool right_answer(const node_test *t, ff_bytes model, const ff_tensor *out, row *r,
                         bool first)
{
    ff_err err = {0};
    if (compare(t->out, out, t->out_count, &err) != FF_OK) {
        explain_answer(t, model, out, r, first, &err);
        return false;
    }
    if (first && known_reason(t) != NULL) {
        ff_err_set(&err, FF_OK, "it gives the right answer after all");
        failed(t, "a known failure", &err);
        return false;
    }
    return true;
}

/* The model as it is (first), or with its inputs but the first as weights. True where the answers
 * are right. */
static bool run_variant(const node_test *t, ff_bytes model, row *r, bool first)
{
    ff_err err = {0};
    ff_graph *g = NULL;
    ff_tensor in[NODE_TEST_TENSORS] = {0}, out[NODE_TEST_TENSORS] = {0};
    bool right = false;
    ff_code code = read_graph(t, model, !first, &g, &err);
    if (code != FF_OK) {
        r->refused += first;
        if (code != FF_UNSUPPORTED && code != FF_USAGE) {
            failed(t, "reading", &err);
        } else if (first) {
            note(t, "fanfold", err.message);
        }
        return false;
    }
    for (int i = 0; i < g->input_count; i++) {
        for (int k = 0; k < t->in_count; k++) {
            if (strcmp(g->values[g->inputs[i]].name, t->in_name[k]) == 0) {
                in[i] = t->in[k];
            }
        }
    }
    code = t->dense ? run_whole(engine, g, in, out, &err) : FF_UNSUPPORTED;
    if (code != FF_OK) {
        explain_failure(t, model, r, first, &err);
    } else {
        right = right_answer(t, model, out, r, first);
        /* regions are never empty: such tensors travel nowhere */
        if (!has_empty(t) && (t->node_count == 1 || t->in_count == 1 || !first)) {
            run_splits(t, g, in, out, r);
        }
    }
    clean(out);
    ff_graph_free(g);
    return right;
}

/* Models with weights in bfloat16 are widened: they have other answers. */
static bool can_freeze(const node_test *t)
{
    bool can = t->in_count > 1;
    for (int i = 0; i < t->in_count; i++) {
        can = can && t->in[i].dtype != FF_DTYPE_BF16;
    }
    return can;
}

static void try_test(const char *folder)
{
    node_test t;
    ff_err err = {0};
    if (node_test_load(folder, &t, &err) != FF_OK) {
        fail_msg("%s: %s", folder, err.message);
    }
    row *r = row_of(&t);
    r->tests++;
    if (run_variant(&t, ff_buf_view(&t.model), r, true)) {
        r->whole++;
        if (can_freeze(&t)) {
            ff_buf frozen;
            ff_buf_init(&frozen, 0);
            assert_int_equal(node_test_freeze(&t, &frozen, NULL), FF_OK);
            run_variant(&t, ff_buf_view(&frozen), r, false);
            ff_buf_clean(&frozen);
        }
    }
    node_test_clean(&t);
}

static int by_op(const void *a, const void *b)
{
    return strcmp(((const row *)a)->op, ((const row *)b)->op);
}

static void put_row(ff_buf *page, const row *r)
{
    ff_buf_printf(page, NULL, "| %s | %d | %d |", r->op, r->tests, r->whole);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        if (r->ways[s] > 0) {
            ff_buf_printf(page, NULL, " %d |", r->ways[s]);
        } else {
            ff_buf_text(page, " |", NULL);
        }
    }
    ff_buf_printf(page, NULL, " %d | %d |\n", r->refused, r->not_run);
}

static const char INTRODUCTION[] =
    "# Conformance\n\n"
    "ONNX's own node tests (Debian's `libonnx-testdata` 1.17.0), by\n"
    "`tests/conform/test_conform_onnx.c`, which writes this page (`FF_WRITE_DOCS=1`) and compares "
    "it.\n\n"
    "- whole: read, written again and run, with ONNX's answer;\n"
    "- the splits: the runs in such pieces, each with the whole's answer. A test counts once as it "
    "is and\n"
    "  once with all inputs but the first as weights (one of several nodes: the latter only, and "
    "each node\n"
    "  by itself where not all of them can be split together);\n"
    "- refused: by the reader, with a reason;\n"
    "- not run: ONNX Runtime cannot, or its answer is not ONNX's (the original file's neither), or "
    "the\n"
    "  tensors are no numbers that could travel.\n\n"
    "| op | tests | whole |";

static void put_page(ff_buf *page)
{
    row sum = {.op = "**all**"};
    ff_buf_text(page, INTRODUCTION, NULL);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        ff_buf_printf(page, NULL, " %s |", SPLITS[s]);
    }
    ff_buf_text(page, " refused | not run |\n|---|---|---|", NULL);
    for (int s = 0; s < SPLIT_COUNT; s++) {
        ff_buf_text(page, "---|", NULL);
    }
    ff_buf_text(page, "---|---|\n", NULL);
    qsort(rows, (size_t)row_count, sizeof *rows, by_op);
    for (int i = 0; i < row_count; i++) {
        put_row(page, &rows[i]);
        sum.tests += rows[i].tests;
        sum.whole += rows[i].whole;
        sum.refused += rows[i].refused;
        sum.not_run += rows[i].not_run;
        for (int s = 0; s < SPLIT_COUNT; s++) {
            sum.ways[s] += rows[i].ways[s];
        }
    }
    put_row(page, &sum);
    ff_buf_text(page, "\n## Refused and not run\n\n| test | by | why |\n|---|---|---|\n", NULL);
    ff_buf_append(page, refusals.data, refusals.len, NULL);
}

static void check_page(const ff_buf *page)
{
    ff_buf found;
    if (getenv("FF_WRITE_DOCS") != NULL) {
        assert_int_equal(ff_file_write(PAGE, ff_buf_view(page), NULL), FF_OK);
        return;
    }
    ff_buf_init(&found, 0);
    assert_int_equal(ff_file_read(PAGE, (size_t)1 << 24, &found, NULL), FF_OK);
    size_t at = 0;
    while (at < found.len && at < page->len && found.data[at] == page->data[at]) {
        at++;
    }
    if (at != found.len || at != page->len) {
        while (at > 0 && page->data[at - 1] != '\n') {
            at--;
        }
        fail_msg("docs/conformance.md is not what this run gives (FF_WRITE_DOCS=1 writes it); from "
                 "here on: %.*s",
                 (int)(page->len - at < 200 ? page->len - at : 200), (const char *)page->data + at);
    }
    ff_buf_clean(&found);
}

static void node_tests(void **state)
{
    (void)state;
    struct dirent **entries;
    const char *only = getenv("FF_ONLY");
    int count = scandir(TESTS, &entries, NULL, alphasort);
    if (count < 0) {
        print_message("skipped: no %s: run tools/deps\n", TESTS);
        skip();
    }
    ff_log_init("test", FF_LOG_ERROR, false);
    assert_int_equal(ff_engine_new(1, &engine, NULL), FF_OK);
    ff_buf_init(&refusals, 0);
    int run = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        bool wanted = entries[i]->d_name[0] != '.' &&
                      (only == NULL || strstr(entries[i]->d_name, only) != NULL);
        snprintf(path, sizeof path, TESTS "/%s", entries[i]->d_name);
        free(entries[i]);
        if (wanted) {
            try_test(path);
            run++;
        }
    }
    free(entries);
    ff_buf page;
    ff_buf_init(&page, 0);
    put_page(&page);
    assert_int_equal(failures, 0);
    assert_true(run > 0);
    if (only == NULL) {
        assert_true(run >= 1200);
        check_page(&page);
    } else {
        print_message("%.*s", (int)page.len, (const char *)page.data);
    }
    ff_buf_clean(&page);
    ff_buf_clean(&refusals);
    ff_engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(node_tests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
