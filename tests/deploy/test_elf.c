/* What ELF files say, right ones, broken ones and this build's own. */
#include "deploy/elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <string.h>

#include "base/file.h"
#include "support/guard.h"
#include "support/tiny_elf.h"

static ff_code parse(const tiny_elf *elf, ff_elf *out, guard *g)
{
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    tiny_elf_emit(elf, &bytes);
    *g = guard_copy(bytes.data, bytes.len);
    ff_buf_clean(&bytes);
    return ff_elf_parse(ff_bytes_of(g->data, g->len), out, NULL);
}

static void test_what_is_said(void **state)
{
    (void)state;
    ff_elf elf;
    guard g;
    assert_int_equal(parse(&(tiny_elf){.interp = "/lib64/ld.so.2",
                                       .runpath = "$ORIGIN/x:/y",
                                       .needed = "liba.so.1 libb.so libc.so.6"},
                           &elf, &g),
                     FF_OK);
    assert_int_equal(elf.machine, EM_X86_64);
    assert_string_equal(elf.interp, "/lib64/ld.so.2");
    assert_string_equal(elf.runpath, "$ORIGIN/x:/y");
    assert_int_equal(elf.needed_count, 3);
    assert_string_equal(elf.needed[0], "liba.so.1");
    assert_string_equal(elf.needed[2], "libc.so.6");
    guard_free(&g);
    assert_int_equal(
        parse(&(tiny_elf){.machine = EM_AARCH64, .runpath = "/r", .old_rpath = true}, &elf, &g),
        FF_OK);
    assert_int_equal(elf.machine, EM_AARCH64);
    assert_string_equal(elf.runpath, "/r");
    assert_string_equal(elf.interp, "");
    assert_int_equal(elf.needed_count, 0);
    guard_free(&g);
    assert_int_equal(parse(&(tiny_elf){.no_dynamic = true}, &elf, &g), FF_OK);
    assert_int_equal(elf.needed_count, 0);
    guard_free(&g);
}

static void set64(uint8_t *bytes, size_t at, uint64_t value)
{
    memcpy(bytes + at, &value, sizeof value);
}

/* Of the header, and of the program headers behind it: 0 LOAD, 1 DYNAMIC, 2 INTERP. */
#define HEAD(field) offsetof(Elf64_Ehdr, field)
#define SEGMENT(n, field)                                                                          \
    (sizeof(Elf64_Ehdr) + (n) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field))

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t at;
        uint64_t value;
        size_t bytes; /* of value that are written */
        ff_code code;
    } rows[] = {
        {"magic", 0, 0x7f, 8, FF_FORMAT},
        {"32 bits", EI_CLASS, ELFCLASS32, 1, FF_UNSUPPORTED},
        {"big-endian", EI_DATA, ELFDATA2MSB, 1, FF_UNSUPPORTED},
        {"program headers behind the end", HEAD(e_phoff), 1u << 20, 8, FF_FORMAT},
        {"their offset overflows", HEAD(e_phoff), UINT64_MAX - 8, 8, FF_FORMAT},
        {"too many of them", HEAD(e_phnum), 0xffff, 2, FF_FORMAT},
        {"of another size", HEAD(e_phentsize), 32, 2, FF_FORMAT},
        {"dynamic behind the end", SEGMENT(1, p_offset), 1u << 20, 8, FF_FORMAT},
        {"dynamic too long", SEGMENT(1, p_filesz), 1u << 30, 8, FF_FORMAT},
        {"dynamic overflows", SEGMENT(1, p_offset), UINT64_MAX - 15, 8, FF_FORMAT},
        {"strings not loaded", SEGMENT(0, p_filesz), 64, 8, FF_FORMAT},
        {"strings loaded from behind the end", SEGMENT(0, p_offset), 1u << 20, 8, FF_FORMAT},
        {"strings loaded from an overflow", SEGMENT(0, p_offset), UINT64_MAX - 64, 8, FF_FORMAT},
        {"interp behind the end", SEGMENT(2, p_offset), 1u << 20, 8, FF_FORMAT},
        {"interp without its NUL", SEGMENT(2, p_filesz), 3, 8, FF_FORMAT},
        {"a name outside the strings", sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr) + 8, 1u << 20, 8,
         FF_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ff_buf bytes;
        ff_elf elf;
        ff_err err = {0};
        uint8_t value[8];
        ff_buf_init(&bytes, 0);
        tiny_elf_emit(&(tiny_elf){.interp = "/lib/ld.so", .needed = "liba.so"}, &bytes);
        assert_int_equal(ff_elf_parse(ff_buf_view(&bytes), &elf, &err), FF_OK);
        set64(value, 0, rows[i].value);
        memcpy(bytes.data + rows[i].at, value, rows[i].bytes);
        guard g = guard_copy(bytes.data, bytes.len);
        ff_code code = ff_elf_parse(ff_bytes_of(g.data, g.len), &elf, &err);
        if (code != rows[i].code)
            fail_msg("%s: wanted %s, found %s", rows[i].what, ff_code_name(rows[i].code),
                     ff_code_name(code));
        guard_free(&g);
        ff_buf_clean(&bytes);
    }
}

