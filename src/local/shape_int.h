/*
 * The network that the platform emulates: transfers wait for as long as the shaper says, with all
 * times stretched by the dilation. What really passes meanwhile is taken off, because a transfer
 * counts from the moment when its request began and ends at an absolute time.
 *
 * Only what functions send and receive is shaped: the client's own legs take what they take.
 * Safe from any thread; its lock is held alone.
 */
#ifndef FF_LOCAL_SHAPE_INT_H
#define FF_LOCAL_SHAPE_INT_H

#include "local/shaper.h"
#include "net/server.h"

typedef struct ff_shape ff_shape; /* NULL everywhere: nothing is shaped, nothing dilated */

/* profile is borrowed and must outlive it. */
ff_shape *ff_shape_new(const ff_net_profile *profile, double dilation, uint64_t seed);
void ff_shape_stop(ff_shape *shape); /* all that waits returns */
void ff_shape_free(ff_shape *shape); /* when nothing uses it any more */

/* A time of the functions' world in this one's. Saturates. */
int64_t ff_shape_stretch_ms(const ff_shape *shape, int64_t ms);
/* And back: what is reported. */
double ff_shape_shrink_ms(const ff_shape *shape, int64_t real_ns);
/* How much longer than here an instance takes to come up: drawn. */
int64_t ff_shape_cold_start_ns(ff_shape *shape, uint64_t instance);
void ff_shape_forget(ff_shape *shape, uint64_t instance);

typedef struct ff_passage {
    ff_shaper_leg leg;
    uint64_t self; /* an instance; FF_SHAPER_NOBODY, a client: nothing waits */
    uint64_t peer;
    uint64_t bytes;
    int64_t start_ns;
} ff_passage;

/* Waits for all of it. false: the platform stops, or the client of request has left. *late_ns (may
 * be NULL): how long ago it was over. */
bool ff_shape_pass(ff_shape *shape, const ff_passage *passage, const ff_server_request *request,
                   int64_t *late_ns);
/* Waits for its first byte; the response's body then leaves as the others pass. false as above. */
bool ff_shape_send(ff_shape *shape, const ff_passage *passage, const ff_server_request *request,
                   ff_server_response *response);

#endif
