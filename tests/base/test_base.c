/* err, mem, buf, units, clock, random, file and json: the small parts of base. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/units.h"

static void errors_are_one_table(void **state)
{
    (void)state;
    for (int c = 0; c < FF_CODE_COUNT; c++) {
        assert_int_equal(ff_code_from_name(ff_code_name((ff_code)c)), c);
        assert_true(ff_code_exit((ff_code)c) < 126);
        assert_int_equal(ff_code_exit((ff_code)c) == 0, c == FF_OK);
    }
    ff_err err = {0};
    assert_int_equal(ff_err_at(&err, FF_FORMAT, "m.onnx", 12, "wanted %d, found %d", 1, 2),
                     FF_FORMAT);
    ff_err_wrap(&err, "stage %d", 3);
    char text[200];
    ff_err_format(&err, text, sizeof text);
    assert_string_equal(text, "m.onnx: byte 12: stage 3: wanted 1, found 2");
    assert_int_equal(ff_err_errno(&err, ENOSPC, "f", "cannot write"), FF_NO_SPACE);
    assert_int_equal(ff_err_set(NULL, FF_IO, "x"), FF_IO);
}

static void buffers_keep_their_cap(void **state)
{
    (void)state;
    ff_buf buf;
    ff_buf_init(&buf, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ff_buf_printf(&buf, NULL, "%09d ", i), FF_OK);
    assert_int_equal(buf.len, 1000);
    ff_err err = {0};
    assert_int_equal(ff_buf_append(&buf, "x", 1, &err), FF_LIMIT);
    assert_memory_equal(buf.data + 990, "000000099 ", 10);
    ff_buf_clean(&buf);
    ff_buf_clean(&buf);
    ff_mem_fail_at(1);
    assert_int_equal(ff_buf_append(&buf, "x", 1, &err), FF_NO_MEMORY);
    assert_int_equal(buf.len, 0);
}

static void arenas_hold_many_sizes(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    char *kept[200];
    for (int i = 0; i < 200; i++) {
        size_t size = (size_t)(i % 7 ? i * 13 + 1 : 100000);
        kept[i] = ff_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)kept[i] % 16, 0);
        assert_int_equal(kept[i][0], 0);
        memset(kept[i], i, size);
    }
    for (int i = 0; i < 200; i++)
        assert_int_equal((unsigned char)kept[i][0], i);
    assert_string_equal(ff_arena_printf(arena, "%s-%d", "w", 3), "w-3");
    ff_arena_free(arena);
    ff_arena_free(NULL);
}

static void units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } GOOD[] = {{"0", 0},           {"8000", 8000},       {"800KB", 800000},
                {"1.5MB", 1500000}, {"64MiB", 64u << 20}, {"2gb", 2000000000}};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        uint64_t bytes = 1;
        assert_int_equal(ff_units_parse_bytes(GOOD[i].text, &bytes, NULL), FF_OK);
        assert_int_equal(bytes, GOOD[i].bytes);
    }
    static const char *const BAD[] = {"", "-1", "KB", "1 KB", "1XB", "0x10", "nan", "1e300", " 1"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        uint64_t bytes = 77;
        assert_int_equal(ff_units_parse_bytes(BAD[i], &bytes, NULL), FF_USAGE);
        assert_int_equal(bytes, 77);
    }
    int64_t ns = 0, n = 0;
    assert_int_equal(ff_units_parse_time("1.5s", &ns, NULL), FF_OK);
    assert_int_equal(ns, 1500000000);
    assert_int_equal(ff_units_parse_int("12x", 0, 100, &n, NULL), FF_USAGE);
    assert_int_equal(ff_units_parse_int("101", 0, 100, &n, NULL), FF_USAGE);
    assert_int_equal(ff_units_parse_int("100", 0, 100, &n, NULL), FF_OK);
    char text[32];
    assert_string_equal(ff_units_bytes(800000, text, sizeof text), "800.0 KB");
    assert_string_equal(ff_units_bytes(1769472, text, sizeof text), "1.77 MB");
    assert_string_equal(ff_units_ns(1267500000, text, sizeof text), "1.27 s");
}

static void clocks(void **state)
{
    (void)state;
    char text[40];
    ff_clock_amz_date(1767225600000, text, sizeof text);
    assert_string_equal(text, "20260101T000000Z");
    ff_clock_key_date(1699031106000, text, sizeof text);
    assert_string_equal(text, "2023-11-03_17h05m06s_UTC");
    ff_clock_iso(1767225600042, text, sizeof text);
    assert_string_equal(text, "2026-01-01T00:00:00.042Z");
    assert_int_equal(ff_clock_from_epoch_ms(5000), FF_NEVER);
    assert_int_equal(ff_clock_from_epoch_ms(ff_clock_wall_ms() - 1000), FF_NEVER);
    int64_t left = ff_clock_left_ms(ff_clock_from_epoch_ms(ff_clock_wall_ms() + 5000));
    assert_in_range(left, 1, 5001);
    assert_int_equal(ff_clock_deadline_ms(INT64_MAX), FF_NEVER);
    assert_int_equal(ff_clock_left_ms(1), 0);
}

static void random_is_seeded(void **state)
{
    (void)state;
    ff_random a, b;
    ff_random_init(&a, 1);
    ff_random_init(&b, 1);
    double sum = 0, squares = 0;
    for (int i = 0; i < 10000; i++) {
        double x = ff_random_normal(&a);
        assert_true(x == ff_random_normal(&b));
        sum += x;
        squares += x * x;
        assert_in_range(ff_random_between(&a, -3, 3) + 3, 0, 6);
        ff_random_between(&b, -3, 3);
    }
    assert_true(sum / 10000 < 0.05 && sum / 10000 > -0.05);
    assert_true(squares / 10000 < 1.1 && squares / 10000 > 0.9);
    char one[37], two[37];
    ff_random_uuid(one);
    ff_random_uuid(two);
    assert_string_not_equal(one, two);
    assert_int_equal(one[14], '4');
}

static void files_are_whole_or_absent(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-test-XXXXXX", path[PATH_MAX];
    assert_non_null(mkdtemp(dir));
    ff_err err = {0};
    assert_int_equal(ff_path_join(dir, "a/b", path, &err), FF_OK);
    assert_int_equal(ff_dir_make(path, &err), FF_OK);
    assert_int_equal(ff_path_join(dir, "a/b/f", path, &err), FF_OK);
    ff_out *out = NULL;
    assert_int_equal(ff_out_open(path, &out, &err), FF_OK);
    char *big = ff_mem_must(1000000);
    assert_int_equal(ff_out_write(out, "abc", 3, &err), FF_OK);
    assert_int_equal(ff_out_pad(out, 4096, &err), FF_OK);
    assert_int_equal(ff_out_write(out, big, 1000000, &err), FF_OK);
    assert_int_equal(ff_out_position(out), 1004096);
    assert_false(ff_file_exists(path)); /* not before commit */
    assert_int_equal(ff_out_commit(out, &err), FF_OK);
    uint64_t size = 0;
    assert_int_equal(ff_file_size(path, &size, &err), FF_OK);
    assert_int_equal(size, 1004096);
    assert_int_equal(ff_out_open(path, &out, &err), FF_OK);
    assert_int_equal(ff_out_write(out, "x", 1, &err), FF_OK);
    ff_out_abort(out); /* the old one stays */
    ff_map map = {0};
    assert_int_equal(ff_file_map(path, &map, &err), FF_OK);
    assert_int_equal(map.len, 1004096);
    assert_memory_equal(map.data, "abc\0", 4);
    ff_file_unmap(&map);
    ff_file_unmap(&map);
    ff_buf buf;
    ff_buf_init(&buf, 0);
    assert_int_equal(ff_file_read(path, 1000, &buf, &err), FF_LIMIT);
    assert_int_equal(ff_file_read(dir, 1000, &buf, &err), FF_IO);
    assert_int_equal(ff_file_read("/nonexistent/x", 1000, &buf, &err), FF_NOT_FOUND);
    assert_int_equal(ff_file_write("/nonexistent/x", (ff_bytes){0}, &err), FF_NOT_FOUND);
    assert_int_equal(ff_dir_remove(dir, &err), FF_OK);
    assert_false(ff_file_exists(dir));
    assert_int_equal(ff_dir_remove(dir, &err), FF_OK);
    ff_mem_free(big);
}

