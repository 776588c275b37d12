/* module: deploy */
/* What is read of AWS's XML answers, from any bytes: texts fit, and each step moves on. */
#include <stdlib.h>
#include <string.h>

#include "deploy/cloud_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const NAMES[] = {"Code", "member", "OutputKey", "Rule"};
    ff_bytes xml = ff_bytes_of(data, size);
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
        char text[16];
        size_t at = 0, before = 0;
        for (; ff_xml_next(xml, &at, NAMES[n], text, sizeof text); before = at)
            if (at <= before || at > size || strlen(text) >= sizeof text)
                abort();
    }
    return 0;
}
