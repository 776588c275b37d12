/* The directory store's own dangers: links that lead out, full disks, folders that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store.h"

static char folder[64], root[80], outside[80];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/fanfold-dir-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(root, sizeof root, "%s/store", folder);
    snprintf(outside, sizeof outside, "%s/outside", folder);
    assert_int_equal(mkdir(outside, 0777), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return (int)ff_dir_remove(folder, NULL);
}

static ff_store *open_store(void)
{
    ff_store *store = NULL;
    assert_int_equal(ff_store_dir_new(root, &store, NULL), FF_OK);
    return store;
}

static ff_code put(ff_store *store, const char *key, const void *data, size_t len, bool if_absent,
                   ff_err *err)
{
    ff_store_put p = {
        .key = key, .body = {1, {{data, len}}}, .if_absent = if_absent, .deadline_ns = FF_NEVER};
    return ff_store_put_wait(store, &p, err);
}

static ff_code get(ff_store *store, const char *key, ff_err *err)
{
    ff_buf body = {0};
    ff_code code = ff_store_get_wait(store, key, 1 << 20, FF_NEVER, &body, err);
    ff_buf_clean(&body);
    return code;
}

static char *under(const char *base, const char *name, char path[200])
{
    snprintf(path, 200, "%s/%s", base, name);
    return path;
}

static int entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir));)
        count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(dir);
    return count;
}

static void test_links(void **state)
{
    (void)state;
    char path[200], target[200];
    ff_store *store = open_store();
    ff_err err = {0};
    assert_int_equal(ff_file_write(under(outside, "secret", target), ff_bytes_of("s", 1), NULL),
                     FF_OK);
    assert_int_equal(symlink(outside, under(root, "out", path)), 0);
    assert_int_equal(symlink(target, under(root, "leaf", path)), 0);
    assert_int_equal(mkfifo(under(root, "fifo", path), 0666), 0);

    assert_int_equal(get(store, "out/secret", &err), FF_DENIED);
    assert_non_null(strstr(err.message, "symbolic link"));
    assert_int_equal(put(store, "out/new", "x", 1, false, &err), FF_DENIED);
    assert_int_equal(put(store, "out/a/b", "x", 1, false, &err), FF_DENIED);
    const char *const keys[] = {"out/secret"};
    assert_int_equal(ff_store_remove_wait(store, keys, 1, FF_NEVER, &err), FF_DENIED);
    assert_int_equal(get(store, "leaf", &err), FF_DENIED);
    assert_int_equal(get(store, "fifo", &err), FF_DENIED); /* and does not block */
    assert_int_equal(entries(outside), 1);

    /* a put over a link replaces the link, not what it names */
    assert_int_equal(put(store, "leaf", "new", 3, false, &err), FF_OK);
    uint64_t size = 0;
    assert_int_equal(ff_file_size(target, &size, NULL), FF_OK);
    assert_int_equal(size, 1);
    ff_store_free(store);
}

static void test_folders(void **state)
{
    (void)state;
    ff_store *store = open_store();
    ff_err err = {0};
    char path[200], part[300];
    assert_int_equal(put(store, "f/a/b/k1", "x", 1, false, &err), FF_OK);
    assert_int_equal(put(store, "f/a/k2", "x", 1, false, &err), FF_OK);
    assert_int_equal(put(store, "f/a", "x", 1, false, &err), FF_UNSUPPORTED);
    assert_int_equal(put(store, "f/a/k2/more", "x", 1, false, &err), FF_UNSUPPORTED);
    assert_int_equal(get(store, "f/a", &err), FF_NOT_FOUND);
    assert_int_equal(get(store, "f/a/k2/more", &err), FF_NOT_FOUND);
    assert_int_equal(put(store, "f/.put-x", "x", 1, false, &err), FF_UNSUPPORTED);
    const char *const keys[] = {"f/a/b/k1", "f/a", "f/a/k2/more", "f/none/at/all", "f/a/k2"};
    assert_int_equal(ff_store_remove_wait(store, keys, 1, FF_NEVER, &err), FF_OK);
    assert_int_equal(entries(under(root, "f/a/b", path)), -1);
    assert_int_equal(entries(under(root, "f/a", path)), 1);
    assert_int_equal(ff_store_remove_wait(store, keys, 5, FF_NEVER, &err), FF_OK);
    assert_int_equal(entries(under(root, "f", path)), -1);
    assert_true(entries(root) >= 0);
    memset(part, 'p', 256);
    part[256] = '\0';
    assert_int_equal(put(store, part, "x", 1, false, &err), FF_LIMIT);
    part[255] = '\0';
    assert_int_equal(put(store, part, "x", 1, false, &err), FF_OK);
    ff_store_free(store);
}

