/* module: engine */
/*
 * From process start to the first answer: a plain .onnx file in plain ONNX Runtime against the two
 * stored forms, with a warm and a cold page cache, and what each costs in memory and steady speed.
 *
 *   bench_load MODEL.onnx --work DIR [--runs N] [--threads N] [--shape 1,3,224,224] [-o X.json]
 *
 * Every measurement is a fresh process (this program again, --child), so that process start,
 * dynamic linking and loading all count. Forms alternate; medians are reported. "Cold" drops the
 * model's own files from the page cache (posix_fadvise), not the program's and its libraries'.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/random.h"
#include "base/units.h"
#include "engine/engine.h"
#include "tensor/npy.h"

#define MAX_RUNS    64
#define STEADY_RUNS 10

typedef enum form { PLAIN, PORTABLE, NCHWC, FORMS } form;
static const char *const form_names[FORMS] = {"plain", "portable", "nchwc"};

typedef struct sample {
    double first_ms;  /* process start to first answer */
    double cpu_ms;    /* the processor time within: what a busy machine does not distort */
    double steady_ms; /* median of STEADY_RUNS further answers */
    double rss_mb;    /* after the first answer; MB = 10^6 bytes */
    double anon_mb;
    double base_anon_mb; /* before the model is loaded */
    double end_anon_mb;  /* after the steady runs */
} sample;

typedef struct bench {
    const char *self; /* this program */
    const char *model;
    const char *work;
    const char *shape;
    const char *threads;
    const char *out;
    int64_t runs;
    char models[FORMS][PATH_MAX];
    char weights[FORMS][PATH_MAX]; /* "" = inside the model */
    sample samples[2][FORMS][MAX_RUNS];
    double resident_before[2][FORMS]; /* share of the files in the page cache, the last run's */
    double max_error[FORMS];
    double optimise_ms[FORMS];
    double size_mb[FORMS];
} bench;

static void must(ff_code code, const ff_err *err, const char *what)
{
    if (!code)
        return;
    char text[1400];
    ff_err_format(err, text, sizeof text);
    fprintf(stderr, "bench_load: %s: %s\n", what, text);
    exit(1);
}

static double smaps_mb(const char *field)
{
    char line[256];
    unsigned long kb;
    double mb = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file)) {
        size_t len = strlen(field);
        if (strncmp(line, field, len) == 0 && sscanf(line + len, ": %lu", &kb) == 1)
            mb = (double)kb * 1024 / 1e6;
    }
    if (file)
        fclose(file);
    return mb;
}

