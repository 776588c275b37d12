/*
 * What an ELF file says of how it is loaded: machine, interpreter, needed libraries, search path.
 *
 * 64-bit little-endian files only (x86_64, arm64). Views of the caller's bytes; nothing is
 * allocated. The bytes may be anything: every offset is checked before it is followed.
 */
#ifndef FF_DEPLOY_ELF_H
#define FF_DEPLOY_ELF_H

#include "base/buf.h"
#include "base/file.h"

#define FF_ELF_MAX_NEEDED 128

typedef struct ff_elf {
    int machine;         /* EM_X86_64, EM_AARCH64, ... of <elf.h> */
    const char *interp;  /* the dynamic loader; "" where none is named */
    const char *runpath; /* DT_RUNPATH, else DT_RPATH; "" where there is none */
    int needed_count;    /* 0 in a static program */
    const char *needed[FF_ELF_MAX_NEEDED];
} ff_elf;

/* FF_FORMAT with the position of what is broken; FF_UNSUPPORTED for 32-bit and big-endian files;
 * FF_LIMIT over FF_ELF_MAX_NEEDED libraries. */
ff_code ff_elf_parse(ff_bytes file, ff_elf *out, ff_err *err);
/* Of a file. out borrows from map, which the caller unmaps, also on failure. */
ff_code ff_elf_map(const char *file, ff_map *map, ff_elf *out, ff_err *err);

/* The machine of an architecture's name: "x86_64", "arm64" or "aarch64"; 0 where unknown. */
int ff_elf_machine(const char *arch);
/* "x86_64", "arm64", or "machine 8": into text. Returns text. */
const char *ff_elf_arch(int machine, char *text, size_t size);

#endif
