/* Buckets, objects, uploads: the same tests in memory and in a folder; then what is a folder's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "local/objects_int.h"

#define ROOM 1000000u

typedef struct world {
    bool disk;
    char dir[40];
    ff_objects *objects;
} world;

static void open_objects(world *w, uint64_t room)
{
    ff_err err = {0};
    if (ff_objects_new(w->disk ? w->dir : NULL, room, &w->objects, &err))
        fail_msg("%s", err.message);
}

static void reopen(world *w)
{
    ff_objects_free(w->objects);
    open_objects(w, ROOM);
}

static int setup(world *w, bool disk)
{
    *w = (world){.disk = disk, .dir = "/tmp/ff_test_objects_XXXXXX"};
    if (disk && !mkdtemp(w->dir))
        return -1;
    open_objects(w, ROOM);
    return ff_objects_make_bucket(w->objects, "bucket", NULL) ? -1 : 0;
}

static world current;
static int in_memory(void **state)
{
    *state = &current;
    return setup(&current, false);
}
static int in_folder(void **state)
{
    *state = &current;
    return setup(&current, true);
}
static int teardown(void **state)
{
    world *w = *state;
    ff_objects_free(w->objects);
    return w->disk ? (int)ff_dir_remove(w->dir, NULL) : 0;
}

static ff_code put(world *w, const char *key, const char *text, const ff_put_condition *condition,
                   ff_err *err)
{
    ff_buf bytes = {0};
    ff_object *object = ff_object_new(key);
    snprintf(object->etag, sizeof object->etag, "etag of %s", text);
    ff_object_add_header(object, "Content-Type", "x/y");
    ff_buf_text(&bytes, text, NULL);
    ff_code code = ff_objects_put(w->objects, "bucket", object, &bytes, condition, err);
    ff_buf_clean(&bytes);
    ff_object_unref(object);
    return code;
}

static void assert_text(const ff_object *object, const char *text)
{
    char found[256] = "";
    assert_non_null(object);
    assert_int_equal(object->blob->size, strlen(text));
    assert_int_equal(ff_blob_read(object->blob, 0, strlen(text), (uint8_t *)found, NULL), FF_OK);
    assert_string_equal(found, text);
}

static void assert_object(world *w, const char *key, const char *text)
{
    bool there;
    ff_object *object = ff_objects_get(w->objects, "bucket", key, &there);
    assert_true(there);
    if (text)
        assert_text(object, text);
    else
        assert_null(object);
    ff_object_unref(object);
}

static void test_put_get_remove(void **state)
{
    world *w = *state;
    bool there;
    assert_int_equal(put(w, "k", "one", NULL, NULL), FF_OK);
    ff_object *old = ff_objects_get(w->objects, "bucket", "k", &there);
    assert_int_equal(put(w, "k", "two", NULL, NULL), FF_OK);
    assert_text(old, "one"); /* who holds it, keeps it */
    ff_object_unref(old);
    assert_object(w, "k", "two");
    assert_object(w, "absent", NULL);
    assert_null(ff_objects_get(w->objects, "nowhere", "k", &there));
    assert_false(there);
    assert_int_equal(put(w, "empty", "", NULL, NULL), FF_OK);
    assert_object(w, "empty", "");
    assert_int_equal(ff_objects_count(w->objects).objects, 2);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "k", NULL), FF_OK);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "k", NULL), FF_OK);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "empty", NULL), FF_OK);
    assert_int_equal(ff_objects_remove(w->objects, "nowhere", "k", NULL), FF_NOT_FOUND);
    assert_int_equal(ff_objects_count(w->objects).objects, 0);
    assert_int_equal(ff_objects_count(w->objects).bytes, 0);
}

static void test_conditions(void **state)
{
    world *w = *state;
    const ff_put_condition absent = {.if_absent = true};
    const ff_put_condition other = {.if_match = "etag of other"};
    const ff_put_condition match = {.if_match = "etag of one"};
    assert_int_equal(put(w, "k", "x", &match, NULL), FF_NOT_FOUND);
    assert_int_equal(put(w, "k", "one", &absent, NULL), FF_OK);
    assert_int_equal(put(w, "k", "two", &absent, NULL), FF_CONFLICT);
    assert_int_equal(put(w, "k", "two", &other, NULL), FF_CONFLICT);
    assert_object(w, "k", "one");
    assert_int_equal(put(w, "k", "two", &match, NULL), FF_OK);
    assert_object(w, "k", "two");
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "k", NULL), FF_OK);
    assert_int_equal(ff_objects_count(w->objects).bytes, 0);
}

