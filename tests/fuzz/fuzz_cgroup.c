/* module: local */
/* /proc/self/mountinfo and /proc/self/cgroup, with a NUL between them. */
#include <stdlib.h>
#include <string.h>

#include "local/cgroup_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *mounts = malloc(size + 2), mount[PATH_MAX];
    ff_cgroup at = {0};
    memcpy(mounts, data, size);
    mounts[size] = mounts[size + 1] = '\0';
    const char *own = mounts + strlen(mounts) + 1; /* at the latest the second NUL */
    if (ff_cgroup_locate(mounts, own, &at, mount) &&
        ((at.version != 1 && at.version != 2) || strncmp(at.dir, mount, strlen(mount)) != 0))
        abort();
    free(mounts);
    return 0;
}
