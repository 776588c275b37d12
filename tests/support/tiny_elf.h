/*
 * ELF files of a few hundred bytes that say how they would be loaded, and hold nothing to load.
 *
 *   header | LOAD (whole file), DYNAMIC, INTERP | dynamic entries | strings
 */
#ifndef FF_TESTS_SUPPORT_TINY_ELF_H
#define FF_TESTS_SUPPORT_TINY_ELF_H

#include <stdbool.h>

#include "base/buf.h"

#define TINY_ELF_ADDRESS 0x400000u /* where offset 0 would be loaded */

typedef struct tiny_elf {
    int machine;         /* 0 = EM_X86_64 */
    const char *interp;  /* NULL = none */
    const char *runpath; /* NULL = none */
    const char *needed;  /* names, separated by blanks; NULL = none */
    bool old_rpath;      /* runpath as DT_RPATH */
    bool no_dynamic;     /* a static program */
} tiny_elf;

/* Appends the file's bytes to out. */
void tiny_elf_emit(const tiny_elf *elf, ff_buf *out);
/* Writes it; aborts where it cannot. */
void tiny_elf_write(const char *path, const tiny_elf *elf);

#endif
