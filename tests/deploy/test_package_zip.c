/* A bundle's zips: what is in them, the same bytes every time, and what is refused. */
#include "deploy/package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "manifest/manifest_sample.h"
#include "support/tiny_elf.h"

#define LOADER "/lib64/ld-linux-x86-64.so.2"

static char dir[] = "/tmp/ff_test_package_zip_XXXXXX";
static ff_manifest *manifest;
static ff_pack_options options;

static const char *in_dir(const char *name)
{
    static char text[8][PATH_MAX];
    static int next;
    char *p = text[next++ % 8];
    snprintf(p, sizeof text[0], "%s/%s", dir, name);
    return p;
}

static void put(const char *name, const char *text, size_t len)
{
    char parent[PATH_MAX];
    assert_int_equal(ff_path_dir(in_dir(name), parent, NULL), FF_OK);
    assert_int_equal(ff_dir_make(parent, NULL), FF_OK);
    assert_int_equal(ff_file_write(in_dir(name), ff_bytes_of(text, len), NULL), FF_OK);
}

static void put_elf(const char *name, const tiny_elf *elf)
{
    put(name, "", 0); /* its folder */
    tiny_elf_write(in_dir(name), elf);
}

/* The sample bundle's files, programs and libraries of a machine below root/. */
static int make_files(void **state)
{
    (void)state;
    char weights[5000];
    ff_err err = {0};
    if (!mkdtemp(dir))
        return -1;
    memset(weights, 'w', sizeof weights);
    put("net/manifest.json", SAMPLE, strlen(SAMPLE));
    put("net/s0/p0.onnx", "zero", 4);
    put("net/s0/p1.onnx", "one", 3);
    put("net/s0/weights.bin", weights, sizeof weights);
    put("net/s1/p0.onnx", "local", 5);
    put("net/s2/p0.onnx", "two", 3);
    put("ca.pem", "PEM", 3);
    put_elf("bin/fanfold-bootstrap", &(tiny_elf){.no_dynamic = true});
    put_elf("bin/fanfold-function", &(tiny_elf){.interp = LOADER, .needed = "liba.so"});
    put_elf("root" LOADER, &(tiny_elf){0});
    put_elf("root/usr/lib/liba.so", &(tiny_elf){0});
    put_elf("root/usr/lib/libgcc_s.so.1", &(tiny_elf){0});
    static char program[PATH_MAX], bootstrap[PATH_MAX], ca[PATH_MAX], root[PATH_MAX];
    snprintf(program, sizeof program, "%s", in_dir("bin/fanfold-function"));
    snprintf(bootstrap, sizeof bootstrap, "%s", in_dir("bin/fanfold-bootstrap"));
    snprintf(ca, sizeof ca, "%s", in_dir("ca.pem"));
    snprintf(root, sizeof root, "%s", in_dir("root"));
    options = (ff_pack_options){
        .program = program, .bootstrap = bootstrap, .ca_bundle = ca, .root = root};
    if (ff_manifest_load(in_dir("net"), &manifest, &err))
        fail_msg("%s", err.message);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    ff_manifest_free(manifest);
    return (int)ff_dir_remove(dir, NULL);
}