/* A limit on file size stands for the full disk: the write fails in the middle. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    char dir[] = "/tmp/ff-test-XXXXXX", path[PATH_MAX];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(ff_path_join(dir, "f", path, NULL), FF_OK);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){100000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char *big = ff_mem_must(1000000);
    ff_err err = {0};
    ff_code code = ff_file_write(path, ff_bytes_of(big, 1000000), &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    ff_mem_free(big);
    assert_int_equal(code, FF_NO_SPACE);
    assert_string_equal(err.file, path);
    assert_int_equal(rmdir(dir), 0); /* empty: nothing half-written */
}

static void an_unwritable_folder_is_named(void **state)
{
    (void)state;
    ff_err err = {0};
    ff_out *out = NULL;
    assert_int_not_equal(ff_out_open("/proc/ff-nothing", &out, &err), FF_OK);
    assert_null(out);
    assert_string_equal(err.file, "/proc/ff-nothing");
}

static void paths_stay_inside(void **state)
{
    (void)state;
    assert_true(ff_path_stays_inside("a/b.bin"));
    assert_true(ff_path_stays_inside("..a/b..c"));
    static const char *const BAD[] = {"", "/a", "..", "../a", "a/../b", "a/.."};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(ff_path_stays_inside(BAD[i]));
    char dir[PATH_MAX];
    assert_int_equal(ff_path_dir("m.onnx", dir, NULL), FF_OK);
    assert_string_equal(dir, ".");
    assert_int_equal(ff_path_dir("/m.onnx", dir, NULL), FF_OK);
    assert_string_equal(dir, "/");
    assert_int_equal(ff_path_dir("a/b/m.onnx", dir, NULL), FF_OK);
    assert_string_equal(dir, "a/b");
}

