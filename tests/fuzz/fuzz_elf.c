/* module: deploy */
/* What an ELF file says, from any bytes. */
#include <stdlib.h>
#include <string.h>

#include "deploy/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_elf elf;
    size_t bytes = 0;
    if (ff_elf_parse(ff_bytes_of(data, size), &elf, NULL))
        return 0;
    bytes += strlen(elf.interp) + strlen(elf.runpath);
    for (int i = 0; i < elf.needed_count; i++)
        bytes += strlen(elf.needed[i]);
    if (bytes > size * (size_t)(elf.needed_count + 2)) /* a string beyond its table */
        abort();
    return 0;
}