/* Cut anywhere: refused or, where nothing that counts is missing, read; never read past its end. */
static void test_truncated(void **state)
{
    (void)state;
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    tiny_elf_emit(&(tiny_elf){.interp = "/lib/ld.so", .needed = "liba.so"}, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        ff_elf elf;
        guard g = guard_copy(bytes.data, len);
        assert_int_equal(ff_elf_parse(ff_bytes_of(g.data, g.len), &elf, NULL), FF_FORMAT);
        guard_free(&g);
    }
    ff_buf_clean(&bytes);
}

static void test_too_many(void **state)
{
    (void)state;
    char names[FF_ELF_MAX_NEEDED * 2 + 4];
    ff_elf elf;
    guard g;
    for (int i = 0; i <= FF_ELF_MAX_NEEDED; i++)
        memcpy(names + 2 * i, "a ", 3);
    assert_int_equal(parse(&(tiny_elf){.needed = names}, &elf, &g), FF_LIMIT);
    guard_free(&g);
    names[2 * FF_ELF_MAX_NEEDED - 1] = '\0';
    assert_int_equal(parse(&(tiny_elf){.needed = names}, &elf, &g), FF_OK);
    assert_int_equal(elf.needed_count, FF_ELF_MAX_NEEDED);
    guard_free(&g);
}

static bool needs(const ff_elf *elf, const char *name)
{
    for (int i = 0; i < elf->needed_count; i++)
        if (!strcmp(elf->needed[i], name))
            return true;
    return false;
}

static void test_own_programs(void **state)
{
    (void)state;
    ff_map map = {0};
    ff_elf elf;
    assert_int_equal(ff_file_map(FF_BINARY_DIR "/fanfold-function", &map, NULL), FF_OK);
    assert_int_equal(ff_elf_parse(ff_bytes_of(map.data, map.len), &elf, NULL), FF_OK);
    assert_true(needs(&elf, "libc.so.6"));
    assert_true(needs(&elf, "libonnxruntime.so.1"));
    assert_true(*elf.interp == '/');
    ff_file_unmap(&map);
    assert_int_equal(ff_file_map(FF_BINARY_DIR "/fanfold-bootstrap", &map, NULL), FF_OK);
    assert_int_equal(ff_elf_parse(ff_bytes_of(map.data, map.len), &elf, NULL), FF_OK);
    assert_int_equal(elf.needed_count, 0);
    assert_string_equal(elf.interp, "");
    ff_file_unmap(&map);
}

static void test_architectures(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(ff_elf_machine("x86_64"), EM_X86_64);
    assert_int_equal(ff_elf_machine("arm64"), EM_AARCH64);
    assert_int_equal(ff_elf_machine("aarch64"), EM_AARCH64);
    assert_int_equal(ff_elf_machine("mips"), 0);
    assert_string_equal(ff_elf_arch(EM_AARCH64, text, sizeof text), "arm64");
    assert_string_equal(ff_elf_arch(EM_X86_64, text, sizeof text), "x86_64");
    assert_string_equal(ff_elf_arch(8, text, sizeof text), "machine 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said), cmocka_unit_test(test_broken),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_own_programs), cmocka_unit_test(test_architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