static const char *text_of(zip_t *zip, const char *name)
{
    static char text[6000];
    zip_file_t *file = zip_fopen(zip, name, 0);
    assert_non_null(file);
    zip_int64_t len = zip_fread(file, text, sizeof text - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    zip_fclose(file);
    return text;
}

static void check_entry(zip_t *zip, zip_uint64_t i, const char *name, unsigned mode)
{
    zip_stat_t info;
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    assert_string_equal(zip_get_name(zip, i, 0), name);
    assert_int_equal(zip_stat_index(zip, i, 0, &info), 0);
    assert_int_equal(zip_file_get_external_attributes(zip, i, 0, &system, &attributes), 0);
    assert_int_equal(system, ZIP_OPSYS_UNIX);
    assert_int_equal(attributes >> 16, S_IFREG | mode);
    bool weights = strstr(name, ".bin") != NULL;
    assert_int_equal(info.comp_method, weights ? ZIP_CM_STORE : ZIP_CM_DEFLATE);
}

static void test_contents(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned mode;
    } wanted[] = {{"bootstrap", 0755},
                  {"ca-certificates.crt", 0644},
                  {"environment", 0644},
                  {"fanfold-function", 0755},
                  {"lib/ld-linux-x86-64.so.2", 0755},
                  {"lib/liba.so", 0755},
                  {"lib/libgcc_s.so.1", 0755},
                  {"manifest.json", 0644},
                  {"s0/p1.onnx", 0644},
                  {"s0/weights.bin", 0644}};
    ff_arena *arena = ff_arena_new();
    ff_package package;
    ff_err err = {0};
    if (ff_package_zip(manifest, &options, in_dir("zips"), NULL, NULL, arena, &package, &err))
        fail_msg("%s", err.message);
    assert_int_equal(package.count, 4);
    assert_string_equal(package.arch, "x86_64");
    zip_t *zip = zip_open(in_dir("zips/tiny-w1.zip"), ZIP_RDONLY, NULL);
    assert_non_null(zip);
    assert_int_equal(zip_get_num_entries(zip, 0), sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        check_entry(zip, i, wanted[i].name, wanted[i].mode);
    assert_string_equal(text_of(zip, "environment"),
                        "FANFOLD_FUNCTION=w1\nFANFOLD_LOADER=ld-linux-x86-64.so.2\n");
    assert_string_equal(text_of(zip, "s0/p1.onnx"), "one");
    assert_string_equal(text_of(zip, "ca-certificates.crt"), "PEM");
    assert_string_equal(text_of(zip, "manifest.json"), SAMPLE);
    zip_discard(zip);
    zip = zip_open(in_dir("zips/tiny-master.zip"), ZIP_RDONLY, NULL);
    assert_non_null(zip);
    assert_true(zip_name_locate(zip, "s1/p0.onnx", 0) >= 0); /* the local stage's piece */
    assert_true(zip_name_locate(zip, "s0/weights.bin", 0) < 0);
    zip_discard(zip);
    assert_false(ff_file_exists(in_dir("zips/shared.zip")));
    ff_arena_free(arena);
}

/* What package.json tells is so. */
static void test_list(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    ff_package package;
    ff_buf json = {0}, told = {0};
    assert_int_equal(
        ff_package_zip(manifest, &options, in_dir("list"), NULL, NULL, arena, &package, NULL),
        FF_OK);
    assert_int_equal(ff_package_emit(&package, &told, NULL), FF_OK);
    assert_int_equal(ff_file_read(in_dir("list/package.json"), 1 << 20, &json, NULL), FF_OK);
    assert_int_equal(json.len, told.len);
    assert_memory_equal(json.data, told.data, json.len);
    for (int i = 0; i < package.count; i++) {
        char path[PATH_MAX], hex[FF_SHA256_HEX];
        uint64_t size = 0;
        snprintf(path, sizeof path, "%s/%s", in_dir("list"), package.function[i].file);
        assert_int_equal(ff_hash_sha256_file(path, hex, NULL), FF_OK);
        assert_string_equal(hex, package.function[i].sha256);
        assert_int_equal(ff_file_size(path, &size, NULL), FF_OK);
        assert_int_equal(size, package.function[i].bytes);
    }
    ff_buf_clean(&json);
    ff_buf_clean(&told);
    ff_arena_free(arena);
}

/* Another time, time zone, mask and folder: the same bytes. */
static void test_reproducible(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    ff_package first, second;
    assert_int_equal(
        ff_package_zip(manifest, &options, in_dir("one"), NULL, NULL, arena, &first, NULL), FF_OK);
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, in_dir("net/s0/weights.bin"), times, 0), 0);
    assert_int_equal(chmod(in_dir("net/s0/p0.onnx"), 0600), 0);
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    mode_t mask = umask(077);
    assert_int_equal(
        ff_package_zip(manifest, &options, in_dir("two"), NULL, NULL, arena, &second, NULL), FF_OK);
    umask(mask);
    unsetenv("TZ");
    for (int i = 0; i < first.count; i++)
        assert_string_equal(first.function[i].sha256, second.function[i].sha256);
    ff_arena_free(arena);
}

