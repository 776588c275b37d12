/* Reading and writing network profiles: every kind of nonsense is refused by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile_sample.h"
#include "support/guard.h"

static const struct {
    const char *anchor, *from, *to;
    ff_code code;
    const char *message; /* a part of it */
} REFUSED[] = {
    {"", "\"format\": 1", "\"format\": 2", FF_UNSUPPORTED, "format: this program reads 1, found 2"},
    {"", "\"format\": 1,", "", FF_FORMAT, "format"},
    {"", "\"network\"", "\"compute\"", FF_FORMAT, "kind: wanted \"network\", found \"compute\""},
    {"", "\"name\": \"aws-lambda\",", "", FF_FORMAT, "name: missing"},
    {"", "\"name\": \"aws-lambda\"", "\"name\": \"\"", FF_FORMAT, "name: wanted 1 to"},
    {"", "\"name\": \"aws-lambda\"", "\"name\": 3", FF_FORMAT, "name: wanted a string"},
    {"", "\"shaped\": true", "\"shaped\": 1", FF_FORMAT, "shaped: wanted true or false"},
    {"", "\"shaped\": true", "\"shaped\": true, \"shpaed\": true", FF_FORMAT,
     "shpaed: unknown member"},
    {"", "\"shaped\": true", "\"shaped\": true, \"shaped\": true", FF_FORMAT,
     "shaped: given twice"},
    {"", "\"inline\": {", "\"inline\": 4, \"x\": {", FF_FORMAT, "x: unknown member"},
    {"\"request\"", "\"fixed_ms\"", "\"fixed\"", FF_FORMAT, "inline.request.fixed: unknown member"},
    {"\"request\"", "\"p50\": 11", "\"p50\": -11", FF_FORMAT,
     "inline.request.fixed_ms.p50: wanted 0 to 3.6e+06, found -11"},
    {"\"request\"", "\"p50\": 11", "\"p50\": 1e99", FF_FORMAT,
     "inline.request.fixed_ms.p50: wanted 0 to 3.6e+06, found 1e+99"},
    {"\"request\"", "\"p50\": 11", "\"p50\": \"11\"", FF_FORMAT,
     "inline.request.fixed_ms.p50: wanted a number, found string"},
    {"\"request\"", "\"p50\": 11", "\"p50\": null", FF_FORMAT,
     "inline.request.fixed_ms.p50: wanted a number, found null"},
    {"\"request\"", "\"p50\": 11", "\"p50\": NaN", FF_FORMAT, "not JSON"},
    {"\"request\"", "\"p50\": 11", "\"p50\": 1e999", FF_FORMAT, "not JSON"},
    {"\"request\"", "\"p50\": 11,", "", FF_FORMAT,
     "inline.request.fixed_ms.p50: wanted a number, found none"},
    {"\"request\"", "\"p99\": 18.7", "\"p99\": 10", FF_FORMAT,
     "inline.request.fixed_ms.p99: wanted 1 to 1000 times p50 (11), found 10"},
    {"\"request\"", "\"p99\": 18.7", "\"p99\": 18000", FF_FORMAT, "1000 times p50"},
    {"\"request\"", "\"p99\": 18.7", "\"p99\": 18.7, \"p90\": 15", FF_FORMAT,
     "inline.request.fixed_ms.p90: unknown member"},
    {"\"response\"", "\"p99\": 20.6", "\"p99\": 36", FF_FORMAT,
     "inline.response.mb_per_s.p99: wanted 0.001 to 1 times p50 (35"},
    {"\"response\"", "\"p99\": 20.6", "\"p99\": 0", FF_FORMAT,
     "inline.response.mb_per_s.p99: wanted 0.0001"},
    {"\"response\"", "\"encoding_factor\"", "\"encoding\"", FF_FORMAT,
     "inline.response.encoding: unknown member"},
    {"\"response\"", "\"value\": 6291556", "\"value\": 4096", FF_FORMAT,
     "inline.response.limit_bytes.value: wanted over 4096, found 4096"},
    {"\"response\"", "\"value\": 6291556", "\"value\": 6291556.5", FF_FORMAT,
     "inline.response.limit_bytes.value: wanted a whole number"},
    {"\"response\"", "\"value\": 6291556", "\"value\": null", FF_FORMAT,
     "inline.response.limit_bytes.value: wanted a number, found null"},
    {"\"put\"", "\"encoding_factor\"",
     "\"head_bytes\": {\"value\": 5, \"source\": \"x\"}, "
     "\"encoding_factor\"",
     FF_FORMAT, "store.put: head_bytes and head_mb_per_s go together"},
    {"\"put\"", "\"fixed_ms\": {", "\"fixed_ms\": {\"k\": 2,", FF_FORMAT,
     "store.put.fixed_ms.p50: unknown member"},
    {"\"put\"", "\"encoding_factor\"",
     "\"less_ms\": {\"k\": 2, \"k_per_mb\": 0, \"loc_ms\": 1, \"loc_ms_per_mb\": 0, \"sd_ms\": 1, "
     "\"sd_ms_per_mb\": 0, \"source\": \"x\"}, \"encoding_factor\"",
     FF_FORMAT, "store.put.less_ms: wanted the same kind as fixed_ms"},
    {"\"connections\"", "\"value\": 4", "\"value\": 0", FF_FORMAT,
     "store.connections.value: wanted 1 to 1000, found 0"},
    {"\"connections\"", "\"source\": ", "\"source\": \"\", \"note\": ", FF_FORMAT,
     "store.connections.note: unknown member"},
    {"\"cold_start_ms\"", "\"source\": ", "\"sauce\": ", FF_FORMAT,
     "function.cold_start_ms.sauce: unknown member"},
    {"\"min_memory_mb\"", "\"value\": 128", "\"value\": 20480", FF_FORMAT,
     "function.min_memory_mb.value: wanted at most max_memory_mb (10240), found 20480"},
    {"\"price\"", "\"put_usd\"", "\"puts_usd\"", FF_FORMAT, "price.puts_usd: unknown member"},
    {"\"put_usd\"", "\"value\": ", "\"value\": -", FF_FORMAT, "price.put_usd.value: wanted 0 to"},
};

