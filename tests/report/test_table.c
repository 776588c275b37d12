#include "report/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void columns_are_aligned(void **state)
{
    (void)state;
    ff_table *t = ff_table_new("name|>bytes|route");
    ff_table_cell(t, "%s", "é1");
    ff_table_cell(t, "%d", 800000);
    ff_table_cell(t, "store");
    ff_table_cell(t, "output");
    ff_table_cell(t, "%d", 8);
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_table_emit(t, &out, NULL), FF_OK);
    static const char EXPECTED[] = "name     bytes  route\n"
                                   "é1      800000  store\n"
                                   "output       8  \n";
    assert_int_equal(out.len, sizeof EXPECTED - 1);
    assert_memory_equal(out.data, EXPECTED, out.len);
    ff_buf_clean(&out);
    ff_table_free(t);
    ff_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns_are_aligned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