static void test_space(void **state)
{
    world *w = *state;
    ff_err err = {0};
    char *big = malloc(600001);
    memset(big, 'x', 600000);
    big[600000] = '\0';
    assert_int_equal(put(w, "a", big, NULL, NULL), FF_OK);
    assert_int_equal(put(w, "b", big, NULL, &err), FF_NO_SPACE);
    assert_non_null(strstr(err.message, "of 1000000 are in use"));
    assert_object(w, "b", NULL);
    assert_int_equal(put(w, "b", "small", NULL, NULL), FF_OK);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "a", NULL), FF_OK);
    assert_int_equal(put(w, "a", big, NULL, NULL), FF_OK);
    assert_true(ff_objects_room(w->objects) < 400000);
    free(big);
}

static void test_buckets(void **state)
{
    world *w = *state;
    assert_int_equal(ff_objects_make_bucket(w->objects, "bucket", NULL), FF_CONFLICT);
    assert_int_equal(put(w, "k", "one", NULL, NULL), FF_OK);
    assert_int_equal(ff_objects_remove_bucket(w->objects, "bucket", NULL), FF_CONFLICT);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "k", NULL), FF_OK);
    assert_int_equal(ff_objects_remove_bucket(w->objects, "bucket", NULL), FF_OK);
    assert_int_equal(ff_objects_remove_bucket(w->objects, "bucket", NULL), FF_NOT_FOUND);
    assert_int_equal(put(w, "k", "one", NULL, NULL), FF_NOT_FOUND);
    assert_int_equal(ff_objects_count(w->objects).bytes, 0);
    char name[16];
    for (int i = 0; i < FF_BUCKETS_MAX; i++) {
        snprintf(name, sizeof name, "b%d", i);
        assert_int_equal(ff_objects_make_bucket(w->objects, name, NULL), FF_OK);
    }
    assert_int_equal(ff_objects_make_bucket(w->objects, "more", NULL), FF_LIMIT);
}

static void list(world *w, const ff_list_query *query, char *out, size_t size)
{
    ff_list page;
    assert_int_equal(ff_objects_list(w->objects, "bucket", query, &page, NULL), FF_OK);
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < page.count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s ",
                                page.entries[i].object ? page.entries[i].object->key
                                                       : page.entries[i].prefix);
    snprintf(out + len, size - len, "%s", page.truncated ? "..." : "");
    ff_list_clean(&page);
}

static void test_listing(void **state)
{
    world *w = *state;
    static const char *const keys[] = {"b/2", "a", "b/1", "c/x/1", "b", "c/x/2", "c/y", "\xc3\xa4"};
    static const struct {
        ff_list_query query;
        const char *wanted;
    } rows[] = {
        {{"", "", "", 100}, "a b b/1 b/2 c/x/1 c/x/2 c/y \xc3\xa4 "},
        {{"", "", "", 2}, "a b ..."},
        {{"", "", "b", 3}, "b/1 b/2 c/x/1 ..."},
        {{"b", "", "", 100}, "b b/1 b/2 "},
        {{"b/", "", "", 2}, "b/1 b/2 "},
        {{"", "/", "", 100}, "a b b/ c/ \xc3\xa4 "},
        {{"", "/", "", 3}, "a b b/ ..."},
        {{"", "/", "b/", 100}, "c/ \xc3\xa4 "},
        {{"c/", "/", "", 100}, "c/x/ c/y "},
        {{"c/", "x/", "", 100}, "c/x/ c/y "},
        {{"d", "", "", 100}, ""},
        {{"", "", "zz", 100}, "\xc3\xa4 "},
        {{"", "", "", 0}, "..."},
    };
    char found[256];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(put(w, keys[i], "x", NULL, NULL), FF_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        list(w, &rows[i].query, found, sizeof found);
        assert_string_equal(found, rows[i].wanted);
    }
    ff_list page;
    assert_int_equal(ff_objects_list(w->objects, "nowhere", &rows[0].query, &page, NULL),
                     FF_NOT_FOUND);
}

