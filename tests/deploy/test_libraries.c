/* The libraries of made-up programs below a made-up root, and those of fanfold-function. */
#include "deploy/libraries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "support/tiny_elf.h"

#define LOADER "/lib64/ld-linux-x86-64.so.2"

static char root[] = "/tmp/ff_test_libraries_XXXXXX";

static const char *in_root(const char *path)
{
    static char text[4][256];
    static int next;
    char *p = text[next++ % 4];
    snprintf(p, sizeof text[0], "%s%s", root, path);
    return p;
}

static void put(const char *path, const tiny_elf *elf)
{
    char dir[PATH_MAX];
    assert_int_equal(ff_path_dir(in_root(path), dir, NULL), FF_OK);
    assert_int_equal(ff_dir_make(dir, NULL), FF_OK);
    tiny_elf_write(in_root(path), elf);
}

/* A machine of libraries: a needs b, b needs a again and c. */
static int make_root(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    put(LOADER, &(tiny_elf){0});
    put("/lib/x86_64-linux-gnu/libc.so.6", &(tiny_elf){.needed = "ld-linux-x86-64.so.2"});
    put("/lib/x86_64-linux-gnu/libgcc_s.so.1", &(tiny_elf){.needed = "libc.so.6"});
    put("/usr/lib/x86_64-linux-gnu/liba.so", &(tiny_elf){.needed = "libb.so libc.so.6"});
    put("/usr/local/lib/libb.so", &(tiny_elf){.needed = "liba.so libd.so", .runpath = "$ORIGIN/d"});
    put("/usr/local/lib/d/libd.so", &(tiny_elf){0});
    /* found first, but of another machine: passed over */
    put("/lib/x86_64-linux-gnu/libb.so", &(tiny_elf){.machine = EM_AARCH64});
    put("/app/program", &(tiny_elf){.interp = LOADER, .needed = "liba.so libc.so.6"});
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    return (int)ff_dir_remove(root, NULL);
}

static const char *path_of(const ff_libraries *l, const char *name)
{
    for (int i = 0; i < l->count; i++)
        if (!strcmp(l->library[i].name, name))
            return l->library[i].path;
    return NULL;
}

static void test_all_are_found_once(void **state)
{
    (void)state;
    static const char *const wanted[][2] = {
        {"ld-linux-x86-64.so.2", LOADER},
        {"liba.so", "/usr/lib/x86_64-linux-gnu/liba.so"},
        {"libb.so", "/usr/local/lib/libb.so"},
        {"libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6"},
        {"libd.so", "/usr/local/lib/d/libd.so"},
        {"libgcc_s.so.1", "/lib/x86_64-linux-gnu/libgcc_s.so.1"}, /* nobody names it */
    };
    ff_arena *arena = ff_arena_new();
    ff_libraries l;
    ff_err err = {0};
    if (ff_libraries_find(in_root("/app/program"), root, NULL, arena, &l, &err))
        fail_msg("%s", err.message);
    assert_int_equal(l.count, sizeof wanted / sizeof wanted[0]);
    for (int i = 0; i < l.count; i++) {
        assert_string_equal(l.library[i].name, wanted[i][0]);
        assert_string_equal(l.library[i].path, in_root(wanted[i][1]));
    }
    assert_string_equal(l.loader, "ld-linux-x86-64.so.2");
    assert_int_equal(l.machine, EM_X86_64);
    ff_arena_free(arena);
}

static void test_order_of_folders(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    ff_libraries l;
    put("/mine/liba.so", &(tiny_elf){0});
    put("/own/liba.so", &(tiny_elf){0});
    put("/own/program",
        &(tiny_elf){.interp = LOADER, .needed = "liba.so", .runpath = "/nowhere:${ORIGIN}"});
    const char *const dirs[] = {in_root("/mine"), NULL};
    assert_int_equal(ff_libraries_find(in_root("/app/program"), root, dirs, arena, &l, NULL),
                     FF_OK);
    assert_string_equal(path_of(&l, "liba.so"), in_root("/mine/liba.so"));
    assert_null(path_of(&l, "libb.so"));
    assert_int_equal(ff_libraries_find(in_root("/own/program"), root, dirs, arena, &l, NULL),
                     FF_OK);
    assert_string_equal(path_of(&l, "liba.so"), in_root("/own/liba.so"));
    ff_arena_free(arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        tiny_elf elf;
        ff_code code;
        const char *message;
    } rows[] = {
        {{.interp = LOADER, .needed = "libnone.so.3"},
         FF_NOT_FOUND,
         "bad needs the library libnone.so.3, and there is none of x86_64"},
        {{.interp = LOADER, .needed = "/lib/liba.so"},
         FF_NOT_FOUND,
         "bad needs the library /lib/liba.so, and there is none of x86_64"},
        {{.no_dynamic = true},
         FF_UNSUPPORTED,
         "wanted a dynamically linked program: it names no loader"},
        {{.machine = EM_AARCH64, .interp = "/lib/ld-linux-aarch64.so.1"},
         FF_NOT_FOUND,
         "the program's loader /lib/ld-linux-aarch64.so.1 is not there"},
    };
    ff_arena *arena = ff_arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_libraries l;
        ff_err err = {0};
        put("/app/bad", &rows[i].elf);
        assert_int_equal(ff_libraries_find(in_root("/app/bad"), root, NULL, arena, &l, &err),
                         rows[i].code);
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.file, in_root("/app/bad"));
    }
    ff_libraries l;
    ff_err err = {0};
    assert_int_equal(ff_libraries_find(in_root("/app/none"), root, NULL, arena, &l, &err),
                     FF_NOT_FOUND);
    assert_int_equal(ff_libraries_find("/etc/passwd", root, NULL, arena, &l, &err), FF_FORMAT);
    ff_arena_free(arena);
}

/* What the loader would map: nothing is left to be found on another machine. */
static void test_of_a_function(void **state)
{
    (void)state;
    static const char *const wanted[] = {"libonnxruntime.so.1", "libcurl.so.4", "libcrypto.so.3",
                                         "libstdc++.so.6",      "libc.so.6",    "libm.so.6",
                                         "libgcc_s.so.1"};
    ff_arena *arena = ff_arena_new();
    ff_libraries l;
    ff_err err = {0};
    if (ff_libraries_find(FF_BINARY_DIR "/fanfold-function", "", NULL, arena, &l, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_non_null(path_of(&l, wanted[i]));
    assert_non_null(path_of(&l, l.loader));
    for (int i = 0; i < l.count; i++)
        assert_int_equal(access(l.library[i].path, R_OK), 0);
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_found_once),
        cmocka_unit_test(test_order_of_folders),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_of_a_function),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
