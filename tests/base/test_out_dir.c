/* A folder of results: absent until it is complete; what it is not is left alone. */
#include "base/out_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static char parent[] = "/tmp/ff_test_out_dir_XXXXXX";

static const char *in_parent(const char *name)
{
    static char path[4][128];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", parent, name);
    return p;
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_int_equal(ff_path_join(dir, name, path, NULL), FF_OK);
    assert_int_equal(ff_file_write(path, ff_bytes_of(text, strlen(text)), NULL), FF_OK);
}

static void test_complete_or_absent(void **state)
{
    (void)state;
    ff_out_dir out;
    ff_err err = {0};
    assert_int_equal(ff_out_dir_find(in_parent("a///"), "list", "package", &out, &err), FF_OK);
    assert_string_equal(out.dir, in_parent("a"));
    assert_int_equal(ff_out_dir_begin(&out, &err), FF_OK);
    put(out.temp, "list", "1");
    assert_false(ff_file_exists(in_parent("a")));
    ff_out_dir_abort(&out);
    assert_false(ff_file_exists(out.temp));
    for (int i = 0; i < 2; i++) { /* new, then replaced */
        assert_int_equal(ff_out_dir_find(in_parent("a"), "list", "package", &out, &err), FF_OK);
        assert_int_equal(out.replaces, i);
        assert_int_equal(ff_out_dir_begin(&out, &err), FF_OK);
        put(out.temp, "list", "1");
        put(out.temp, i ? "new" : "old", "1");
        assert_int_equal(ff_out_dir_commit(&out, &err), FF_OK);
        assert_false(ff_file_exists(out.temp));
    }
    assert_true(ff_file_exists(in_parent("a/new")));
    assert_false(ff_file_exists(in_parent("a/old")));
}

static void test_of_others(void **state)
{
    (void)state;
    ff_out_dir out;
    ff_err err = {0};
    assert_int_equal(ff_dir_make(in_parent("b"), &err), FF_OK);
    assert_int_equal(ff_out_dir_find(in_parent("b"), "list", "package", &out, &err), FF_CONFLICT);
    assert_string_equal(err.message, "exists and is no package (it has no list)");
    assert_string_equal(err.file, in_parent("b"));
    char longest[PATH_MAX + 1];
    memset(longest, 'x', PATH_MAX);
    longest[PATH_MAX] = '\0';
    assert_int_equal(ff_out_dir_find(longest, "list", "package", &out, &err), FF_LIMIT);
    assert_int_equal(ff_out_dir_find("", "list", "package", &out, &err), FF_LIMIT);
}

static int make(void **state)
{
    (void)state;
    return mkdtemp(parent) ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    return (int)ff_dir_remove(parent, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_or_absent),
        cmocka_unit_test(test_of_others),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
