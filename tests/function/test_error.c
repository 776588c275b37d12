/* Errors as platforms want them: "Function.X" and JSON. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "function/function.h"

/* (Runtime|Function)\.[A-Z][a-zA-Z]+ is what is accepted; and every type leads back. */
static void test_types(void **state)
{
    (void)state;
    char text[64];
    for (int code = FF_OK + 1; code < FF_CODE_COUNT; code++) {
        ff_function_error_type((ff_code)code, text, sizeof text);
        assert_int_equal(strncmp(text, "Function.", 9), 0);
        /* at least two letters; "Io" is the shortest */
        assert_true(isupper((unsigned char)text[9]) && strlen(text) >= 11);
        for (const char *c = text + 9; *c; c++)
            assert_true(isalpha((unsigned char)*c));
        assert_int_equal(ff_function_error_code(text), code);
    }
    assert_string_equal(ff_function_error_type(FF_NO_MEMORY, text, sizeof text),
                        "Function.NoMemory");
    assert_int_equal(ff_function_error_code("Runtime.ExitError"), FF_REMOTE);
    assert_string_equal(ff_function_error_type(FF_FORMAT, text, 12), "Function.Fo");
}

static void test_json(void **state)
{
    (void)state;
    ff_err error = {0};
    ff_buf out = {0};
    yyjson_doc *doc = NULL;
    ff_err_at(&error, FF_FORMAT, "", 17, "a \"quote\", a \\ and a \x01");
    assert_int_equal(ff_function_error_json(&error, &out, NULL), FF_OK);
    assert_int_equal(ff_json_parse(ff_buf_view(&out), &doc, NULL), FF_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "errorType")), "Function.Format");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "errorMessage")),
                        "byte 17: a \"quote\", a \\ and a \x01");
    yyjson_doc_free(doc);
    ff_buf_clean(&out);
    ff_mem_fail_at(1);
    assert_int_equal(ff_function_error_json(&error, &out, NULL), FF_NO_MEMORY);
    ff_mem_fail_at(0);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
