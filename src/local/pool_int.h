/*
 * Functions, their instances (processes), and the invocations that wait for them.
 *
 * One lock guards all states; it is never held while a file, a process or a socket is touched.
 * One thread, the keeper, starts, watches and buries processes: it must be one that lives as long
 * as the pool, because a child's PR_SET_PDEATHSIG fires when the thread that forked it ends.
 * Lock order: an instance's output lock before nothing; the pool's lock before nothing. No two of
 * the platform's locks (these, and the objects') are ever held together.
 */
#ifndef FF_LOCAL_POOL_INT_H
#define FF_LOCAL_POOL_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "local/cgroup_int.h"
#include "local/local.h"
#include "local/shape_int.h"
#include "net/server.h"

#define FF_LOG_TAIL     4096u /* what X-Amz-Log-Result shows, as on Lambda */
#define FF_ROLE_KEY     12    /* characters that the access keys of all instances begin with */
#define FF_INSTANCE_KEY 21    /* such a key, with its NUL */

typedef struct ff_pool ff_pool;
typedef struct ff_function ff_function;
typedef struct ff_instance ff_instance;

/* One invocation. Counted references: the waiting caller, the queue or instance that holds it, and
 * each response that sends its payload. */
typedef struct ff_job {
    char id[37];
    char trace[80];
    const char *client_context; /* JSON text or NULL */
    ff_arena *arena;            /* of client_context */
    ff_buf payload;
    bool event;
    int64_t late_ns; /* its payload had arrived so long before it was submitted */
    atomic_int refs;
    atomic_llong handed_ns;  /* when its payload began to go to the instance; 0 = not yet */
    struct {                 /* guarded by the pool's lock */
        struct ff_job *next; /* in its function's queue */
        pthread_cond_t changed;
        bool done;
        bool failed;
        bool stopped; /* the platform stops: answered with 503 */
        ff_buf result;
        int64_t deadline_ns;         /* once it was given to an instance */
        int64_t started_ns, done_ns; /* done: when its answer began to arrive */
        uint64_t instance;           /* that answered; FF_SHAPER_NOBODY where none did */
        char tail[FF_LOG_TAIL];      /* the end of what the instance wrote meanwhile */
        size_t tail_len;
        uint64_t peak_bytes;
    } synced;
} ff_job;

typedef enum ff_instance_state {
    FF_INSTANCE_STARTING, /* until its first /next */
    FF_INSTANCE_READY,    /* answered, or waits in /next */
    FF_INSTANCE_BUSY,
    FF_INSTANCE_DYING /* gets no more work */
} ff_instance_state;

typedef enum ff_death {
    FF_DEATH_EXIT,
    FF_DEATH_TIMEOUT,
    FF_DEATH_INIT_LIMIT,
    FF_DEATH_INIT_ERROR,
    FF_DEATH_MEMORY,
    FF_DEATH_IDLE,
    FF_DEATH_STOP
} ff_death;

struct ff_instance {
    ff_pool *pool;
    ff_function *function;
    int number;
    bool probe;        /* the function's first */
    bool second_init;  /* the first one took too long; this has the function's time-out */
    ff_server *server; /* the Runtime API */
    pid_t pid;         /* the keeper's, as are the next three */
    int pidfd;
    bool launched;
    int64_t launch_ns;     /* not before it, where cold starts are emulated; 0 = not drawn yet */
    char cgroup[PATH_MAX]; /* "" = none */
    struct {               /* guarded by its lock */
        pthread_mutex_t lock;
        int output; /* the pipe that the process writes to; -1 once it has ended */
        char line[2048];
        size_t line_len;
        char tail[FF_LOG_TAIL];
        size_t tail_len;
    } written;
    struct { /* guarded by the pool's lock */
        ff_instance *next;
        ff_instance_state state;
        int64_t since_ns; /* in that state */
        ff_job *job;
        char last_id[37];
        pthread_cond_t wake;
        bool waiting; /* in /next */
        uint64_t next_serial;
        int64_t init_deadline_ns;
        ff_death death;
        int64_t kill_at_ns; /* SIGKILL is due, once it is dying; 0 = was sent */
        bool terminate;     /* SIGTERM is due */
        bool initialised;   /* it asked for work once */
        bool gone;          /* its process has ended */
        pid_t pid;          /* for reports; 0 until it is launched */
        ff_buf init_error;
        uint64_t peak_bytes;
    } synced;
};

struct ff_function {
    const char *name;
    const char *arn;
    const char *deployment; /* NULL where it is of no bundle; so is part: "master", "w0", ... */
    const char *part;
    const char *const *argv;
    const char *const *env;
    const char *dir;
    int memory_mb;
    int timeout_ms; /* as it is told; ff_shape_stretch_ms gives it in this world's time */
    double cpus;    /* of this machine; 0 = all */
    uint64_t package_bytes;
    struct { /* guarded by the pool's lock */
        ff_instance *first;
        int live; /* instances in the list that are not dying */
        int started;
        int second_inits; /* so many of the next instances may take the function's time-out */
        int queued_sync, queued_event;
        ff_job *sync_first, *sync_last;
        ff_job *event_first, *event_last;
        uint64_t invocations, errors, throttles, cold_starts, timeouts;
    } synced;
};