static double cpu_ms(void)
{
    struct timespec used;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0
               ? (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6
               : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[MAX_RUNS];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* ---- the child: one form, one process ---- */

static double steady(ff_session *session, ff_tensor *in)
{
    double times[STEADY_RUNS];
    ff_err err;
    for (int i = 0; i < STEADY_RUNS; i++) {
        ff_tensor out;
        int64_t start = ff_clock_now_ns();
        must(ff_session_run(session, in, 1, &out, 1, &err), &err, "running");
        times[i] = ff_clock_ms(ff_clock_now_ns() - start);
        ff_tensor_clean(&out);
    }
    return median(times, STEADY_RUNS);
}

/* argv: --child FORM MODEL THREADS SHAPE START_NS OUT.npy; prints the sample's numbers. */
static int child(char **argv)
{
    ff_engine *engine;
    ff_session *session;
    ff_shape shape;
    ff_tensor in, out;
    ff_random random;
    ff_err err;
    sample s = {0};
    bool plain = strcmp(argv[2], form_names[PLAIN]) == 0;
    ff_session_options options = {.plain = plain, .stored = !plain};
    int64_t start_ns = strtoll(argv[6], NULL, 10);
    must(ff_shape_parse(argv[5], &shape, &err), &err, "--shape");
    must(ff_tensor_new(FF_DTYPE_F32, &shape, &in, &err), &err, "the input");
    ff_random_init(&random, 1);
    for (size_t i = 0; i < in.bytes / sizeof(float); i++)
        ((float *)in.data)[i] = (float)ff_random_unit(&random);
    s.base_anon_mb = smaps_mb("Anonymous");
    must(ff_engine_new((int)strtol(argv[4], NULL, 10), &engine, &err), &err, "the engine");
    must(ff_session_open(engine, argv[3], &options, &session, &err), &err, "loading");
    must(ff_session_run(session, &in, 1, &out, 1, &err), &err, "running");
    s.first_ms = ff_clock_ms(ff_clock_now_ns() - start_ns);
    s.cpu_ms = cpu_ms();
    s.rss_mb = smaps_mb("Rss");
    s.anon_mb = smaps_mb("Anonymous");
    must(ff_npy_write_file(argv[7], &out, &err), &err, "the answer");
    ff_tensor_clean(&out);
    s.steady_ms = steady(session, &in);
    s.end_anon_mb = smaps_mb("Anonymous");
    printf("%.3f %.3f %.3f %.3f %.3f %.3f %.3f\n", s.first_ms, s.cpu_ms, s.steady_ms, s.rss_mb,
           s.anon_mb, s.base_anon_mb, s.end_anon_mb);
    return 0;
}

/* ---- the parent ---- */

/* Starts argv and reads its first line of output. */
static void run_child(char *const argv[], char *line, int size)
{
    int pipe_fds[2], status;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    extern char **environ;
    if (pipe(pipe_fds))
        exit(1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
    posix_spawn_file_actions_addclose(&actions, pipe_fds[0]);
    posix_spawn_file_actions_addclose(&actions, pipe_fds[1]);
    if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ)) {
        fprintf(stderr, "bench_load: cannot start %s\n", argv[0]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    FILE *from = fdopen(pipe_fds[0], "r");
    line[0] = '\0';
    if (from && !fgets(line, size, from))
        line[0] = '\0';
    if (from)
        fclose(from);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "bench_load: a child failed\n");
        exit(1);
    }
}

/* The share of a file that lies in the page cache. */
static double cached_share(const char *path, bool drop)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), resident = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    if (size <= 0)
        return 0;
    if (drop && (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)))
        fprintf(stderr, "bench_load: %s: cannot drop its pages\n", path);
    size_t pages = ((size_t)size + page - 1) / page;
    unsigned char *seen = malloc(pages);
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (seen && map != MAP_FAILED && mincore(map, (size_t)size, seen) == 0)
        for (size_t i = 0; i < pages; i++)
            resident += seen[i] & 1;
    if (map != MAP_FAILED)
        munmap(map, (size_t)size);
    free(seen);
    close(fd);
    return (double)resident / (double)pages;
}

static void warm(const char *path)
{
    static char block[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && read(fd, block, sizeof block) > 0)
        ;
    if (fd >= 0)
        close(fd);
}

static void measure(bench *b, bool cold, form f, int run)
{
    char now[32], answer[PATH_MAX + 32], line[256];
    const char *big = b->weights[f][0] ? b->weights[f] : b->models[f];
    sample *s = &b->samples[cold][f][run];
    if (cold)
        cached_share(b->models[f], true);
    else
        warm(big);
    b->resident_before[cold][f] = cached_share(big, cold);
    snprintf(answer, sizeof answer, "%s/%s.npy", b->work, form_names[f]);
    snprintf(now, sizeof now, "%lld", (long long)ff_clock_now_ns());
    char *argv[] = {(char *)(uintptr_t)b->self,
                    (char *)(uintptr_t) "--child",
                    (char *)(uintptr_t)form_names[f],
                    b->models[f],
                    (char *)(uintptr_t)b->threads,
                    (char *)(uintptr_t)b->shape,
                    now,
                    answer,
                    NULL};
    run_child(argv, line, sizeof line);
    if (sscanf(line, "%lf %lf %lf %lf %lf %lf %lf", &s->first_ms, &s->cpu_ms, &s->steady_ms,
               &s->rss_mb, &s->anon_mb, &s->base_anon_mb, &s->end_anon_mb) != 7) {
        fprintf(stderr, "bench_load: a child answered \"%s\"\n", line);
        exit(1);
    }
}