static void json_members(void **state)
{
    (void)state;
    const char text[] = "{\"s\":\"a\\u0000b\",\"t\":\"x\",\"n\":12,\"u\":18446744073709551615,"
                        "\"d\":1.5,\"b\":true,\"a\":[],\"o\":{},\"z\":null}";
    yyjson_doc *doc = NULL;
    ff_err err = {0};
    assert_int_equal(ff_json_parse(ff_bytes_of(text, sizeof text - 1), &doc, &err), FF_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *s = NULL;
    int64_t n = 0;
    double d = 0;
    bool b = false;
    assert_int_equal(ff_json_str(root, "s", &s, &err), FF_FORMAT); /* a NUL inside */
    assert_int_equal(ff_json_str(root, "t", &s, &err), FF_OK);
    assert_int_equal(ff_json_str(root, "n", &s, &err), FF_FORMAT);
    assert_int_equal(ff_json_int(root, "n", 0, 12, &n, &err), FF_OK);
    assert_int_equal(ff_json_int(root, "n", 0, 11, &n, &err), FF_FORMAT);
    assert_int_equal(ff_json_int(root, "u", 0, INT64_MAX, &n, &err), FF_FORMAT);
    assert_int_equal(ff_json_int(root, "d", 0, 9, &n, &err), FF_FORMAT);
    assert_int_equal(ff_json_num(root, "n", &d, &err), FF_OK);
    assert_int_equal(ff_json_bool(root, "b", &b, &err), FF_OK);
    assert_true(b);
    assert_false(ff_json_has(root, "z"));
    assert_false(ff_json_has(root, "y"));
    assert_int_equal(ff_json_bool(root, "y", &b, &err), FF_FORMAT);
    yyjson_doc_free(doc);
}

static void json_refuses(void **state)
{
    (void)state;
    const char good[] = "{\"a\":[1,2,{\"b\":\"c\\\"]\"}]}";
    ff_err err = {0};
    for (size_t len = 0; len + 1 < sizeof good; len++) {
        yyjson_doc *doc = NULL;
        ff_code code = ff_json_parse(ff_bytes_of(good, len), &doc, &err);
        assert_int_equal(code, FF_FORMAT);
        assert_null(doc);
    }
    char *deep = ff_mem_must(1000000);
    memset(deep, '[', 1000000);
    yyjson_doc *doc = NULL;
    assert_int_equal(ff_json_parse(ff_bytes_of(deep, 1000000), &doc, &err), FF_LIMIT);
    assert_int_equal(err.position, FF_MAX_JSON_DEPTH);
    ff_mem_free(deep);
    ff_buf buf;
    ff_buf_init(&buf, 0);
    assert_int_equal(ff_json_quote("a\"b\\\n\0é", 8, &buf, &err), FF_OK);
    assert_memory_equal(buf.data, "\"a\\\"b\\\\\\u000a\\u0000\xc3\xa9\"", buf.len);
    ff_buf_clean(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_one_table),
        cmocka_unit_test(buffers_keep_their_cap),
        cmocka_unit_test(arenas_hold_many_sizes),
        cmocka_unit_test(units),
        cmocka_unit_test(clocks),
        cmocka_unit_test(random_is_seeded),
        cmocka_unit_test(files_are_whole_or_absent),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(an_unwritable_folder_is_named),
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(json_members),
        cmocka_unit_test(json_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
