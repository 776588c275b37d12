#include "report/results.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/xml_check.h"

#define PAIRWISE                                                                                   \
    "{\"emulated\": true, \"network\": \"paper-2023\", \"dilation\": 4, \"routes\": {"             \
    "\"inline\": [{\"bytes\": 8000, \"median_ms\": 22}, {\"bytes\": 1600000, \"median_ms\": "      \
    "915}], "                                                                                      \
    "\"store\": [{\"bytes\": 8000, \"median_ms\": 230}, {\"bytes\": 1600000, \"median_ms\": "      \
    "490}]}, "                                                                                     \
    "\"checksums_ok\": true, \"crossover_bytes\": 793600}"
#define E2E                                                                                        \
    "{\"emulated\": false, \"network\": \"loopback\", \"outputs_equal\": true, \"runs\": ["        \
    "{\"model\": \"wrn50-3\", \"planner\": \"gillis\", \"strategy\": \"store\", \"n\": 30, "       \
    "\"median_ms\": 1660, \"predicted_ms\": 1600, \"cost_usd\": 0.0001}, "                         \
    "{\"model\": \"wrn50-3\", \"planner\": \"gillis\", \"strategy\": \"inline\", \"n\": 30, "      \
    "\"median_ms\": 1532.5}, "                                                                     \
    "{\"model\": \"wrn50-3\", \"planner\": \"gillis\", \"strategy\": \"auto\", \"n\": 30, "        \
    "\"median_ms\": 1267.5, \"p99_ms\": 1400}]}"
#define LOAD                                                                                       \
    "{\"runs\": [{\"rate_per_s\": 5, \"median_ms\": 20, \"p99_ms\": 60, \"strategy\": \"auto\"}, " \
    "{\"rate_per_s\": 50, \"median_ms\": 40, \"p99_ms\": 900, \"strategy\": \"auto\"}]}"
#define PLAN                                                                                       \
    "{\"format\": 1, \"planner\": \"grid\", \"model\": {\"path\": \"../m/wrn50-3.onnx\"}, "        \
    "\"stages\": [{\"split\": \"grid 2x2\", \"workers\": 3, \"master_piece\": true, "              \
    "\"flops\": 2000000000, \"inputs\": [{\"name\": \"x\", \"bytes\": 1769600, \"route\": "        \
    "\"store\"}], \"outputs\": [{\"name\": \"y\", \"bytes\": 400000, \"route\": null}]}, "         \
    "{\"split\": \"local\", \"workers\": 0, \"inputs\": [], \"outputs\": []}], "                   \
    "\"predicted\": {\"latency_ms\": 565.5, \"p99_ms\": 700, \"cost_usd\": 0.00002}}"
#define TRACE                                                                                      \
    "{\"request_id\": \"r-17\", \"policy\": \"800000\", \"total_ms\": 123.4, \"stages\": ["        \
    "{\"split\": \"grid 1x2\", \"ms\": 80.5, \"pieces\": [{\"function\": \"net-s0-p0\", "          \
    "\"worker\": {\"compute_ms\": 33.25}, \"inputs\": [{\"name\": \"x\", \"bytes\": 900000, "      \
    "\"route\": \"store\", \"encode_ms\": 0.5, \"put_ms\": 12.5}], \"outputs\": [{\"name\": "      \
    "\"y\", \"bytes\": 1000, \"route\": \"inline\", \"decode_ms\": 0.25}]}]}, "                    \
    "{\"split\": \"local\", \"ms\": 40, \"pieces\": [{\"function\": \"net-master\", \"worker\": "  \
    "null, \"compute_ms\": 39, \"inputs\": [], \"outputs\": []}]}]}"
#define ROWS                                                                                       \
    "{\"benchmark\": \"transport\", \"machine\": \"a machine\", \"n\": 30, \"rows\": "             \
    "[{\"bytes\": "                                                                                \
    "8000, \"ok\": true, \"echo\": {\"median_ms\": 0.15}, \"steps\": {\"a\": 1}}, {\"bytes\": "    \
    "4000000, \"ok\": false, \"echo\": {\"median_ms\": 6.5}, \"note\": \"<b>|x\"}]}"

