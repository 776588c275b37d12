/* Weights files: equal contents once, alignment, small weights left inside. */
#include "build/build_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH "weights-test.bin"

static uint8_t bytes[3][20000];

static void add(ff_graph *g, const char *name, const uint8_t *data, int64_t count)
{
    const ff_shape shape = {1, {count}};
    int v;
    assert_int_equal(ff_graph_add_weight(g, name, FF_DTYPE_U8, &shape,
                                         ff_bytes_of(data, (size_t)count), &v, NULL),
                     FF_OK);
}

/* a and its copy b, c of other bytes, a longer part of a's, and one that is small. */
static ff_graph *some_weights(void)
{
    memset(bytes[0], 1, sizeof bytes[0]);
    memset(bytes[1], 1, sizeof bytes[1]);
    memset(bytes[2], 2, sizeof bytes[2]);
    ff_graph *g = ff_graph_new("weights");
    add(g, "a", bytes[0], 1030);
    add(g, "b", bytes[1], 1030);
    add(g, "c", bytes[2], 1030);
    add(g, "longer", bytes[0], 20000);
    add(g, "small", bytes[2], 1023);
    return g;
}

static void contents(void **state)
{
    (void)state;
    static const struct {
        bool by_content;
        uint64_t places[4], size;
    } cases[] = {
        {true, {0, 0, 1088, 4096}, 4096 + 20000},
        {false, {0, 1088, 2176, 4096}, 4096 + 20000},
    };
    for (size_t i = 0; i < 2; i++) {
        ff_graph *g = some_weights();
        ff_weights *w = NULL;
        ff_onnx_place places[5] = {{0}}, again[5] = {{0}};
        ff_buf file;
        ff_buf_init(&file, 0);
        assert_int_equal(ff_weights_open(PATH, cases[i].by_content, &w, NULL), FF_OK);
        assert_int_equal(ff_weights_add(w, g, places, NULL), FF_OK);
        assert_int_equal(ff_weights_add(w, g, again, NULL), FF_OK); /* nothing new */
        assert_int_equal(ff_weights_bytes(w), cases[i].size);
        assert_int_equal(ff_weights_commit(w, NULL), FF_OK);
        assert_int_equal(ff_file_read(PATH, 1u << 20, &file, NULL), FF_OK);
        assert_int_equal(file.len, cases[i].size);
        for (int v = 0; v < 4; v++) {
            assert_int_equal(places[v].offset, cases[i].places[v]);
            assert_int_equal(places[v].length, g->values[v].data.len);
            assert_memory_equal(file.data + places[v].offset, g->values[v].data.data,
                                places[v].length);
        }
        assert_int_equal(places[4].length, 0);
        assert_memory_equal(places, again, sizeof places);
        ff_buf_clean(&file);
        ff_graph_free(g);
        (void)unlink(PATH);
    }
}

/* More than the table holds at first. */
static void many(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static uint8_t many_bytes[COUNT][1024];
    ff_graph *g = ff_graph_new("many");
    ff_weights *w = NULL;
    char name[16];
    for (int i = 0; i < COUNT; i++) {
        memset(many_bytes[i], 0, sizeof many_bytes[i]);
        many_bytes[i][0] = (uint8_t)(i / 2); /* each content twice; 250 of them */
        snprintf(name, sizeof name, "w%d", i);
        add(g, name, many_bytes[i], 1024);
    }
    ff_onnx_place *places = ff_mem_must_array(COUNT, sizeof *places);
    assert_int_equal(ff_weights_open(PATH, true, &w, NULL), FF_OK);
    assert_int_equal(ff_weights_add(w, g, places, NULL), FF_OK);
    assert_int_equal(ff_weights_bytes(w), 250 * 1024);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(places[i].offset, (uint64_t)(i / 2) * 1024);
    ff_weights_abort(w);
    assert_false(ff_file_exists(PATH));
    ff_mem_free(places);
    ff_graph_free(g);
}

static void nothing_written(void **state)
{
    (void)state;
    ff_weights *w = NULL;
    ff_graph *g = ff_graph_new("none");
    assert_int_equal(ff_weights_open("no/such/folder/w.bin", true, &w, NULL), FF_NOT_FOUND);
    assert_null(w);
    assert_int_equal(ff_weights_open(PATH, true, &w, NULL), FF_OK);
    assert_int_equal(ff_weights_add(w, g, NULL, NULL), FF_OK);
    assert_int_equal(ff_weights_commit(w, NULL), FF_OK);
    assert_false(ff_file_exists(PATH)); /* a model without large weights has no weights file */
    ff_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),
        cmocka_unit_test(many),
        cmocka_unit_test(nothing_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
