#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static ff_bytes text(const char *s)
{
    return ff_bytes_of(s, strlen(s));
}

/* The check values of the CRC catalogue, for "123456789". */
static void crc_check_values(void **state)
{
    (void)state;
    assert_int_equal(ff_hash_crc32c(0, text("123456789")), 0xe3069283);
    assert_int_equal(ff_hash_crc32(0, text("123456789")), 0xcbf43926);
    uint32_t half = ff_hash_crc32c(0, text("1234"));
    assert_int_equal(ff_hash_crc32c(half, text("56789")), 0xe3069283);
    half = ff_hash_crc32(0, text("1234"));
    assert_int_equal(ff_hash_crc32(half, text("56789")), 0xcbf43926);
}

/* FIPS 180-4's "abc", RFC 4231's case 2, RFC 1321's "abc" */
static void digests(void **state)
{
    (void)state;
    char hex[FF_SHA256_HEX];
    ff_hash_sha256_hex(text("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ff_hash_sha256_hex(text(""), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    uint8_t digest[FF_SHA256_BYTES], streamed[FF_SHA256_BYTES];
    ff_hash_hmac_sha256(text("Jefe"), text("what do ya want for nothing?"), digest);
    ff_hash_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ff_sha256 *h = ff_sha256_new();
    ff_sha256_update(h, "a", 1);
    ff_sha256_update(h, "bc", 2);
    ff_sha256_final(h, streamed);
    ff_hash_sha256(text("abc"), digest);
    assert_memory_equal(digest, streamed, sizeof digest);
    uint8_t md5[16];
    char md5_hex[33];
    ff_hash_md5(text("abc"), md5);
    ff_hash_hex(md5, 16, md5_hex);
    assert_string_equal(md5_hex, "900150983cd24fb0d6963f7d28e17f72");
    uint8_t sha1[20];
    char sha1_hex[41];
    ff_hash_sha1(text("abc"), sha1);
    ff_hash_hex(sha1, 20, sha1_hex);
    assert_string_equal(sha1_hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_check_values),
        cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