/* Optimises in a child process of its own, so that its memory is not ours. */
static void store(bench *b, form f)
{
    ff_err err;
    char dir[PATH_MAX];
    int status;
    must(ff_path_join(b->work, form_names[f], dir, &err), &err, "--work");
    must(ff_dir_make(dir, &err), &err, "--work");
    must(ff_path_join(dir, "model.onnx", b->models[f], &err), &err, "--work");
    must(ff_path_join(dir, "model.weights", b->weights[f], &err), &err, "--work");
    int64_t start = ff_clock_now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        ff_engine *engine;
        must(ff_engine_new(0, &engine, &err), &err, "the engine");
        must(ff_engine_optimise(engine, b->model, f == NCHWC ? FF_FORM_NCHWC : FF_FORM_PORTABLE,
                                b->models[f], "model.weights", &err),
             &err, form_names[f]);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        exit(1);
    b->optimise_ms[f] = ff_clock_ms(ff_clock_now_ns() - start);
}

static void compare_answers(bench *b)
{
    ff_tensor tensors[FORMS];
    ff_err err;
    for (int f = 0; f < FORMS; f++) {
        char path[PATH_MAX + 32];
        ff_diff diff;
        snprintf(path, sizeof path, "%s/%s.npy", b->work, form_names[f]);
        must(ff_npy_read_file(path, &tensors[f], &err), &err, "an answer");
        must(ff_tensor_diff(&tensors[PLAIN], &tensors[f], &diff, &err), &err, "comparing");
        b->max_error[f] = diff.max_abs_error / diff.max_abs_reference;
        if (!ff_diff_ok(&diff, FF_DTYPE_F32)) {
            fprintf(stderr, "bench_load: %s differs by %g of the largest\n", form_names[f],
                    b->max_error[f]);
            exit(1);
        }
    }
    for (int f = 0; f < FORMS; f++)
        ff_tensor_clean(&tensors[f]);
}

/* The median over the runs of the number at that offset within a sample. */
static double of(const bench *b, int cold, int f, size_t offset)
{
    double values[MAX_RUNS];
    for (int i = 0; i < b->runs; i++)
        memcpy(&values[i], (const char *)&b->samples[cold][f][i] + offset, sizeof values[i]);
    return median(values, (int)b->runs);
}
#define OF(b, cold, f, field) of(b, cold, f, offsetof(sample, field))

static void print_table(const bench *b)
{
    printf("%-9s %-5s %13s %8s %9s %12s %10s %10s %10s\n", "form", "cache", "first answer",
           "of plain", "cpu", "steady", "anonymous", "resident", "weights");
    for (int cold = 0; cold < 2; cold++)
        for (int f = 0; f < FORMS; f++)
            printf("%-9s %-5s %10.0f ms %8.3f %6.0f ms %9.1f ms %7.1f MB %7.1f MB %7.1f MB\n",
                   form_names[f], cold ? "cold" : "warm", OF(b, cold, f, first_ms),
                   OF(b, cold, f, first_ms) / OF(b, cold, PLAIN, first_ms), OF(b, cold, f, cpu_ms),
                   OF(b, cold, f, steady_ms), OF(b, cold, f, anon_mb), OF(b, cold, f, rss_mb),
                   b->size_mb[f]);
}