static void test_too_large(void **state)
{
    (void)state;
    ff_arena *arena = ff_arena_new();
    ff_pack *packs = NULL;
    ff_package package;
    ff_err err = {0};
    assert_int_equal(ff_pack_all(manifest, &options, arena, &packs, NULL), FF_OK);
    uint64_t bytes = packs[1].bytes;
    assert_int_equal(ff_pack_check_size(&packs[1], bytes, "", &err), FF_OK);
    assert_int_equal(ff_pack_check_size(&packs[1], bytes - 1, "do less", &err), FF_LIMIT);
    char text[200];
    snprintf(text, sizeof text, "the package of tiny-w0 has %llu bytes unpacked, at most %llu are",
             (unsigned long long)bytes, (unsigned long long)bytes - 1);
    assert_memory_equal(err.message, text, strlen(text));
    assert_non_null(strstr(err.message, "pieces and weights 7."));
    assert_non_null(strstr(err.message, "; do less"));
    /* 250 MB of holes: refused before anything is written */
    assert_int_equal(truncate(in_dir("net/s2/p0.onnx"), FF_LAMBDA_PACKAGE_BYTES), 0);
    assert_int_equal(
        ff_package_zip(manifest, &options, in_dir("large"), NULL, NULL, arena, &package, &err),
        FF_LIMIT);
    assert_memory_equal(err.message, "the package of tiny-w2 has ", 27);
    assert_false(ff_file_exists(in_dir("large")));
    put("net/s2/p0.onnx", "two", 3);
    ff_arena_free(arena);
}

static void test_refused(void **state)
{
    (void)state;
    put_elf("bin/arm", &(tiny_elf){.machine = 183, .no_dynamic = true});
    put_elf("bin/dynamic", &(tiny_elf){.interp = LOADER, .needed = "liba.so"});
    put_elf("bin/lacking", &(tiny_elf){.interp = LOADER, .needed = "libz.so"});
    put("other/file", "1", 1);
    const struct {
        const char *arch, *program, *bootstrap, *ca, *out;
        ff_code code;
        const char *message;
    } rows[] = {
        {"mips", NULL, NULL, NULL, "x", FF_USAGE,
         "wanted the architecture x86_64 or arm64, found 'mips'"},
        {"arm64", NULL, NULL, NULL, "x", FF_UNSUPPORTED, "a package for arm64 wants a bundle"},
        {NULL, NULL, "bin/arm", NULL, "x", FF_UNSUPPORTED,
         "wanted a program for x86_64, found one for arm64"},
        {NULL, NULL, "bin/dynamic", NULL, "x", FF_UNSUPPORTED, "wanted a static program"},
        {NULL, "bin/lacking", NULL, NULL, "x", FF_NOT_FOUND, "lacking needs the library libz.so"},
        {NULL, "bin/none", NULL, NULL, "x", FF_NOT_FOUND, "cannot open"},
        {NULL, NULL, NULL, "none.pem", "x", FF_NOT_FOUND, "cannot read its size"},
        {NULL, NULL, NULL, NULL, "other", FF_CONFLICT, "exists and is no package"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_arena *arena = ff_arena_new();
        ff_pack_options o = options;
        ff_package package;
        ff_err err = {0};
        o.arch = rows[i].arch;
        o.program = rows[i].program ? in_dir(rows[i].program) : o.program;
        o.bootstrap = rows[i].bootstrap ? in_dir(rows[i].bootstrap) : o.bootstrap;
        o.ca_bundle = rows[i].ca ? in_dir(rows[i].ca) : o.ca_bundle;
        ff_code code =
            ff_package_zip(manifest, &o, in_dir(rows[i].out), NULL, NULL, arena, &package, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("row %zu: wanted %s '%s', found %s '%s'", i, ff_code_name(rows[i].code),
                     rows[i].message, ff_code_name(code), err.message);
        ff_arena_free(arena);
    }
    assert_false(ff_file_exists(in_dir("x")));
    /* a piece that is gone is found before anything is written */
    ff_arena *arena = ff_arena_new();
    ff_package package;
    ff_err err = {0};
    assert_int_equal(remove(in_dir("net/s2/p0.onnx")), 0);
    assert_int_equal(
        ff_package_zip(manifest, &options, in_dir("x"), NULL, NULL, arena, &package, &err),
        FF_NOT_FOUND);
    assert_string_equal(err.file, in_dir("net/s2/p0.onnx"));
    put("net/s2/p0.onnx", "two", 3);
    ff_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),     cmocka_unit_test(test_list),
        cmocka_unit_test(test_reproducible), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