static void test_refused(void **state)
{
    (void)state;
    ff_buf text = sample_text("network/aws-lambda.json");
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        char *changed =
            sample_replace((char *)text.data, REFUSED[i].anchor, REFUSED[i].from, REFUSED[i].to);
        ff_net_profile *p = NULL;
        ff_err err = {0};
        ff_code code = ff_net_profile_parse(ff_bytes_of(changed, strlen(changed)), &p, &err);
        if (code != REFUSED[i].code || !strstr(err.message, REFUSED[i].message))
            fail_msg("row %zu: wanted %s \"%s\", found %s \"%s\"", i, ff_code_name(REFUSED[i].code),
                     REFUSED[i].message, ff_code_name(code), err.message);
        assert_null(p);
        free(changed);
    }
    ff_buf_clean(&text);
}

static void test_not_a_profile(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "[]", "5", "{}", "null", "{\"format\": \"1\"}", "{"};
    ff_net_profile *p = NULL;
    ff_err err;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        assert_int_equal(ff_net_profile_parse(ff_bytes_of(TEXTS[i], strlen(TEXTS[i])), &p, &err),
                         FF_FORMAT);
    size_t size = FF_MAX_PROFILE_BYTES + 1;
    char *blanks = malloc(size);
    assert_non_null(blanks);
    memset(blanks, ' ', size);
    assert_int_equal(ff_net_profile_parse(ff_bytes_of(blanks, size), &p, &err), FF_LIMIT);
    memset(blanks, '[', size);
    assert_int_equal(ff_net_profile_parse(ff_bytes_of(blanks, size - 1), &p, &err), FF_LIMIT);
    free(blanks);
    assert_null(p);
}

/* Cut anywhere, at a guard page: refused, and nothing read behind the end. */
static void test_cut(void **state)
{
    (void)state;
    ff_buf text = sample_text("network/paper-2023.json");
    for (size_t len = 0; len + 2 < text.len; len += 1 + len / 37) {
        guard g = guard_copy(text.data, len);
        ff_net_profile *p = NULL;
        ff_err err = {0};
        assert_int_equal(ff_net_profile_parse(ff_bytes_of(g.data, len), &p, &err), FF_FORMAT);
        assert_null(p);
        guard_free(&g);
    }
    ff_buf_clean(&text);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"paper-2023", "aws-lambda", "gillis-lambda", "loopback"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        ff_net_profile *p = sample_network(NAMES[i]), *again = NULL, *copy = ff_net_profile_copy(p);
        ff_buf text;
        ff_buf_init(&text, 0);
        ff_err err = {0};
        assert_int_equal(ff_net_profile_emit(p, &text, &err), FF_OK);
        assert_int_equal(ff_net_profile_parse(ff_buf_view(&text), &again, &err), FF_OK);
        assert_true(ff_net_profile_equal(p, again));
        assert_true(ff_net_profile_equal(p, copy));
        ff_net_profile_free(p); /* the copy stands alone */
        assert_true(ff_net_profile_equal(copy, again));
        ff_net_profile_free(again);
        ff_net_profile_free(copy);
        ff_buf_clean(&text);
    }
    ff_net_profile_free(NULL);
}

/* Each figure counts for equality, and one that is out of bounds is not written. */
static void test_unequal(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("aws-lambda"), *q = ff_net_profile_copy(p);
    q->store.get.fixed_ms.p99 += 1;
    assert_false(ff_net_profile_equal(p, q));
    q->store.get.fixed_ms.p99 -= 1;
    assert_true(ff_net_profile_equal(p, q));
    q->price.put_usd.source = "another";
    assert_false(ff_net_profile_equal(p, q));
    q->price.put_usd.source = p->price.put_usd.source;
    q->shaped = false;
    assert_false(ff_net_profile_equal(p, q));
    q->shaped = true;
    q->inline_route.request.fixed_ms.kind = FF_DIST_EXPONNORM;
    assert_false(ff_net_profile_equal(p, q));
    q->inline_route.request.fixed_ms.kind = FF_DIST_LOGNORMAL;
    q->function.down.burst_mb_per_s.value = NAN;
    ff_buf text;
    ff_buf_init(&text, 0);
    ff_err err = {0};
    assert_int_equal(ff_net_profile_emit(q, &text, &err), FF_FORMAT);
    assert_int_equal(text.len, 0);
    q->function.down.burst_mb_per_s.value = -1;
    assert_int_equal(ff_net_profile_emit(q, &text, &err), FF_FORMAT);
    assert_non_null(strstr(err.message, "function.down.burst_mb_per_s.value"));
    ff_net_profile_free(p);
    ff_net_profile_free(q);
    ff_buf_clean(&text);
}

static void test_no_memory(void **state)
{
    (void)state;
    ff_net_profile *p = sample_network("lan");
    uint64_t n = 1;
    for (;; n++) {
        ff_buf text;
        ff_buf_init(&text, 0);
        ff_mem_fail_at(n);
        ff_code code = ff_net_profile_emit(p, &text, NULL);
        ff_mem_fail_at(0);
        size_t len = text.len;
        ff_buf_clean(&text);
        if (!code)
            break;
        assert_int_equal(code, FF_NO_MEMORY);
        assert_int_equal(len, 0);
    }
    assert_true(n > 1);
    ff_net_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_not_a_profile),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_unequal), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