static ff_code put_part(world *w, const char *id, int number, const char *text, char etag[33])
{
    ff_buf bytes = {0};
    ff_buf_text(&bytes, text, NULL);
    ff_code code = ff_upload_part(w->objects, "bucket", "up", id, number, &bytes, etag, NULL);
    ff_buf_clean(&bytes);
    return code;
}

static void test_uploads(void **state)
{
    world *w = *state;
    char id[37], etag[64], tags[3][33];
    ff_part_choice choice[3];
    ff_object *draft = ff_object_new("up");
    ff_object_add_header(draft, "Content-Type", "a/b");
    assert_int_equal(ff_upload_begin(w->objects, "bucket", draft, id, NULL), FF_OK);
    assert_int_equal(put_part(w, id, 3, "three", tags[2]), FF_OK);
    assert_int_equal(put_part(w, id, 1, "wrong", tags[0]), FF_OK);
    assert_int_equal(put_part(w, id, 1, "one", tags[0]), FF_OK); /* again: the later one counts */
    assert_int_equal(put_part(w, id, 2, "two", tags[1]), FF_OK);
    assert_int_equal(put_part(w, "other", 2, "two", tags[1]), FF_NOT_FOUND);
    for (int i = 0; i < 3; i++) {
        choice[i].number = i + 1;
        snprintf(choice[i].etag, sizeof choice[i].etag, "%s", tags[i]);
    }
    const ff_part_choice reversed[] = {choice[1], choice[0]};
    assert_int_equal(ff_upload_complete(w->objects, "bucket", "up", id, reversed, 2, etag, NULL),
                     FF_FORMAT);
    choice[1].etag[0] ^= 1;
    assert_int_equal(ff_upload_complete(w->objects, "bucket", "up", id, choice, 3, etag, NULL),
                     FF_MISMATCH);
    choice[1].etag[0] ^= 1;
    assert_int_equal(ff_upload_complete(w->objects, "bucket", "no", id, choice, 3, etag, NULL),
                     FF_NOT_FOUND);
    assert_int_equal(ff_upload_complete(w->objects, "bucket", "up", id, choice, 3, etag, NULL),
                     FF_OK);
    assert_string_equal(etag + 32, "-3");
    assert_object(w, "up", "onetwothree");
    assert_int_equal(ff_upload_complete(w->objects, "bucket", "up", id, choice, 3, etag, NULL),
                     FF_NOT_FOUND);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "up", NULL), FF_OK);
    assert_int_equal(ff_upload_begin(w->objects, "bucket", ff_object_new("up"), id, NULL), FF_OK);
    assert_int_equal(put_part(w, id, 1, "one", tags[0]), FF_OK);
    assert_int_equal(ff_objects_remove_bucket(w->objects, "bucket", NULL), FF_CONFLICT);
    assert_int_equal(ff_upload_abort(w->objects, "bucket", "up", id, NULL), FF_OK);
    assert_int_equal(ff_upload_abort(w->objects, "bucket", "up", id, NULL), FF_NOT_FOUND);
    assert_int_equal(ff_objects_count(w->objects).bytes, 0);
    assert_int_equal(ff_objects_count(w->objects).uploads, 0);
}

static void test_copy(void **state)
{
    world *w = *state;
    bool there;
    assert_int_equal(put(w, "from", "text", NULL, NULL), FF_OK);
    ff_object *source = ff_objects_get(w->objects, "bucket", "from", &there);
    ff_object *copy = ff_object_new("to");
    assert_int_equal(ff_objects_copy(w->objects, "bucket", copy, source, NULL), FF_OK);
    ff_object_unref(copy);
    ff_object_unref(source);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "from", NULL), FF_OK);
    assert_object(w, "to", "text");
}

typedef struct worker {
    pthread_t thread;
    world *w;
    int number;
} worker;

static void *churn(void *arg)
{
    worker *me = arg;
    char key[16], text[32];
    intptr_t failures = 0;
    for (int i = 0; i < 200; i++) {
        bool there;
        snprintf(key, sizeof key, "k%d", i % 7); /* shared by all threads */
        snprintf(text, sizeof text, "%d/%d", me->number, i);
        failures += put(me->w, key, text, NULL, NULL) != FF_OK;
        ff_object *object = ff_objects_get(me->w->objects, "bucket", key, &there);
        char read[32];
        if (object && ff_blob_read(object->blob, 0, object->blob->size, (uint8_t *)read, NULL))
            failures++;
        ff_object_unref(object);
        if (i % 3 == 0)
            failures += ff_objects_remove(me->w->objects, "bucket", key, NULL) != FF_OK;
    }
    return (void *)failures;
}

