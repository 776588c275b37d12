#include "support/guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

guard guard_copy(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (len + page - 1) / page * page;
    guard g = {.len = len, .map_bytes = room + page};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect((uint8_t *)g.map + room, page, PROT_NONE))
        abort();
    g.data = (uint8_t *)g.map + room - len;
    if (len)
        memcpy(g.data, bytes, len);
    return g;
}

void guard_free(guard *g)
{
    munmap(g->map, g->map_bytes);
    *g = (guard){0};
}
