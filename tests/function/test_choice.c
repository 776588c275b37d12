/* Policy auto in a whole deployment: it goes by the bundle's network profile, by the store's state
 * and by the objective; the trace tells what was thought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/network.h"
#include "profile/shipped.h"
#include "support/rig.h"

static rig r;

static const char *network(const char *name)
{
    static char text[32768];
    const ff_shipped *s = ff_shipped_find("network", name);
    snprintf(text, sizeof text, "\"network\":%.*s,", (int)s->json.len, (const char *)s->json.data);
    return text;
}

static yyjson_val *ask(const char *members, ff_buf *reply, ff_envelope *e)
{
    ff_err err = {0};
    ff_code code = rig_ask(&r, members, reply, &err);
    if (code)
        fail_msg("%s: %s", members, err.message);
    assert_int_equal(ff_envelope_parse(FF_ENV_REPLY, reply, "runs/tiny/", e, &err), FF_OK);
    assert_true(rig_is_y(&r, &e->tensor[0]));
    return e->trace_json;
}

static double number(yyjson_val *obj, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(obj, name));
}

/* Every tensor of every worker has a prediction, and so few bytes ride in the payload. */
static void test_inline(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_envelope e = {0};
    size_t s, p, i, stages, pieces, tensors;
    yyjson_val *stage, *piece, *t;
    rig_start_with(&r, true, (tiny_bundle){.extra = network("aws-lambda")});
    yyjson_val *trace = ask("\"policy\":\"auto\",\"trace\":true,", &reply, &e);
    assert_int_equal(r.store.puts + r.worker_store.puts, 0);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(trace, "policy")), "auto");
    yyjson_val *stats = yyjson_obj_get(trace, "auto");
    assert_int_equal(number(stats, "requests"), 1);
    assert_int_equal(number(stats, "tensors"), 2 + 4 + 2 + 1);
    assert_int_equal(number(stats, "explored"), 0);
    int seen = 0;
    yyjson_arr_foreach(yyjson_obj_get(trace, "stages"), s, stages, stage)
    {
        yyjson_arr_foreach(yyjson_obj_get(stage, "pieces"), p, pieces, piece)
        {
            static const char *const LISTS[] = {"inputs", "outputs"};
            for (int k = 0; k < 2; k++)
                yyjson_arr_foreach(yyjson_obj_get(piece, LISTS[k]), i, tensors, t)
                {
                    assert_true(number(t, "predicted_ms") > 5);
                    assert_true(number(t, "actual_ms") >= 0);
                    seen++;
                }
        }
    }
    assert_int_equal(seen, 9);
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
    rig_stop(&r);
}

/* A profile with a store for nothing: all goes there. One with none: nothing does. */
static void test_store(void **state)
{
    (void)state;
    ff_net_profile *p = NULL;
    ff_buf json = {0}, reply = {0};
    ff_envelope e = {0};
    char text[32768];
    assert_int_equal(ff_net_profile_parse(ff_shipped_find("network", "aws-lambda")->json, &p, NULL),
                     FF_OK);
    ff_leg *legs[] = {&p->store.put, &p->store.get};
    for (int i = 0; i < 2; i++)
        legs[i]->fixed_ms.p50 = legs[i]->fixed_ms.p99 = 0;
    for (int i = 0; i < 2; i++)
        legs[i]->mb_per_s.p50 = legs[i]->mb_per_s.p99 = 1e5;
    p->store.encode_ms_per_mb.value = p->store.decode_ms_per_mb.value = 0;
    assert_int_equal(ff_net_profile_emit(p, &json, NULL), FF_OK);
    snprintf(text, sizeof text, "\"network\":%.*s,", (int)json.len, (char *)json.data);
    rig_start_with(&r, true, (tiny_bundle){.extra = text});
    (void)ask("\"policy\":\"auto\",", &reply, &e);
    /* but what the client gets back rides in the payload, where it fits */
    assert_int_equal(r.store.puts + r.worker_store.puts, 2 + 4 + 2 + 1);
    assert_int_equal(e.tensor[0].route, FF_ROUTE_INLINE);
    assert_int_equal(r.store.count, 0);
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
    rig_stop(&r);
    rig_start_with(&r, false, (tiny_bundle){.extra = text});
    (void)ask("\"policy\":\"auto\",", &reply, &e);
    ff_envelope_clean(&e);
    ff_buf_clean(&reply);
    rig_stop(&r);
    ff_buf_clean(&json);
    ff_net_profile_free(p);
}

/* In 50 requests of nine tensors at most 2 % explore, some do, and all are answered right. */
static void test_explores(void **state)
{
    (void)state;
    double explored = 0;
    rig_start_with(&r, true, (tiny_bundle){.own = true, .extra = network("aws-express")});
    r.invoker.delay_ms = 8; /* where the payload takes next to nothing, no other way is tried */
    for (int i = 0; i < 50; i++) {
        ff_buf reply = {0};
        ff_envelope e = {0};
        yyjson_val *trace = ask("\"policy\":\"auto-p99\",\"trace\":true,", &reply, &e);
        yyjson_val *stats = yyjson_obj_get(trace, "auto");
        explored = number(stats, "explored");
        assert_true(explored <= 0.02 * number(stats, "tensors"));
        assert_int_equal(r.store.count, 0);
        ff_envelope_clean(&e);
        ff_buf_clean(&reply);
    }
    assert_true(explored >= 4);
    assert_true(r.store.puts + r.worker_store.puts >= 4);
    rig_stop(&r);
}

static void test_refused(void **state)
{
    (void)state;
    ff_buf reply = {0};
    ff_err err = {0};
    rig_start(&r, true);
    assert_int_equal(rig_ask(&r, "\"policy\":\"auto\",", &reply, &err), FF_UNSUPPORTED);
    assert_non_null(strstr(err.message, "--network"));
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inline),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_explores),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
