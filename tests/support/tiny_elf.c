#include "support/tiny_elf.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_ENTRIES 160

typedef struct layout {
    Elf64_Ehdr head;
    Elf64_Phdr segment[3];
    Elf64_Dyn entry[MAX_ENTRIES];
    char strings[16384];
} layout;

static size_t add_string(layout *l, size_t *used, const char *text, size_t len)
{
    size_t at = *used;
    if (at + len + 1 > sizeof l->strings)
        abort();
    memcpy(l->strings + at, text, len);
    *used += len + 1;
    return at;
}

static void add_entry(layout *l, int *count, int64_t tag, uint64_t value)
{
    if (*count == MAX_ENTRIES)
        abort();
    l->entry[(*count)++] = (Elf64_Dyn){.d_tag = tag, .d_un.d_val = value};
}

void tiny_elf_emit(const tiny_elf *elf, ff_buf *out)
{
    layout *l = calloc(1, sizeof *l);
    size_t used = 1, entries = offsetof(layout, entry), strings = offsetof(layout, strings);
    int count = 0, segments = 1;
    if (!l)
        abort();
    for (const char *p = elf->needed; p && *p;) {
        size_t len = strcspn(p, " ");
        add_entry(l, &count, DT_NEEDED, add_string(l, &used, p, len));
        p += len + (p[len] == ' ');
    }
    if (elf->runpath)
        add_entry(l, &count, elf->old_rpath ? DT_RPATH : DT_RUNPATH,
                  add_string(l, &used, elf->runpath, strlen(elf->runpath)));
    size_t interp = elf->interp ? add_string(l, &used, elf->interp, strlen(elf->interp)) : 0;
    add_entry(l, &count, DT_STRTAB, TINY_ELF_ADDRESS + strings);
    add_entry(l, &count, DT_STRSZ, used);
    add_entry(l, &count, DT_NULL, 0);
    l->segment[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                 .p_vaddr = TINY_ELF_ADDRESS,
                                 .p_filesz = strings + used,
                                 .p_memsz = strings + used};
    if (!elf->no_dynamic)
        l->segment[segments++] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                              .p_offset = entries,
                                              .p_vaddr = TINY_ELF_ADDRESS + entries,
                                              .p_filesz = (size_t)count * sizeof(Elf64_Dyn)};
    if (elf->interp)
        l->segment[segments++] = (Elf64_Phdr){
            .p_type = PT_INTERP, .p_offset = strings + interp, .p_filesz = strlen(elf->interp) + 1};
    l->head = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                           .e_type = ET_DYN,
                           .e_machine = (Elf64_Half)(elf->machine ? elf->machine : EM_X86_64),
                           .e_version = EV_CURRENT,
                           .e_phoff = offsetof(layout, segment),
                           .e_ehsize = sizeof(Elf64_Ehdr),
                           .e_phentsize = sizeof(Elf64_Phdr),
                           .e_phnum = (Elf64_Half)segments};
    if (ff_buf_append(out, l, strings + used, NULL))
        abort();
    free(l);
}

void tiny_elf_write(const char *path, const tiny_elf *elf)
{
    ff_buf bytes;
    ff_buf_init(&bytes, 0);
    tiny_elf_emit(elf, &bytes);
    if (ff_file_write(path, ff_buf_view(&bytes), NULL)) {
        fprintf(stderr, "tiny_elf: cannot write %s\n", path);
        abort();
    }
    ff_buf_clean(&bytes);
}
