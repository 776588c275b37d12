#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

/* RFC 4648, section 10 */
static const struct {
    const char *plain, *text;
} VECTORS[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static const char *const KERNELS[] = {"scalar", "avx2"};

static void rfc_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof VECTORS / sizeof *VECTORS; i++) {
        char text[16];
        uint8_t plain[16];
        size_t len = 0, n = strlen(VECTORS[i].text);
        ff_base64_encode((const uint8_t *)VECTORS[i].plain, strlen(VECTORS[i].plain), text);
        assert_memory_equal(text, VECTORS[i].text, n);
        assert_int_equal(ff_base64_encoded_len(strlen(VECTORS[i].plain)), n);
        assert_int_equal(ff_base64_decoded_len(text, n, &len, NULL), FF_OK);
        assert_int_equal(len, strlen(VECTORS[i].plain));
        assert_int_equal(ff_base64_decode(text, n, plain, NULL), FF_OK);
        assert_memory_equal(plain, VECTORS[i].plain, len);
    }
}

/* Every length through every kernel gives what the scalar one gives, and comes back. */
static void kernels_agree(void **state)
{
    (void)state;
    ff_random r;
    ff_random_init(&r, 7);
    uint8_t plain[300], back[300];
    char expected[401], text[401];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)ff_random_u64(&r);
    for (size_t len = 0; len <= sizeof plain; len++) {
        size_t n = ff_base64_encoded_len(len);
        ff_base64_kernel("scalar");
        ff_base64_encode(plain, len, expected);
        for (size_t k = 0; k < sizeof KERNELS / sizeof *KERNELS; k++) {
            ff_base64_kernel(KERNELS[k]);
            memset(text, 0, sizeof text);
            ff_base64_encode(plain, len, text);
            assert_memory_equal(text, expected, n);
            assert_int_equal(text[n], 0); /* nothing behind the end */
            memset(back, 0xee, sizeof back);
            assert_int_equal(ff_base64_decode(text, n, back, NULL), FF_OK);
            assert_memory_equal(back, plain, len);
            if (len < sizeof back)
                assert_int_equal(back[len], 0xee);
        }
    }
    ff_base64_kernel(NULL);
}

/* One wrong character at any place is found, at its place, by every kernel. */
static void bad_characters(void **state)
{
    (void)state;
    char text[160];
    uint8_t plain[120];
    for (size_t k = 0; k < sizeof KERNELS / sizeof *KERNELS; k++) {
        ff_base64_kernel(KERNELS[k]);
        for (size_t at = 0; at < sizeof text; at++) {
            for (unsigned c = 0; c < 256; c += 3) {
                bool good = c < 128 && c &&
                            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                   "uvwxyz0123456789+/",
                                   (int)c);
                memset(text, 'A', sizeof text);
                text[at] = (char)c;
                if (c == '=' && at == sizeof text - 1)
                    good = true; /* padding */
                ff_err err = {0};
                ff_code code = ff_base64_decode(text, sizeof text, plain, &err);
                assert_int_equal(code, good ? FF_OK : FF_FORMAT);
                if (!good)
                    assert_int_equal(err.position, at);
            }
        }
    }
    ff_base64_kernel(NULL);
}

static void bad_lengths_and_padding(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "A", "AA", "AAA", "AAAAA", "====", "A===", "Zh==", "Zm9=", "AA=A"};
    uint8_t plain[16];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(ff_base64_decode(BAD[i], strlen(BAD[i]), plain, NULL), FF_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(bad_characters),
        cmocka_unit_test(bad_lengths_and_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
