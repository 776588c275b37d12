/* The XML scanner: what clients send, and everything that is to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local/s3_int.h"
#include "support/guard.h"

typedef struct seen {
    char text[4096];
} seen;

static bool see_leaf(void *user, const char *path, const char *text)
{
    seen *s = user;
    size_t len = strlen(s->text);
    snprintf(s->text + len, sizeof s->text - len, "%s=%s;", path, text);
    return strcmp(text, "refuse") != 0;
}

static bool see_close(void *user, const char *path)
{
    seen *s = user;
    size_t len = strlen(s->text);
    snprintf(s->text + len, sizeof s->text - len, "/%s;", path);
    return true;
}

static ff_code scan(const char *text, size_t len, seen *out, ff_err *err)
{
    guard g = guard_copy(text, len);
    const ff_xml_handler handler = {see_leaf, see_close, out};
    ff_arena *arena = ff_arena_new();
    out->text[0] = '\0';
    ff_code code = ff_xml_scan(ff_bytes_of(g.data, g.len), &handler, arena, err);
    ff_arena_free(arena);
    guard_free(&g);
    return code;
}

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        const char *seen; /* NULL: refused */
    } rows[] = {
        {"<a>x</a>", "a=x;"},
        {"<a/>", "a=;"},
        {"<a></a>", "a=;"},
        {"<a><b>1</b><b>2</b><c/></a>", "a/b=1;a/b=2;a/c=;/a;"},
        {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"http://x/y\" b='c'>\n "
         "<b>1</b>\n</a>\n",
         "a/b=1;/a;"},
        {"\xef\xbb\xbf<a>x</a>", "a=x;"},
        {"<!-- c --><a>x</a><!-- d -->", "a=x;"},
        {"<a>&amp;&lt;&gt;&quot;&apos;&#65;&#x42;&#xe4;&#x20ac;&#x1F600;</a>",
         "a=&<>\"'AB\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80;"},
        {"<a> x y </a >", "a= x y ;"},
        {"<s:a>1</s:a>", "s:a=1;"},
        {"", NULL},
        {" ", NULL},
        {"x", NULL},
        {"<", NULL},
        {"<a", NULL},
        {"<a>", NULL},
        {"<a>x", NULL},
        {"<a>x</a", NULL},
        {"<a>x</b>", NULL},
        {"<a>x</a>y", NULL},
        {"<a/><b/>", NULL},
        {"<a><b></a></b>", NULL},
        {"<a>x<b/></a>", NULL},
        {"<a><b/>x</a>", NULL},
        {"<a>&unknown;</a>", NULL},
        {"<a>&#0;</a>", NULL},
        {"<a>&#xd800;</a>", NULL},
        {"<a>&#x110000;</a>", NULL},
        {"<a>&#;</a>", NULL},
        {"<a>&#x;</a>", NULL},
        {"<a>&amp</a>", NULL},
        {"<a b></a>", NULL},
        {"<a b=c></a>", NULL},
        {"<a b=\"<\"></a>", NULL},
        {"<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", NULL},
        {"<a><![CDATA[x]]></a>", NULL},
        {"<a><!-- c --></a>", NULL},
        {"<a><?pi x?></a>", NULL},
        {"<?xml", NULL},
        {"<!--", NULL},
        {"<a><b>refuse</b></a>", NULL},
        {"<1><2><3><4><5><6><7><8>deep</8></7></6></5></4></3></2></1>",
         "1/2/3/4/5/6/7/8=deep;/1/2/3/4/5/6/7;/1/2/3/4/5/6;/1/2/3/4/5;/1/2/3/4;/1/2/3;/1/2;/1;"},
        {"<1><2><3><4><5><6><7><8><9>x</9></8></7></6></5></4></3></2></1>", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        seen s;
        ff_err err = {0};
        ff_code code = scan(rows[i].xml, strlen(rows[i].xml), &s, &err);
        if (code != (rows[i].seen ? FF_OK : FF_FORMAT))
            fail_msg("%s: %s", rows[i].xml, err.message);
        if (rows[i].seen)
            assert_string_equal(s.text, rows[i].seen);
        else
            assert_true(err.has_position && err.position <= strlen(rows[i].xml));
    }
}