/* The page of one file, or of two (b may be NULL). */
static xml_doc page_of(const char *a, const char *b)
{
    ff_results *r = ff_results_new("results");
    ff_err err = {0};
    ff_buf out;
    ff_buf_init(&out, 0);
    if (ff_results_add(r, "a.json", ff_bytes_of(a, strlen(a)), NULL, &err))
        fail_msg("%s", err.message);
    if (b && ff_results_add(r, "b.json", ff_bytes_of(b, strlen(b)), NULL, &err))
        fail_msg("%s", err.message);
    assert_int_equal(ff_results_emit(r, &out, &err), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    ff_buf_clean(&out);
    ff_results_free(r);
    return doc;
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *json, *kind;
    } CASES[] = {
        {PAIRWISE, "bench pairwise"},
        {E2E, "bench e2e"},
        {LOAD, "bench load"},
        {PLAN, "plan"},
        {TRACE, "trace"},
        {"{\"outputs\": [], \"trace\": " TRACE "}", "trace"}, /* infer --json */
        {ROWS, "benchmark"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_results *r = ff_results_new("results");
        const char *kind = NULL;
        ff_bytes json = ff_bytes_of(CASES[i].json, strlen(CASES[i].json));
        assert_int_equal(ff_results_add(r, "a.json", json, &kind, NULL), FF_OK);
        assert_string_equal(kind, CASES[i].kind);
        assert_int_equal(ff_results_count(r), 1);
        ff_results_free(r);
    }
}

static void every_kind_is_shown(void **state)
{
    static const struct {
        const char *json;
        int drawings;
        const char *texts[8]; /* of cells and of the drawings' texts */
    } CASES[] = {
        {PAIRWISE, 1, {"crossover at 793.6 KB", "8.0 KB", "22.00", "490.00", "tensor size (KB)"}},
        {E2E,
         3,
         {"wrn50-3", "-17.3 %", "+8.3 %", "1267.5", "100.00", "median latency (ms)", "equal"}},
        {LOAD, 1, {"auto, median", "auto, 99th percentile", "900"}},
        {PLAN,
         1,
         {"wrn50-3, planner grid", "565.5 ms in all", "stage 0: grid 2x2", "piece 1",
          "stage 1: local, on the master", "1.77 MB", "2.000"}},
        {TRACE,
         1,
         {"request r-17", "123.4 ms in all", "stage 0: grid 1x2, 80.5 ms", "33.25 ms",
          "stage 1: local, on the master, 40 ms", "12.500", "900.0 KB"}},
        {ROWS, 1, {"8.0 KB", "yes", "no", "6.5", "<b>|x", "echo ms", "4.00 MB"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        xml_doc doc = page_of(CASES[i].json, NULL);
        assert_int_equal(xml_count(&doc, "svg", NULL), CASES[i].drawings);
        assert_true(xml_has_text(&doc, "h2", "a.json"));
        for (int k = 0; k < 8 && CASES[i].texts[k]; k++) {
            const char *text = CASES[i].texts[k];
            if (!xml_has_text(&doc, "text", text) && !xml_has_text(&doc, "td", text) &&
                !xml_has_text(&doc, "th", text))
                fail_msg("case %zu lacks: %s", i, text);
        }
        xml_clean(&doc);
    }
}

/* The way a figure goes from the file to the drawing: two bars of the same height as their values.
 */
static void figures_are_those_of_the_file(void **state)
{
    (void)state;
    xml_doc doc = page_of(E2E, NULL);
    double inline_bar = xml_number(xml_find(&doc, "rect", "bar", 0), "height");
    double store_bar = xml_number(xml_find(&doc, "rect", "bar", 1), "height");
    double auto_bar = xml_number(xml_find(&doc, "rect", "bar", 2), "height");
    assert_true(fabs(store_bar / inline_bar - 1660 / 1532.5) < 1e-3);
    assert_true(fabs(auto_bar / inline_bar - 1267.5 / 1532.5) < 1e-3);
    assert_true(xml_has_class(xml_find(&doc, "rect", "bar", 0), "f0")); /* as routes are coloured */
    assert_true(xml_has_class(xml_find(&doc, "rect", "bar", 1), "f1"));
    xml_clean(&doc);
    doc = page_of(PLAN, NULL);
    assert_int_equal(xml_count(&doc, "circle", "store"), 3); /* the master's piece has none */
    assert_int_equal(xml_count(&doc, "circle", "open"), 3);
    xml_clean(&doc);
}

static void plans_share_a_figure(void **state)
{
    (void)state;
    xml_doc doc = page_of(PLAN, PLAN);
    assert_true(xml_has_text(&doc, "h2", "All plans"));
    assert_int_equal(xml_count(&doc, "svg", NULL), 3);
    assert_int_equal(xml_count(&doc, "path", "marker"), 1 + 2 * 2);
    xml_clean(&doc);
}

static void files_passed_over_are_listed(void **state)
{
    (void)state;
    ff_results *r = ff_results_new("results");
    ff_buf out;
    ff_buf_init(&out, 0);
    ff_results_pass_over(r, "x/<y>.json", "not JSON & more");
    assert_int_equal(ff_results_emit(r, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    assert_true(xml_has_text(&doc, "td", "x/<y>.json"));
    assert_true(xml_has_text(&doc, "td", "not JSON & more"));
    xml_clean(&doc);
    ff_buf_clean(&out);
    ff_results_free(r);
}

/* Each is refused with the member's name, and the page stays as it was. */
static void faults_are_named(void **state)
{
    static const struct {
        const char *json;
        ff_code code;
        const char *message;
    } CASES[] = {
        {"", FF_FORMAT, "not JSON"},
        {"{", FF_FORMAT, "not JSON"},
        {"[]", FF_UNSUPPORTED, "no known kind"},
        {"{\"stages\": []}", FF_UNSUPPORTED, "no known kind"},
        {"{\"routes\": {\"inline\": 3}}", FF_FORMAT, "inline"},
        {"{\"routes\": {\"inline\": [7]}}", FF_FORMAT, "inline[0]: wanted an object"},
        {"{\"routes\": {\"inline\": [{\"bytes\": 8}]}}", FF_FORMAT,
         "inline[0]: member \"median_ms\""},
        {"{\"routes\": {\"1\":[],\"2\":[],\"3\":[],\"4\":[],\"5\":[],\"6\":[],\"7\":[],\"8\":[],"
         "\"9\":[]}}",
         FF_LIMIT, "more than 8"},
        {"{\"runs\": [{\"strategy\": \"auto\", \"median_ms\": 1}]}", FF_FORMAT,
         "runs[0]: member \"model\""},
        {"{\"runs\": [{\"rate_per_s\": 1, \"median_ms\": 1, \"p99_ms\": 1}, {\"rate_per_s\": 1}]}",
         FF_FORMAT, "runs[1]: member \"median_ms\""},
        {"{\"planner\": \"grid\", \"stages\": [{\"split\": \"local\", \"workers\": 2000}]}",
         FF_FORMAT, "stages[0]: member \"workers\""},
        {"{\"planner\": \"grid\", \"stages\": [{\"split\": \"local\", \"workers\": 1, \"inputs\": "
         "[{\"name\": 3}]}]}",
         FF_FORMAT, "stages[0]: inputs[0]: member \"name\""},
        {"{\"request_id\": \"r\", \"stages\": [{\"split\": \"x\", \"pieces\": [{\"function\": "
         "1}]}]}",
         FF_FORMAT, "stages[0]: pieces[0]: member \"function\""},
        {"{\"benchmark\": \"x\", \"rows\": [1]}", FF_FORMAT, "rows[0]: wanted an object"},
    };
    (void)state;
    ff_results *r = ff_results_new("results");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ff_err err = {0};
        const char *kind = "none";
        ff_bytes json = ff_bytes_of(CASES[i].json, strlen(CASES[i].json));
        assert_int_equal(ff_results_add(r, "a.json", json, &kind, &err), CASES[i].code);
        if (!strstr(err.message, CASES[i].message))
            fail_msg("wanted '%s', found '%s'", CASES[i].message, err.message);
        assert_string_equal(kind, "none");
    }
    assert_int_equal(ff_results_count(r), 0);
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_results_emit(r, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_int_equal(xml_count(&doc, "section", NULL), 0);
    xml_clean(&doc);
    ff_buf_clean(&out);
    ff_results_free(r);
}

/* More groups, rows and columns than are shown: cut, and said. */
static void long_lists_are_cut(void **state)
{
    (void)state;
    ff_buf json;
    ff_buf_init(&json, 0);
    ff_buf_text(&json, "{\"benchmark\": \"x\", \"rows\": [", NULL);
    for (int i = 0; i < 700; i++)
        ff_buf_printf(&json, NULL, "%s{\"a%d\": %d, \"b\": 1}", i ? "," : "", i, i);
    ff_buf_text(&json, "]}", NULL);
    ff_buf_append(&json, "", 1, NULL);
    xml_doc doc = page_of((char *)json.data, NULL);
    assert_int_equal(xml_count(&doc, "th", NULL), 20);
    assert_int_equal(xml_count(&doc, "td", NULL), 20 * 500);
    assert_true(xml_has_text(&doc, "p", "The first 500 rows and 20 columns; the file has all."));
    xml_clean(&doc);
    json.len = 0;
    ff_buf_text(&json, "{\"runs\": [", NULL);
    for (int i = 0; i < 100; i++)
        ff_buf_printf(&json, NULL,
                      "%s{\"model\": \"m%d\", \"strategy\": \"s%d\", \"median_ms\": 1}",
                      i ? "," : "", i, i % 10);
    ff_buf_text(&json, "]}", NULL);
    ff_buf_append(&json, "", 1, NULL);
    doc = page_of((char *)json.data, NULL);
    assert_int_equal(xml_count(&doc, "text", "group"), 64);
    assert_int_equal(xml_count(&doc, "tr", NULL), 1 + 100);
    xml_clean(&doc);
    ff_buf_clean(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(every_kind_is_shown),
        cmocka_unit_test(figures_are_those_of_the_file),
        cmocka_unit_test(plans_share_a_figure),
        cmocka_unit_test(files_passed_over_are_listed),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(long_lists_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