/* A write that fails half way leaves the object as it was, and nothing else. */
static void test_write_fails(void **state)
{
    (void)state;
    ff_store *store = open_store();
    ff_err err = {0};
    char path[200];
    static uint8_t big[100000];
    assert_int_equal(put(store, "w/k", "old", 3, false, &err), FF_OK);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    ff_code over = put(store, "w/k", big, sizeof big, false, &err);
    ff_code fresh = put(store, "w/new", big, sizeof big, true, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(over, FF_NO_SPACE);
    assert_int_equal(fresh, FF_NO_SPACE);
    assert_non_null(strstr(err.file, "w/new"));
    assert_int_equal(entries(under(root, "w", path)), 1);
    ff_buf body = {0};
    assert_int_equal(ff_store_get_wait(store, "w/k", 10, FF_NEVER, &body, NULL), FF_OK);
    assert_int_equal(body.len, 3);
    ff_buf_clean(&body);
    ff_mem_fail_at(1);
    assert_int_equal(get(store, "w/k", &err), FF_NO_MEMORY);
    ff_store_free(store);
}

static void test_full_disk(void **state)
{
    (void)state;
    char path[200];
    static uint8_t big[200000];
    under(folder, "small", path);
    assert_int_equal(mkdir(path, 0777), 0);
    if (mount("tmpfs", path, "tmpfs", 0, "size=64k")) {
        print_message("           skipped: no permission to mount a small file system\n");
        skip();
    }
    ff_store *store = NULL;
    ff_err err = {0};
    ff_code opened = ff_store_dir_new(path, &store, &err);
    ff_code code = opened ? opened : put(store, "a/k", big, sizeof big, false, &err);
    ff_code small = opened ? opened : put(store, "a/small", big, 1000, false, NULL);
    int left = entries(under(path, "a", (char[200]){0}));
    ff_store_free(store);
    umount(path);
    assert_int_equal(code, FF_NO_SPACE);
    assert_int_equal(small, FF_OK);
    assert_int_equal(left, 1);
}

static void test_unwritable(void **state)
{
    (void)state;
    char path[200];
    ff_store *store = NULL;
    ff_err err = {0};
    under(folder, "file", path);
    assert_int_equal(ff_file_write(path, ff_bytes_of("x", 1), NULL), FF_OK);
    assert_int_equal(ff_store_dir_new(path, &store, &err), FF_NOT_FOUND);
    assert_non_null(strstr(err.file, "file"));
    assert_int_equal(ff_store_dir_new("/proc/nothing/here", &store, &err), FF_NOT_FOUND);
    assert_null(store);
}

/* Writers and removers of one folder at the same time: a put that says OK has been there. */
static void *churn(void *user)
{
    int number = *(int *)user;
    ff_store *store = open_store();
    char key[40];
    const char *keys[] = {key};
    intptr_t failures = 0;
    for (int i = 0; i < 300; i++) {
        ff_err err = {0};
        snprintf(key, sizeof key, "churn/deep/%d", number);
        ff_code code = put(store, key, "x", 1, i % 2 == 0, &err);
        if (code || get(store, key, &err) || ff_store_remove_wait(store, keys, 1, FF_NEVER, &err)) {
            print_error("%s\n", err.message);
            failures++;
        }
    }
    ff_store_free(store);
    return (void *)failures;
}

static void test_churn(void **state)
{
    (void)state;
    pthread_t threads[3];
    int numbers[3] = {0, 1, 2};
    ff_store_free(open_store());
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &numbers[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failures = NULL;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    char path[200];
    assert_int_equal(entries(under(root, "churn", path)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),       cmocka_unit_test(test_folders),
        cmocka_unit_test(test_write_fails), cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_unwritable),  cmocka_unit_test(test_churn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
