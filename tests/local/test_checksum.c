/* S3's checksums of "123456789" and of longer bytes, against the published check values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "local/s3_int.h"

static void test_check_values(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"x-amz-checksum-crc32", "y/Q5Jg=="},
        {"x-amz-checksum-crc32c", "4waSgw=="},
        {"x-amz-checksum-crc64nvme", "rosUhgp5mIg="},
        {"x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="},
        {"x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[64];
        assert_true(ff_checksum_is_name(rows[i].name));
        assert_true(ff_checksum_compute(rows[i].name, ff_bytes_of("123456789", 9), value));
        assert_string_equal(value, rows[i].value);
    }
}

static void test_unknown_names(void **state)
{
    (void)state;
    static const char *const rows[] = {"x-amz-checksum-md5", "x-amz-checksum-type",    "crc32",
                                       "x-amz-checksum-",    "x-amz-checksum-crc32cc", ""};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char value[64] = "as it was";
        assert_false(ff_checksum_is_name(rows[i]));
        assert_false(ff_checksum_compute(rows[i], ff_bytes_of("1", 1), value));
        assert_string_equal(value, "as it was");
    }
}

/* Eight bytes at a time give what one at a time gives, from every start and length. */
static void test_crc64_chains(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++)
        for (size_t to = from; to <= sizeof bytes; to++) {
            uint64_t slow = 0;
            for (size_t i = from; i < to; i++)
                slow = ff_checksum_crc64nvme(slow, ff_bytes_of(bytes + i, 1));
            assert_true(ff_checksum_crc64nvme(0, ff_bytes_of(bytes + from, to - from)) == slow);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_values),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_crc64_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