static void test_threads(void **state)
{
    world *w = *state;
    worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){.w = w, .number = i};
        pthread_create(&workers[i].thread, NULL, churn, &workers[i]);
    }
    for (int i = 0; i < 4; i++) {
        void *failures;
        pthread_join(workers[i].thread, &failures);
        assert_int_equal((intptr_t)failures, 0);
    }
    char key[16];
    for (int i = 0; i < 7; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(ff_objects_remove(w->objects, "bucket", key, NULL), FF_OK);
    }
    assert_int_equal(ff_objects_count(w->objects).bytes, 0);
}

static int files_in(const world *w)
{
    char path[80];
    int count = 0;
    snprintf(path, sizeof path, "%s/bucket", w->dir);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void test_restart(void **state)
{
    world *w = *state;
    bool there;
    assert_int_equal(put(w, "k", "one", NULL, NULL), FF_OK);
    assert_int_equal(put(w, "k", "two", NULL, NULL), FF_OK);
    assert_int_equal(put(w, "gone", "x", NULL, NULL), FF_OK);
    assert_int_equal(ff_objects_remove(w->objects, "bucket", "gone", NULL), FF_OK);
    assert_int_equal(files_in(w), 1);
    uint64_t bytes = ff_objects_count(w->objects).bytes;
    reopen(w);
    assert_object(w, "k", "two");
    assert_object(w, "gone", NULL);
    assert_int_equal(ff_objects_count(w->objects).bytes, bytes);
    ff_object *object = ff_objects_get(w->objects, "bucket", "k", &there);
    assert_string_equal(object->etag, "etag of two");
    assert_int_equal(object->header_count, 1);
    assert_string_equal(object->headers[0].value, "x/y");
    ff_object_unref(object);
    assert_int_equal(put(w, "k", "three", NULL, NULL), FF_OK);
    reopen(w);
    assert_object(w, "k", "three");
}

static void find_object_file(const world *w, char path[512])
{
    char dir[80];
    snprintf(dir, sizeof dir, "%s/bucket", w->dir);
    DIR *folder = opendir(dir);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            snprintf(path, 512, "%s/%s", dir, entry->d_name);
    closedir(folder);
}

/* A damaged file is left out, at every length that it may have been cut to. */
static void test_damaged_files(void **state)
{
    world *w = *state;
    char path[512], other[600];
    ff_buf whole = {0};
    assert_int_equal(put(w, "k", "text", NULL, NULL), FF_OK);
    find_object_file(w, path);
    assert_int_equal(ff_file_read(path, 10000, &whole, NULL), FF_OK);
    snprintf(other, sizeof other, "%s/bucket/x.obj.tmp.abcdef", w->dir);
    assert_int_equal(ff_file_write(other, ff_buf_view(&whole), NULL), FF_OK);
    for (size_t len = 0; len < whole.len; len += len < whole.len - 12 ? 11 : 1) {
        assert_int_equal(ff_file_write(path, ff_bytes_of(whole.data, len), NULL), FF_OK);
        reopen(w);
        assert_object(w, "k", NULL);
    }
    assert_false(ff_file_exists(other));
    whole.data[8] = 0xff; /* a header of 255 times as many bytes */
    assert_int_equal(ff_file_write(path, ff_buf_view(&whole), NULL), FF_OK);
    reopen(w);
    assert_object(w, "k", NULL);
    ff_buf_clean(&whole);
}

int main(void)
{
#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, in_memory, teardown),                                    \
        cmocka_unit_test_setup_teardown(test, in_folder, teardown)
    const struct CMUnitTest tests[] = {
        BOTH(test_put_get_remove),
        BOTH(test_conditions),
        BOTH(test_space),
        BOTH(test_buckets),
        BOTH(test_listing),
        BOTH(test_uploads),
        BOTH(test_copy),
        BOTH(test_threads),
        cmocka_unit_test_setup_teardown(test_restart, in_folder, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, in_folder, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
