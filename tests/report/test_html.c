#include "report/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/xml_check.h"

static void a_page_holds_its_sections(void **state)
{
    (void)state;
    ff_html *page = ff_html_new("results <of> \"today\"");
    ff_table *table = ff_table_new("size|>inline & more");
    ff_table_cell(table, "8 KB");
    ff_table_cell(table, "%g", 1.5);
    ff_table_cell(table, "<b>");
    ff_html_section(page, "first");
    ff_html_paragraph(page, "a %s of %d", "paragraph</p><script>", 1);
    ff_html_table(page, table);
    ff_html_section(page, "second");
    ff_html_drawing(page, ff_bytes_of("<svg/>", 6));
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_html_emit(page, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    assert_true(xml_has_text(&doc, "title", "results <of> \"today\""));
    assert_true(xml_has_text(&doc, "p", "a paragraph</p><script> of 1"));
    assert_true(xml_has_text(&doc, "th", "inline & more"));
    assert_true(xml_has_text(&doc, "td", "<b>"));
    assert_int_equal(xml_count(&doc, "td", NULL), 4); /* the last row is filled */
    assert_int_equal(xml_count(&doc, "td", "number"), 2);
    assert_int_equal(xml_count(&doc, "svg", NULL), 1);
    assert_int_equal(xml_count(&doc, "section", NULL), 2);
    for (int i = 0; i < 2; i++) { /* links lead to their sections */
        const char *to = xml_attribute(xml_find(&doc, "a", NULL, i), "href");
        assert_string_equal(to + 1, xml_attribute(xml_find(&doc, "section", NULL, i), "id"));
    }
    /* nothing is fetched, nothing runs */
    for (int i = 0; i < doc.count; i++) {
        assert_null(xml_attribute(&doc.element[i], "src"));
        assert_true(strcmp(doc.element[i].name, "script") && strcmp(doc.element[i].name, "link"));
    }
    xml_clean(&doc);
    ff_buf_clean(&out);
    ff_table_free(table);
    ff_html_free(page);
    ff_html_free(NULL);
}

static void an_empty_page_is_one(void **state)
{
    (void)state;
    ff_html *page = ff_html_new("");
    ff_buf out;
    ff_buf_init(&out, 0);
    assert_int_equal(ff_html_emit(page, &out, NULL), FF_OK);
    xml_doc doc = xml_read(out.data, out.len);
    assert_string_equal(doc.fault, "");
    assert_int_equal(xml_count(&doc, "section", NULL), 0);
    xml_clean(&doc);
    ff_buf_clean(&out);
    ff_html_free(page);
}

/* The n-th allocation fails, for every n: the code says so at the end. */
static void memory_that_is_out_is_told(void **state)
{
    (void)state;
    int failures = 0;
    for (uint64_t n = 1;; n++) {
        ff_err err = {0};
        ff_buf out;
        ff_buf_init(&out, 0);
        ff_mem_fail_at(n);
        ff_html *page = ff_html_new("x");
        ff_html_section(page, "first");
        ff_html_paragraph(page, "text");
        ff_code code = ff_html_emit(page, &out, &err);
        ff_mem_fail_at(0);
        ff_html_free(page);
        ff_buf_clean(&out);
        if (!code)
            break;
        assert_int_equal(code, FF_NO_MEMORY);
        assert_int_equal(err.code, FF_NO_MEMORY);
        failures++;
    }
    assert_true(failures >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_holds_its_sections),
        cmocka_unit_test(an_empty_page_is_one),
        cmocka_unit_test(memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