static void cpu_name(char *out, int size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(out, (size_t)size, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, (size_t)size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
}

static void write_json(const bench *b)
{
    ff_buf text;
    ff_err err;
    char date[40], cpu[128];
    struct utsname os = {0};
    double busy[1] = {-1};
    ff_buf_init(&text, 1 << 20);
    ff_clock_iso(ff_clock_wall_ms(), date, sizeof date);
    cpu_name(cpu, sizeof cpu);
    uname(&os);
    if (getloadavg(busy, 1) != 1)
        busy[0] = -1;
    ff_code code = ff_buf_printf(
        &text, &err,
        "{\n  \"benchmark\": \"load\",\n  \"date\": \"%s\",\n  \"machine\": \"%s, %ld CPUs, Linux "
        "%s\",\n  \"onnxruntime\": \"%s\",\n  \"command\": \"bench_load %s --runs %lld --threads "
        "%s --shape %s\",\n  \"n\": %lld,\n  \"statistic\": \"median\",\n  \"load_average\": "
        "%.1f,\n  \"cold\": \"the model's "
        "files dropped by posix_fadvise(DONTNEED)\",\n  \"rows\": [",
        date, cpu, sysconf(_SC_NPROCESSORS_ONLN), os.release, ff_engine_version(),
        ff_path_base(b->model), (long long)b->runs, b->threads, b->shape, (long long)b->runs,
        busy[0]);
    for (int i = 0; i < 2 * FORMS && !code; i++) {
        int cold = i / FORMS, f = i % FORMS;
        code = ff_buf_printf(
            &text, &err,
            "%s\n    {\"form\": \"%s\", \"cache\": \"%s\", \"first_ms\": %.1f, \"cpu_ms\": %.1f, "
            "\"steady_ms\": "
            "%.1f, \"anonymous_mb\": %.1f, \"anonymous_end_mb\": %.1f, \"base_anonymous_mb\": "
            "%.1f, \"resident_mb\": %.1f, \"weights_mb\": %.1f, \"cached_before\": %.2f, "
            "\"optimise_ms\": %.0f, \"error\": %.2g}",
            i ? "," : "", form_names[f], cold ? "cold" : "warm", OF(b, cold, f, first_ms),
            OF(b, cold, f, cpu_ms), OF(b, cold, f, steady_ms), OF(b, cold, f, anon_mb),
            OF(b, cold, f, end_anon_mb), OF(b, cold, f, base_anon_mb), OF(b, cold, f, rss_mb),
            b->size_mb[f], b->resident_before[cold][f], b->optimise_ms[f], b->max_error[f]);
    }
    if (!code)
        code = ff_buf_printf(&text, &err, "\n  ]\n}\n");
    if (!code)
        code = ff_file_write(b->out, ff_buf_view(&text), &err);
    must(code, &err, b->out);
    ff_buf_clean(&text);
}

static void run(bench *b)
{
    ff_err err;
    uint64_t size;
    snprintf(b->models[PLAIN], sizeof b->models[PLAIN], "%s", b->model);
    must(ff_dir_make(b->work, &err), &err, "--work");
    store(b, PORTABLE);
    store(b, NCHWC);
    for (int f = 0; f < FORMS; f++) {
        must(ff_file_size(b->weights[f][0] ? b->weights[f] : b->models[f], &size, &err), &err,
             "a size");
        b->size_mb[f] = (double)size / 1e6;
    }
    for (int i = 0; i < b->runs; i++)
        for (int cold = 0; cold < 2; cold++)
            for (int f = 0; f < FORMS; f++) {
                measure(b, cold == 1, (form)f, i);
                fprintf(stderr, "run %d of %d: %s %s: %.0f ms\n", i + 1, (int)b->runs,
                        cold ? "cold" : "warm", form_names[f], b->samples[cold][f][i].first_ms);
            }
    compare_answers(b);
    print_table(b);
    if (b->out)
        write_json(b);
}

int main(int argc, char **argv)
{
    static bench b = {.runs = 5, .threads = "0", .shape = "1,3,224,224"};
    ff_err err;
    if (argc == 8 && strcmp(argv[1], "--child") == 0)
        return child(argv);
    b.self = "/proc/self/exe";
    b.model = argc > 1 ? argv[1] : NULL;
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--work") == 0)
            b.work = value;
        else if (strcmp(argv[i], "--shape") == 0)
            b.shape = value;
        else if (strcmp(argv[i], "--threads") == 0)
            b.threads = value;
        else if (strcmp(argv[i], "--runs") == 0)
            must(ff_units_parse_int(value, 1, MAX_RUNS, &b.runs, &err), &err, "--runs");
        else if (strcmp(argv[i], "-o") == 0)
            b.out = value;
        else
            argc = 0;
    }
    if (argc < 4 || argc % 2 || !b.work) {
        fprintf(stderr, "usage: bench_load MODEL.onnx --work DIR [--runs N] [--threads N] "
                        "[--shape DIMS] [-o RESULT.json]\n");
        return 2;
    }
    run(&b);
    return 0;
}