struct ff_pool {
    ff_arena *arena;
    ff_function *functions;
    int function_count;
    char role_key[FF_ROLE_KEY + 1];
    ff_shape *shape;         /* NULL: nothing is shaped; borrowed, as is the next */
    const ff_cgroup *cgroup; /* NULL: no shares of CPU */
    int max_instances, max_queued_events, init_limit_ms;
    int64_t idle_ms;
    ff_local_log log;
    void *log_user;
    int wake_fd; /* eventfd: the keeper has something to do */
    pthread_t keeper;
    bool keeping;
    struct {
        pthread_mutex_t lock;
        bool stopping;
    } synced;
};

/* functions, arena and the bounds are set by the platform before. */
ff_code ff_pool_start(ff_pool *pool, ff_err *err);
/* Fails what waits, ends all instances, joins the keeper. Invocations that come later fail. */
void ff_pool_stop(ff_pool *pool);
/* After the server that takes invocations is gone. */
void ff_pool_clean(ff_pool *pool);
ff_function *ff_pool_find(ff_pool *pool, const char *name, size_t len); /* NULL */

/* An instance's number in the platform, and the access key that tells it. */
uint64_t ff_instance_id(const ff_instance *instance);
void ff_instance_key(const char *role_key, uint64_t id, char key[FF_INSTANCE_KEY]);
/* FF_SHAPER_NOBODY: it is none of an instance. */
uint64_t ff_instance_of_key(const char *role_key, const char *key);
/* The instance that the function's next invocation will most probably get. */
uint64_t ff_pool_next_instance(ff_pool *pool, const ff_function *function);

/* Invoking. payload and arena (may be NULL) are taken. */
ff_job *ff_job_new(ff_buf *payload, ff_arena *arena, bool event);
void ff_job_unref(ff_job *job);
/* FF_BUSY at the bound on instances (or of the queue), FF_UNAVAILABLE while stopping. */
ff_code ff_pool_submit(ff_pool *pool, ff_function *function, ff_job *job, ff_err *err);
/* Until done. false: the client has left; the function runs on, its answer is dropped. */
bool ff_pool_wait(ff_pool *pool, ff_function *function, ff_job *job,
                  const ff_server_request *request);

/* The Runtime API's side, called by an instance's server. */
/* Blocks until there is work. FF_CANCELLED: the instance is to end, or asked again elsewhere. The
 * job is referenced for the caller. */
ff_code ff_instance_next(ff_instance *instance, ff_job **job);
/* Is that the request it works on? FF_FORMAT: no such request. FF_CONFLICT: answered already. */
ff_code ff_instance_check_id(ff_instance *instance, const char *id);
/* result, which began to arrive then, is taken on success. Fails as check_id does. */
ff_code ff_instance_answer(ff_instance *instance, const char *id, bool failed, int64_t begun_ns,
                           ff_buf *result);
/* error is taken on success. FF_CONFLICT after initialisation. */
ff_code ff_instance_init_error(ff_instance *instance, ff_buf *error);

/* For the keeper; the pool is locked by the caller. */
int ff_pool_coming(const ff_function *function); /* instances about to ask for work */
void ff_pool_balance(ff_pool *pool, ff_function *function);
ff_job *ff_pool_pop(ff_function *function); /* NULL; the queue's reference goes to the caller */
/* error is taken. Counts the job and releases the reference. */
void ff_pool_fail_job(ff_function *function, ff_job *job, ff_buf *error);
void ff_instance_set_dying(ff_instance *instance, ff_death death, int64_t kill_in_ms);

void ff_pool_wake(ff_pool *pool); /* the keeper looks at once */
void *ff_keeper_run(void *pool);  /* keeper.c */

/* launch.c: processes. */
ff_code ff_launch(ff_instance *instance, ff_err *err); /* the instance's server listens already */
/* Reads what the instance wrote, into its log and tail. Never blocks. */
void ff_launch_read_output(ff_instance *instance);
size_t ff_launch_tail(ff_instance *instance, char tail[FF_LOG_TAIL]);
/* Anonymous memory of a process; 0 where it is gone. */
uint64_t ff_launch_anonymous_bytes(pid_t pid);
void ff_instance_free(ff_instance *instance); /* once its process is gone */

/* runtime_api.c: the server of one instance. */
ff_code ff_runtime_serve(ff_instance *instance, ff_err *err);
/* {"errorType", "errorMessage"} as JSON, appended to out. */
void ff_runtime_error_json(const char *type, const char *message, ff_buf *out);
/* What a function posted as its error, made sound: a JSON object as it is, anything else wrapped.
 * The type in the header (may be NULL) counts where it has Lambda's form. body is taken. */
void ff_runtime_error_body(const char *type, bool init, ff_buf *body, ff_buf *out);

#endif
