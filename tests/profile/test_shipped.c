/* Every file of profiles/ is built in, byte for byte, under its name; and all of them parse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "profile/compute.h"
#include "profile/shipped.h"

static void test_files(void **state)
{
    (void)state;
    assert_true(FF_SHIPPED_COUNT >= 9);
    for (int i = 0; i < FF_SHIPPED_COUNT; i++) {
        const ff_shipped *s = &FF_SHIPPED[i];
        char path[300];
        ff_buf file = {0};
        ff_net_profile *net = NULL;
        ff_compute_profile *compute = NULL;
        ff_err err = {0};
        snprintf(path, sizeof path, FF_SOURCE_DIR "/profiles/%s/%s.json", s->kind, s->name);
        assert_int_equal(ff_file_read(path, 1 << 20, &file, &err), FF_OK);
        assert_int_equal(file.len, s->json.len);
        assert_memory_equal(file.data, s->json.data, file.len);
        if (!strcmp(s->kind, "network"))
            assert_int_equal(ff_net_profile_parse(s->json, &net, &err), FF_OK);
        else
            assert_int_equal(ff_compute_profile_parse(s->json, &compute, &err), FF_OK);
        assert_string_equal(net ? net->name : compute->name, s->name);
        assert_ptr_equal(ff_shipped_find(s->kind, s->name), s);
        ff_net_profile_free(net);
        ff_compute_profile_free(compute);
        ff_buf_clean(&file);
    }
}

static void test_names(void **state)
{
    (void)state;
    char text[400], cut[20];
    assert_null(ff_shipped_find("network", "gillis-knix"));
    assert_null(ff_shipped_find("disk", "lan"));
    ff_shipped_names("network", text, sizeof text);
    assert_non_null(strstr(text, "aws-lambda, "));
    assert_null(strstr(text, "gillis-knix"));
    assert_true(strlen(ff_shipped_names("network", cut, sizeof cut)) < sizeof cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
