#include "deploy/elf.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_SEGMENTS 128
#define MAX_ENTRIES  4096 /* of the dynamic section; a large library has 40 */

typedef struct reader {
    ff_bytes file;
    ff_err *err;
    uint64_t table; /* of the program headers */
    int segments;
} reader;

/* len bytes at offset; NULL where the file has not that many. */
static const void *at(const reader *r, uint64_t offset, uint64_t len)
{
    if (offset > r->file.len || len > r->file.len - offset)
        return NULL;
    return r->file.data + offset;
}

static ff_code broken(const reader *r, uint64_t position, const char *what)
{
    return ff_err_at(r->err, FF_FORMAT, "", position, "not an ELF file that can be read: %s", what);
}

/* The program header i was checked when the file was opened. Copied: files are not aligned. */
static Elf64_Phdr segment(const reader *r, int i)
{
    Elf64_Phdr p;
    memcpy(&p, r->file.data + r->table + (uint64_t)i * sizeof p, sizeof p);
    return p;
}

static ff_code read_head(reader *r, ff_elf *out)
{
    Elf64_Ehdr head;
    const void *bytes = at(r, 0, sizeof head);
    if (!bytes || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return broken(r, 0, "no ELF header");
    memcpy(&head, bytes, sizeof head);
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB)
        return ff_err_set(r->err, FF_UNSUPPORTED, "wanted a 64-bit little-endian ELF file");
    if (head.e_phnum > MAX_SEGMENTS || (head.e_phnum && head.e_phentsize != sizeof(Elf64_Phdr)))
        return broken(r, offsetof(Elf64_Ehdr, e_phnum), "its program headers");
    if (!at(r, head.e_phoff, (uint64_t)head.e_phnum * sizeof(Elf64_Phdr)))
        return broken(r, offsetof(Elf64_Ehdr, e_phoff), "program headers behind its end");
    r->table = head.e_phoff;
    r->segments = head.e_phnum;
    out->machine = head.e_machine;
    return FF_OK;
}

/* Where an address of the loaded program lies in the file. */
static bool offset_of(const reader *r, uint64_t address, uint64_t *offset)
{
    for (int i = 0; i < r->segments; i++) {
        Elf64_Phdr p = segment(r, i);
        if (p.p_type != PT_LOAD || address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
            continue;
        *offset = p.p_offset + (address - p.p_vaddr);
        return *offset >= p.p_offset;
    }
    return false;
}

/* A NUL-terminated string of a table of size bytes; NULL where it does not end within. */
static const char *string(const reader *r, uint64_t table, uint64_t size, uint64_t index)
{
    const char *text = index < size ? at(r, table + index, size - index) : NULL;
    return text && memchr(text, '\0', size - index) ? text : NULL;
}

static ff_code read_interp(const reader *r, const Elf64_Phdr *p, ff_elf *out)
{
    out->interp = string(r, p->p_offset, p->p_filesz, 0);
    return out->interp ? FF_OK : broken(r, p->p_offset, "the name of its loader");
}

typedef struct dynamic {
    uint64_t offset;
    int count;
    uint64_t strings, size;
} dynamic;

static Elf64_Dyn entry(const reader *r, const dynamic *d, int i)
{
    Elf64_Dyn e;
    memcpy(&e, r->file.data + d->offset + (uint64_t)i * sizeof e, sizeof e);
    return e;
}

/* Its entries up to DT_NULL, and the string table. */
static ff_code open_dynamic(const reader *r, const Elf64_Phdr *p, dynamic *d)
{
    uint64_t room = p->p_filesz / sizeof(Elf64_Dyn), address = 0;
    *d = (dynamic){.offset = p->p_offset};
    if (room > MAX_ENTRIES || !at(r, p->p_offset, room * sizeof(Elf64_Dyn)))
        return broken(r, p->p_offset, "its dynamic section");
    for (; (uint64_t)d->count < room; d->count++) {
        Elf64_Dyn e = entry(r, d, d->count);
        if (e.d_tag == DT_NULL)
            break;
        if (e.d_tag == DT_STRTAB)
            address = e.d_un.d_ptr;
        if (e.d_tag == DT_STRSZ)
            d->size = e.d_un.d_val;
    }
    if (!offset_of(r, address, &d->strings) || !at(r, d->strings, d->size))
        return broken(r, p->p_offset, "the strings of its dynamic section");
    return FF_OK;
}

static ff_code read_dynamic(const reader *r, const Elf64_Phdr *p, ff_elf *out)
{
    dynamic d;
    ff_code code = open_dynamic(r, p, &d);
    for (int i = 0; !code && i < d.count; i++) {
        Elf64_Dyn e = entry(r, &d, i);
        if (e.d_tag != DT_NEEDED && e.d_tag != DT_RUNPATH && e.d_tag != DT_RPATH)
            continue;
        const char *text = string(r, d.strings, d.size, e.d_un.d_val);
        if (!text)
            return broken(r, d.offset + (uint64_t)i * sizeof e, "a name in its dynamic section");
        if (e.d_tag == DT_RUNPATH || (e.d_tag == DT_RPATH && !*out->runpath))
            out->runpath = text;
        else if (e.d_tag == DT_NEEDED && out->needed_count == FF_ELF_MAX_NEEDED)
            return ff_err_set(r->err, FF_LIMIT, "it needs over %d libraries", FF_ELF_MAX_NEEDED);
        else if (e.d_tag == DT_NEEDED)
            out->needed[out->needed_count++] = text;
    }
    return code;
}

ff_code ff_elf_parse(ff_bytes file, ff_elf *out, ff_err *err)
{
    reader r = {.file = file, .err = err};
    ff_elf elf = {.interp = "", .runpath = ""};
    ff_code code = read_head(&r, &elf);
    for (int i = 0; !code && i < r.segments; i++) {
        Elf64_Phdr p = segment(&r, i);
        if (p.p_type == PT_INTERP)
            code = read_interp(&r, &p, &elf);
        else if (p.p_type == PT_DYNAMIC)
            code = read_dynamic(&r, &p, &elf);
    }
    if (!code)
        *out = elf;
    return code;
}

ff_code ff_elf_map(const char *file, ff_map *map, ff_elf *out, ff_err *err)
{
    ff_code code = ff_file_map(file, map, err);
    return code ? code : ff_elf_parse(ff_bytes_of(map->data, map->len), out, err);
}

int ff_elf_machine(const char *arch)
{
    if (!strcmp(arch, "x86_64"))
        return EM_X86_64;
    return !strcmp(arch, "arm64") || !strcmp(arch, "aarch64") ? EM_AARCH64 : 0;
}

const char *ff_elf_arch(int machine, char *text, size_t size)
{
    if (machine == EM_X86_64 || machine == EM_AARCH64)
        snprintf(text, size, "%s", machine == EM_X86_64 ? "x86_64" : "arm64");
    else
        snprintf(text, size, "machine %d", machine);
    return text;
}
