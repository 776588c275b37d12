/* A program's libraries, as its loader tells them. */
#include "cli/libraries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool lists(const char *const *list, const char *text)
{
    for (; *list; list++)
        if (strstr(*list, text))
            return true;
    return false;
}

/* A function loads these, and not what each Lambda has. */
static void tells_what_is_linked(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    const char *const *list = NULL;
    assert_int_equal(ff_cli_libraries(FF_BINARY_DIR "/fanfold-function", arena, &list, NULL),
                     FF_OK);
    assert_true(lists(list, "libonnxruntime"));
    assert_true(lists(list, "libyyjson"));
    assert_true(lists(list, "libcurl"));
    assert_true(lists(list, "libcrypto"));
    assert_false(lists(list, "/libc.so"));
    assert_false(lists(list, "/libm.so"));
    assert_false(lists(list, "ld-linux"));
    for (const char *const *p = list; *p; p++) {
        assert_int_equal((*p)[0], '/');
        assert_int_equal(access(*p, R_OK), 0);
    }
    ff_arena_free(arena);
}

static void without_a_program(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    const char *const *list = NULL;
    assert_int_equal(ff_cli_libraries("/nonexistent/program", arena, &list, NULL), FF_OK);
    assert_null(list[0]); /* starting it will tell what is wrong */
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_linked),
        cmocka_unit_test(without_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
