/* Traces as JSON, and their sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "share/trace.h"

static void test_emit(void **state)
{
    (void)state;
    ff_moved in[] = {{.name = "x", .bytes = 1000, .decode_ns = 2500000}};
    ff_moved sent[] = {{.name = "x",
                        .bytes = 700,
                        .route = FF_ROUTE_STORE,
                        .encode_ns = 1000000,
                        .transfer_ns = 4000000,
                        .attempts = 2},
                       {.name = NULL}};
    ff_moved got[] = {{.name = "y \"q\"", .bytes = 300, .decode_ns = 500000}};
    ff_trace_piece pieces[] = {{.function = "w0",
                                .start_ns = 1000000,
                                .end_ns = 9000000,
                                .invoke_ns = 5000000,
                                .attempts = 1,
                                .request_bytes = 400,
                                .response_bytes = 500,
                                .worker = {.compute_ms = 3.25, .cold = true},
                                .in_count = 2,
                                .out_count = 1,
                                .in = sent,
                                .out = got}};
    ff_trace_piece local[] = {{.function = "master", .compute_ns = 7000000}};
    ff_trace_stage stages[] = {{.split = "grid 1x1", .piece_count = 1, .piece = pieces},
                               {.split = "local", .piece_count = 1, .piece = local}};
    ff_trace t;
    ff_trace_init(&t);
    t.request_id = "id-1";
    t.policy = (ff_policy){700, FF_AUTO_OFF};
    t.start_ns = 0;
    t.end_ns = 20000000;
    t.in_count = 1;
    t.in = in;
    t.stage_count = 2;
    t.stage = stages;
    ff_trace_sum sum = ff_trace_total(&t);
    assert_int_equal(sum.bytes[FF_ROUTE_INLINE], 1300);
    assert_int_equal(sum.bytes[FF_ROUTE_STORE], 700);
    assert_int_equal(sum.tensors[FF_ROUTE_INLINE], 2);
    assert_int_equal(sum.tensors[FF_ROUTE_STORE], 1); /* the empty one never moved */
    ff_buf out = {0};
    assert_int_equal(ff_trace_emit(&t, &out, NULL), FF_OK);
    static const char WANTED[] =
        "{\"request_id\":\"id-1\",\"policy\":\"700\",\"total_ms\":20.000,"
        "\"bytes\":{\"inline\":1300,\"store\":700},\"tensors\":{\"inline\":2,\"store\":1},"
        "\"inputs\":[{\"name\":\"x\",\"bytes\":1000,\"route\":\"inline\",\"decode_ms\":2.500}],"
        "\"outputs\":[],\"stages\":[{\"split\":\"grid 1x1\",\"start_ms\":0.000,\"ms\":0.000,"
        "\"pieces\":[{\"function\":\"w0\",\"start_ms\":1.000,\"ms\":8.000,\"invoke_ms\":5.000,"
        "\"attempts\":1,\"request_bytes\":400,\"response_bytes\":500,\"compute_ms\":3.250,"
        "\"worker\":{\"decode_ms\":0.000,\"get_ms\":0.000,\"compute_ms\":3.250,"
        "\"encode_ms\":0.000,\"put_ms\":0.000,\"cold\":true},"
        "\"inputs\":[{\"name\":\"x\",\"bytes\":700,\"route\":\"store\",\"encode_ms\":1.000,"
        "\"put_ms\":4.000,\"attempts\":2}],"
        "\"outputs\":[{\"name\":\"y \\\"q\\\"\",\"bytes\":300,\"route\":\"inline\","
        "\"decode_ms\":0.500}]}]},{\"split\":\"local\",\"start_ms\":0.000,\"ms\":0.000,"
        "\"pieces\":[{\"function\":\"master\",\"start_ms\":0.000,\"ms\":0.000,"
        "\"compute_ms\":7.000,\"worker\":null,\"inputs\":[],\"outputs\":[]}]}]}";
    assert_int_equal(out.len, strlen(WANTED));
    assert_memory_equal(out.data, WANTED, out.len);
    ff_buf_clean(&out);
    ff_buf_clean(&out);
    /* policy auto: what was thought, and what came of it */
    t.policy = (ff_policy){UINT64_MAX, FF_AUTO_P50};
    t.stats = (ff_chooser_stats){.requests = 9, .tensors = 36, .explored = 1, .refits = 2};
    t.stats.regret[FF_AUTO_P50] = 1.5;
    sent[0].automatic = sent[0].explored = got[0].automatic = true;
    sent[0].predicted_ms = 5.5;
    sent[0].actual_ms = 4.25;
    assert_int_equal(ff_trace_emit(&t, &out, NULL), FF_OK);
    assert_int_equal(ff_buf_append(&out, "", 1, NULL), FF_OK);
    static const char *const PARTS[] = {
        "\"policy\":\"auto\"",
        "\"auto\":{\"requests\":9,\"tensors\":36,\"explored\":1,\"changes\":0,\"refits\":2,",
        "\"refits\":2,\"regret_ms\":1.500}",
        "\"attempts\":2,\"explored\":true,\"predicted_ms\":5.500,\"actual_ms\":4.250}",
        "\"decode_ms\":0.500}", /* nothing was predicted */
    };
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        if (!strstr((char *)out.data, PARTS[i]))
            fail_msg("%s is not in %s", PARTS[i], (char *)out.data);
    ff_buf_clean(&out);
    ff_mem_fail_at(1);
    assert_int_equal(ff_trace_emit(&t, &out, NULL), FF_NO_MEMORY);
    ff_mem_fail_at(0);
    ff_trace_clean(&t);
    ff_trace_clean(&t);
    ff_buf_clean(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