/* No beginning of a document is one, and none is read past its end. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    static const char xml[] = "<?xml version=\"1.0\"?><Delete xmlns=\"u\"><Quiet>true</Quiet>"
                              "<Object><Key>a&amp;&#x62;</Key></Object></Delete>";
    for (size_t len = 0; len <= sizeof xml - 1; len++) {
        seen s;
        assert_int_equal(scan(xml, len, &s, NULL), len == sizeof xml - 1 ? FF_OK : FF_FORMAT);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *start, *repeated, *end;
        int count;
        ff_code code;
    } rows[] = {
        {"<a>", "x", "</a>", 8192, FF_OK},     {"<a>", "x", "</a>", 8193, FF_FORMAT},
        {"<", "n", "/>", 64, FF_OK},           {"<", "n", "/>", 65, FF_FORMAT},
        {"<a>", "<b/>", "</a>", 65535, FF_OK}, {"<a>", "<b/>", "</a>", 65536, FF_FORMAT},
        {"", "<a>", "", 100000, FF_FORMAT},    {"<a ", "b='c' ", "/>", 1000, FF_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf xml = {0};
        seen *s = malloc(sizeof *s);
        ff_buf_text(&xml, rows[i].start, NULL);
        for (int k = 0; k < rows[i].count; k++)
            ff_buf_text(&xml, rows[i].repeated, NULL);
        ff_buf_text(&xml, rows[i].end, NULL);
        assert_int_equal(scan((const char *)xml.data, xml.len, s, NULL), rows[i].code);
        free(s);
        ff_buf_clean(&xml);
    }
}

static void test_escaping(void **state)
{
    (void)state;
    seen s;
    ff_buf xml = {0};
    static const char text[] = "a<b>&\"c\"\n\x01\xc3\xa4";
    ff_xml_element(&xml, "Key", text);
    assert_memory_equal(xml.data, "<Key>a&lt;b&gt;&amp;&quot;c&quot;&#xa;&#x1;\xc3\xa4</Key>",
                        xml.len);
    assert_int_equal(scan((const char *)xml.data, xml.len, &s, NULL), FF_OK);
    assert_memory_equal(s.text + 4, text, sizeof text - 1);
    ff_buf_clean(&xml);
}

static void test_deletes(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        int count; /* -1: refused */
        bool quiet;
    } rows[] = {
        {"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>null</VersionId>"
         "</Object><Quiet>true</Quiet></Delete>",
         2, true},
        {"<Delete><Object><Key>a</Key></Object><Quiet>false</Quiet></Delete>", 1, false},
        {"<Delete></Delete>", -1, false},
        {"<Delete><Object><Key></Key></Object></Delete>", -1, false},
        {"<Other><Object><Key>a</Key></Object></Other>", -1, false},
    };
    ff_s3_deletes *deletes = malloc(sizeof *deletes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_arena *arena = ff_arena_new();
        ff_code code = ff_s3_parse_deletes(ff_bytes_of(rows[i].xml, strlen(rows[i].xml)), arena,
                                           deletes, NULL);
        assert_int_equal(code, rows[i].count < 0 ? FF_FORMAT : FF_OK);
        if (!code) {
            assert_int_equal(deletes->count, rows[i].count);
            assert_int_equal(deletes->quiet, rows[i].quiet);
            assert_string_equal(deletes->keys[0], "a");
        }
        ff_arena_free(arena);
    }
    for (int count = 1000; count <= 1001; count++) {
        ff_buf xml = {0};
        ff_arena *arena = ff_arena_new();
        ff_buf_text(&xml, "<Delete>", NULL);
        for (int k = 0; k < count; k++)
            ff_buf_printf(&xml, NULL, "<Object><Key>%d</Key></Object>", k);
        ff_buf_text(&xml, "</Delete>", NULL);
        assert_int_equal(ff_s3_parse_deletes(ff_buf_view(&xml), arena, deletes, NULL),
                         count == 1000 ? FF_OK : FF_FORMAT);
        ff_arena_free(arena);
        ff_buf_clean(&xml);
    }
    free(deletes);
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        int number; /* -1: refused */
        const char *etag;
    } rows[] = {
        {"<PartNumber>1</PartNumber><ETag>\"abc\"</ETag>", 1, "abc"},
        {"<ETag>&quot;abc&quot;</ETag><PartNumber>10000</PartNumber>", 10000, "abc"},
        {"<PartNumber>3</PartNumber><ETag>abc</ETag><ChecksumCRC32>x</ChecksumCRC32>", 3, "abc"},
        {"<PartNumber>0</PartNumber><ETag>a</ETag>", -1, ""},
        {"<PartNumber>10001</PartNumber><ETag>a</ETag>", -1, ""},
        {"<PartNumber>-1</PartNumber><ETag>a</ETag>", -1, ""},
        {"<PartNumber>x</PartNumber><ETag>a</ETag>", -1, ""},
        {"<ETag>a</ETag>", -1, ""},
        {"<PartNumber>1</PartNumber>"
         "<ETag>0123456789012345678901234567890123456789012345678901234567890123</ETag>",
         -1, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_arena *arena = ff_arena_new();
        ff_s3_parts parts;
        const char *xml = ff_arena_printf(
            arena, "<CompleteMultipartUpload><Part>%s</Part></CompleteMultipartUpload>",
            rows[i].part);
        ff_code code = ff_s3_parse_parts(ff_bytes_of(xml, strlen(xml)), arena, &parts, NULL);
        assert_int_equal(code, rows[i].number < 0 ? FF_FORMAT : FF_OK);
        if (!code) {
            assert_int_equal(parts.count, 1);
            assert_int_equal(parts.choice[0].number, rows[i].number);
            assert_string_equal(parts.choice[0].etag, rows[i].etag);
        }
        ff_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_bounds),    cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_deletes),   cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
