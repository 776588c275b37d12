/* A manifest written is the manifest read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest/manifest.h"
#include "manifest_sample.h"
#include "profile/shipped.h"

static void test_round_trip(void **state)
{
    (void)state;
    ff_manifest *a = NULL, *b = NULL;
    ff_buf first, second;
    ff_err err = {0};
    ff_buf_init(&first, 0);
    ff_buf_init(&second, 0);
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &a, &err), FF_OK);
    assert_int_equal(ff_manifest_emit(a, &first, &err), FF_OK);
    assert_int_equal(ff_manifest_parse(ff_buf_view(&first), "d", &b, &err), FF_OK);
    assert_int_equal(ff_manifest_emit(b, &second, &err), FF_OK);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    assert_string_equal(b->preprocess_json, a->preprocess_json);
    assert_int_equal(b->stage[0].piece[1].flops, 88);
    assert_true(
        ff_region_equal(&b->stage[0].piece[1].in[0].region, &a->stage[0].piece[1].in[0].region));
    assert_int_equal(b->stage[0].piece[0].probe.seed, 7);
    assert_true(b->stage[0].piece[0].probe.value[1] == -1.5);
    ff_manifest_free(a);
    ff_manifest_free(b);
    ff_buf_clean(&first);
    ff_buf_clean(&second);
}

/* With a network profile, which is a manifest's own. */
static void test_network(void **state)
{
    (void)state;
    const ff_shipped *shipped = ff_shipped_find("network", "paper-2023");
    ff_manifest *a = NULL, *b = NULL;
    ff_buf json = {0};
    ff_err err = {0};
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &a, &err), FF_OK);
    assert_null(a->network);
    assert_int_equal(ff_net_profile_parse(shipped->json, &a->network, &err), FF_OK);
    assert_int_equal(ff_manifest_emit(a, &json, &err), FF_OK);
    assert_int_equal(ff_manifest_parse(ff_buf_view(&json), "d", &b, &err), FF_OK);
    assert_true(ff_net_profile_equal(a->network, b->network));
    ff_manifest_free(a);
    ff_manifest_free(b);
    ff_buf_clean(&json);
}

static void test_refused(void **state)
{
    (void)state;
    ff_manifest *m = NULL;
    ff_buf out;
    ff_err err = {0};
    ff_buf_init(&out, 0);
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &m, &err), FF_OK);
    m->preprocess_json = "{\"open\": ";
    assert_int_equal(ff_manifest_emit(m, &out, &err), FF_FORMAT);
    m->preprocess_json = "[]";
    assert_int_equal(ff_manifest_emit(m, &out, &err), FF_FORMAT);
    m->preprocess_json = NULL;
    m->stage[0].piece[0].probe.value[0] = 1.0 / 0.0;
    assert_int_equal(ff_manifest_emit(m, &out, &err), FF_FORMAT);
    m->stage[0].piece[0].probe.value[0] = 1;
    m->stage[0].piece[0].out[0].region.hi[2]--;
    assert_int_equal(ff_manifest_emit(m, &out, &err), FF_FORMAT);
    assert_int_equal(out.len, 0); /* nothing half-written */
    ff_manifest_free(m);
    ff_buf_clean(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    ff_manifest *m = NULL;
    ff_err err = {0};
    assert_int_equal(ff_manifest_parse(ff_bytes_of(SAMPLE, strlen(SAMPLE)), "d", &m, &err), FF_OK);
    ff_code code = FF_NO_MEMORY;
    for (uint64_t n = 1; code && n < 100; n++) {
        ff_buf out;
        ff_buf_init(&out, 0);
        ff_mem_fail_at(n);
        code = ff_manifest_emit(m, &out, &err);
        ff_mem_fail_at(0);
        assert_true(code == FF_OK || code == FF_NO_MEMORY);
        assert_true(n > 1 || code == FF_NO_MEMORY);
        ff_buf_clean(&out);
    }
    assert_int_equal(code, FF_OK);
    ff_manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
