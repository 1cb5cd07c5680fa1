#include "examine/checkup.h"

#include "base/workspace.h"
#include "engine/open_dataset.h"
#include "run/run_check.h"
#include "run/run_folder.h"
#include "system/filesystem.h"
#include "system/limits.h"
#include "system/process.h"
#include "train/resume.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOST_SIZE 64
#define SLOW_SYNC 1.0            /* seconds to write, sync and rename a small file */
#define CHECKPOINT_EXTRA 131072u /* bytes of a checkpoint besides its parameters, at most */

/* What each rank says of where it runs. */
typedef struct machine {
    char host[HOST_SIZE];
    dp_cpu_level level;
    dp_limits limits;
    uint64_t memory_left; /* bytes that it may still map */
    uint64_t open_files;
    int mpi_yields;
    uint64_t shared_free; /* bytes; UINT64_MAX: not known */
} machine;

typedef struct examination {
    dp_findings *findings;
    dp_comm *comm;
    char shared_folder[DP_PATH_SIZE]; /* where MPI keeps what the ranks of a node share */
    const dp_config *config;          /* NULL: none */
    machine *machines;                /* [ranks] */
    dp_build_info build;
    dp_dataset dataset;
    dp_params_layout layout; /* where there is a dataset */
    bool has_layout;
} examination;

/* --- lines ---------------------------------------------------------------------------------- */

/* A finding of the examination `self`. */
#define GOOD(...) dp_findings_add(self->findings, DP_VERDICT_OK, __VA_ARGS__)
#define WARN(...) dp_findings_add(self->findings, DP_VERDICT_WARNING, __VA_ARGS__)
#define PROBLEM(...) dp_findings_add(self->findings, DP_VERDICT_PROBLEM, __VA_ARGS__)

static const char *format_bytes(double bytes, char buffer[32]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1000.0;
    snprintf(buffer, 32, "%.3g %s", bytes, units[unit]);
    return buffer;
}

/* --- the machines --------------------------------------------------------------------------- */

static dp_status gather_machines(examination *self, dp_error *error) {
    const dp_cpu_level highest =
        self->config == NULL ? DP_CPU_X86_64_V4 : dp_config_level(self->config);
    machine mine;
    memset(&mine, 0, sizeof mine);
    snprintf(mine.host, sizeof mine.host, "%s", dp_comm_host(self->comm));
    mine.level = dp_cpu_level_up_to(highest);
    dp_limits_look(&mine.limits);
    mine.memory_left = dp_limits_memory_left(&mine.limits);
    mine.open_files = dp_limits_open_files();
    mine.mpi_yields = dp_comm_mpi_yields();
    mine.shared_free = dp_comm_shared_free(self->shared_folder);
    DP_TRY_NEW_ON_ALL(self->comm, self->machines, (size_t)dp_comm_size(self->comm));
    dp_comm_gather_all(self->comm, &mine, sizeof mine, self->machines);
    return dp_build_info_gather(self->comm, highest, &self->build, error);
}

static int ranks_of_node(const examination *self, int node) {
    return dp_comm_node_first(self->comm, node + 1) - dp_comm_node_first(self->comm, node);
}

/* The first node with more ranks than processors, or the number of nodes. */
static int find_crowded_node(const examination *self) {
    int node = 0;
    while (node < dp_comm_node_count(self->comm) &&
           ranks_of_node(self, node) <= dp_comm_processors(self->comm, node))
        node++;
    return node;
}

static void check_ranks(examination *self) {
    int ranks = dp_comm_size(self->comm), nodes = dp_comm_node_count(self->comm);
    int crowded = find_crowded_node(self), node = crowded < nodes ? crowded : 0;
    int processors = dp_comm_processors(self->comm, node);
    const char *host = self->machines[dp_comm_node_first(self->comm, node)].host;
    if (crowded < nodes && self->config != NULL && self->config->work != DP_WORK_AUTO)
        WARN("ranks",
             "%d of %d on %s, which lets them use %d processor%s: they take turns. Set "
             "parallel.work=auto; where it has more, mpirun --bind-to none frees them",
             ranks_of_node(self, node), ranks, host, processors, processors == 1 ? "" : "s");
    else if (crowded < nodes)
        GOOD("ranks",
             "%d of %d on %s, which lets them use %d processor%s: so many work, the others rest. "
             "Where it has more, mpirun --bind-to none frees them",
             ranks_of_node(self, node), ranks, host, processors, processors == 1 ? "" : "s");
    else if (nodes == 1)
        GOOD("ranks", "%d on %s, with %d processor%s", ranks, host, processors,
             processors == 1 ? "" : "s");
    else
        GOOD("ranks", "%d on %d hosts, each with a processor a rank", ranks, nodes);
}

static void check_yielding(examination *self) {
    bool crowded = find_crowded_node(self) < dp_comm_node_count(self->comm);
    int yields = self->machines[0].mpi_yields;
    if (!crowded)
        GOOD("waiting", "each rank has a processor to wait on");
    else if (yields == 1)
        GOOD("waiting", "waiting ranks let others have the processor");
    else
        WARN("waiting",
             "%s: ranks that wait within MPI keep the processor from those they wait for. Source "
             "scripts/env.sh, or mpirun --mca mpi_yield_when_idle 1",
             yields == 0 ? "mpi_yield_when_idle is off" : "MPI does not say whether it yields");
}

/* Once ranks have missed a host and asked the launcher to end the job, its words are on the way to
 * that host: such a connection is not probed but given up after all of TCP's repetitions. */
static void check_lost_host(examination *self) {
    const int patience = dp_comm_host_patience();
    const double deadline = self->config == NULL ? 0.0 : self->config->deadline;
    if (dp_comm_node_count(self->comm) == 1 || patience < 0)
        return;
    if (patience > 0 && (deadline == 0.0 || patience < deadline))
        GOOD("lost host", "the job ends within %d s", patience);
    else
        WARN("lost host",
             "mpirun gives it up after %d s (0: never). Where ranks miss it before, as with "
             "parallel.deadline=%g, the job may hang for 15 minutes. Use "
             "configs/openmpi-mca-params.conf, which says more, or a longer deadline",
             patience, deadline);
}

static void check_instruction_sets(examination *self) {
    const machine *first = &self->machines[0], *other = first;
    dp_error error;
    for (int rank = 0; rank < dp_comm_size(self->comm); rank++) {
        if (self->machines[rank].level != first->level)
            other = &self->machines[rank];
    }
    if (self->config != NULL &&
        dp_config_check_level(self->config, self->build.level, &error) != DP_OK)
        PROBLEM("processors", "%s", error.message);
    else if (self->build.uniform)
        GOOD("processors", "%s, the same kind everywhere", dp_cpu_level_name(first->level));
    else
        GOOD("processors", "%s on %s and %s on %s: all use the lower, with the same bits",
             dp_cpu_level_name(first->level), first->host, dp_cpu_level_name(other->level),
             other->host);
}

static void check_gnuplot(examination *self) {
    char path[DP_PATH_SIZE];
    if (dp_process_find_program("gnuplot", path))
        GOOD("gnuplot", "%s", path);
    else
        WARN("gnuplot",
             "not found: training works, plots need it. Install the package gnuplot-nox");
}

/* --- the config ----------------------------------------------------------------------------- */

static void check_grains(examination *self, uint64_t ranks, const char *rest) {
    const uint64_t grains = self->config->grains, most = (grains + ranks - 1) / ranks;
    if (grains % ranks != 0)
        WARN("grains",
             "%" PRIu64 " over %" PRIu64 " ranks: some have %" PRIu64 " and the others wait for "
             "them. A number of ranks that divides %" PRIu64 " has no idle ones%s",
             grains, ranks, most, grains, rest);
    else
        GOOD("grains", "%" PRIu64 " of about %" PRIu64 " rows, %" PRIu64 " a rank%s", grains,
             self->config->batch_size / grains, most, rest);
}

/* A rank waits for this share of the time that those with the most blocks need, or less. */
#define IDLE_MOST 0.1

/* The blocks of a split output layer. */
static void check_blocks(examination *self, size_t ranks, const char *rest) {
    const size_t blocks = self->layout.output_blocks;
    const size_t most = (blocks + ranks - 1) / ranks, least = blocks / ranks;
    if ((double)least < (1.0 - IDLE_MOST) * (double)most)
        WARN("blocks",
             "%zu of %zu tokens over %zu ranks: some have %zu and the others wait for them. "
             "A number of ranks that divides %zu has no idle ones%s",
             blocks, DP_OUTPUT_BLOCK, ranks, most, blocks, rest);
    else
        GOOD("blocks", "%zu of %zu tokens, %s%zu a rank%s", blocks, DP_OUTPUT_BLOCK,
             blocks % ranks == 0 ? "" : "at most ", most, rest);
}

/* What the ranks at work share among them: which of the two may only be known by the dataset. */
static dp_status check_shares(examination *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text rest = {0};
    DP_OWNED(dp_work_clear) dp_work work = {0};
    const dp_work_things grains = {.name = "grain", .count = self->config->grains};
    if (!self->has_layout && self->config->output == DP_OUTPUT_SPLIT)
        return DP_OK;
    if (self->has_layout && dp_config_check_update(self->config, &self->layout, error) != DP_OK) {
        PROBLEM("grains", "%s", error->message);
        return DP_OK;
    }
    DP_TRY(dp_work_init(&work, self->comm, dp_config_work(self->config),
                        self->has_layout ? dp_config_things(self->config, &self->layout) : grains,
                        error));
    dp_text_append(&rest, work.count < dp_comm_size(self->comm) ? "; " : "");
    dp_work_describe(&work, &rest);
    if (self->has_layout && self->layout.shape.split)
        check_blocks(self, (size_t)work.count, dp_text_string(&rest));
    else
        check_grains(self, (uint64_t)work.count, dp_text_string(&rest));
    return DP_OK;
}

static dp_status check_dataset(examination *self, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text overlap = {0};
    const dp_dataset *dataset = &self->dataset;
    dp_status status = dp_open_dataset(self->comm, self->config->data_path, DP_CHECK_ALWAYS,
                                       &self->dataset, error);
    if (status != DP_OK) {
        dp_comm_tell_root(self->comm, error);
        PROBLEM("dataset", "data.path: %s", error->message);
        return DP_OK;
    }
    if (dp_dataset_rows(dataset, DP_SPLIT_TRAIN) == 0)
        PROBLEM("dataset", "%s has no rows to train on: it was packed with %s", dataset->path,
                dataset->info.preparation.packed_with);
    GOOD("dataset", "%s, %s rows to train on; all checksums are right", dataset->path,
         DP_COUNT_TEXT(dp_dataset_rows(dataset, DP_SPLIT_TRAIN)));
    dp_dataset_tell_overlap(&dataset->info, &overlap);
    DP_TRY(dp_comm_agree(self->comm, dp_text_check(&overlap, error), error));
    if (overlap.length > 0)
        GOOD("splits", "%s", dp_text_string(&overlap));
    const dp_model_shape shape =
        dp_config_shape(self->config, dataset->vocabulary.count, dataset->info.block_size);
    self->has_layout = dp_params_layout_init(&self->layout, shape, error) == DP_OK;
    if (!self->has_layout)
        PROBLEM("model", "%s", error->message);
    return DP_OK;
}

/* About what `ranks` of a node share, in bytes: the parameters, and at most two partial sums a
 * rank. Where the output is split, the state of the optimizer too, with clipping the gradient, some
 * rows of the layers and the exponentials for each example, and the partial sums are of what the
 * output sees of them. */
static double shared_bytes(const examination *self, int ranks) {
    const dp_model_shape *shape = &self->layout.shape;
    const double length = (double)self->layout.length, sums = 1.0 + 2.0 * ranks;
    if (!shape->split)
        return sizeof(float) * length * sums;
    const double inputs = (double)dp_shape_inputs(shape), hidden = (double)shape->hidden_dim;
    const double seen = hidden + (shape->direct ? inputs : 0.0);
    const double slabs = 1.0 + (double)dp_optimizer_slabs(self->config->optimizer.kind) +
                         (self->config->optimizer.clip_norm > 0.0 ? 1.0 : 0.0);
    const double exponentials = (double)self->layout.output_blocks * DP_OUTPUT_BLOCK;
    return sizeof(float) *
           (length * slabs + (double)self->config->batch_size *
                                 (2.0 * (inputs + hidden) + seen * (1.0 + sums) + exponentials));
}

static void check_shared_memory(examination *self) {
    char wanted[32], found[32];
    for (int node = 0; node < dp_comm_node_count(self->comm) && self->has_layout; node++) {
        const machine *one = &self->machines[dp_comm_node_first(self->comm, node)];
        double needed = shared_bytes(self, ranks_of_node(self, node));
        if (one->shared_free == UINT64_MAX || needed < (double)one->shared_free)
            continue;
        PROBLEM(
            "memory",
            "%s has %s free in %.200s, and its ranks share about %s there. Enlarge it (docker run "
            "--shm-size), or use parallel.exchange=tree",
            one->host, format_bytes((double)one->shared_free, found), self->shared_folder,
            format_bytes(needed, wanted));
        return;
    }
    if (self->has_layout && self->machines[0].shared_free != UINT64_MAX)
        GOOD("memory", "%s free in %.200s for what ranks share",
             format_bytes((double)self->machines[0].shared_free, found), self->shared_folder);
}

/* --- the limits of each process ----------------------------------------------------------------
 * What a run wants of them is estimated, so that only what it cannot do at all is a problem. */

#define FILES_OF_A_RUN 16              /* open at once, besides MPI's own */
#define LITTLE_MEMORY (64.0 * 1048576) /* that the libraries want while they work */

static double checkpoint_bytes(const examination *self) {
    const double slabs = 1.0 + (double)dp_optimizer_slabs(self->config->optimizer.kind);
    return slabs * (double)self->layout.length * sizeof(float) + CHECKPOINT_EXTRA;
}

/* About what a rank maps: the dataset, what the node shares, its own parameters and gradients
 * and, on rank 0, a checkpoint in memory. */
static double mapped_bytes(const examination *self, int ranks) {
    struct stat information = {0};
    double bytes = LITTLE_MEMORY;
    if (!self->has_layout)
        return bytes;
    (void)stat(self->dataset.path, &information);
    return bytes + (double)information.st_size + shared_bytes(self, ranks) +
           3.0 * checkpoint_bytes(self);
}

static bool check_memory_limit(examination *self, const machine *one, int ranks) {
    char wanted[32], found[32];
    const double bytes = mapped_bytes(self, ranks);
    if ((double)one->memory_left >= bytes)
        return true;
    WARN("limits",
         "%s lets a rank map %s more, and a run wants about %s: raise ulimit -v and -d, or what "
         "the batch system sets",
         one->host, format_bytes((double)one->memory_left, found), format_bytes(bytes, wanted));
    return false;
}

static bool check_file_limit(examination *self, const machine *one, int ranks) {
    char wanted[32], found[32];
    double bytes = self->has_layout ? checkpoint_bytes(self) : CHECKPOINT_EXTRA;
    if (self->has_layout && ranks > 1)
        bytes = fmax(bytes, shared_bytes(self, ranks)); /* which is a file, too */
    if ((double)one->limits.file_size >= bytes)
        return true;
    PROBLEM(
        "limits", "%s lets files grow to %s, and a run writes some of about %s: raise ulimit -f",
        one->host, format_bytes((double)one->limits.file_size, found), format_bytes(bytes, wanted));
    return false;
}

static bool check_open_files(examination *self, const machine *one) {
    const uint64_t wanted = one->open_files + FILES_OF_A_RUN +
                            (dp_comm_node_count(self->comm) > 1 ? (uint64_t)dp_comm_size(self->comm)
                                                                : 0); /* a connection each */
    if (one->limits.files >= wanted)
        return true;
    PROBLEM("limits",
            "%s lets a process have %" PRIu64 " files open, and a rank wants about %" PRIu64
            ": raise ulimit -n",
            one->host, one->limits.files, wanted);
    return false;
}

/* Of all ranks; of each kind of limit, one that stands in the way is named once. */
static void check_limits(examination *self) {
    bool memory = true, file = true, files = true;
    for (int rank = 0, node = 0; rank < dp_comm_size(self->comm); rank++) {
        const machine *one = &self->machines[rank];
        node += rank == dp_comm_node_first(self->comm, node + 1);
        memory = memory && check_memory_limit(self, one, ranks_of_node(self, node));
        file = file && check_file_limit(self, one, ranks_of_node(self, node));
        files = files && check_open_files(self, one);
    }
    if (memory && file && files)
        GOOD("limits", "of memory, of a file's size and of open files leave room for a run");
}

/* --- the run folder: rank 0 ----------------------------------------------------------------- */

static bool check_writing(examination *self, const char *folder) {
    dp_error error;
    double seconds = 0.0;
    bool works = dp_filesystem_try_replace(folder, &seconds, &error) == DP_OK;
    if (!works)
        PROBLEM("writing", "%s. Choose another run.dir", error.message);
    else if (seconds > SLOW_SYNC)
        WARN("writing",
             "%.1f s to write, sync and rename a small file in %s: each checkpoint waits for that. "
             "Choose another run.dir%s",
             seconds, folder,
             self->config == NULL || self->config->checkpoint_every == 0
                 ? ""
                 : ", or raise checkpoint.every");
    else
        GOOD("writing", "%s: written, synced and renamed in %.1f ms", folder, 1e3 * seconds);
    return works;
}

static void check_locking(examination *self, const char *folder) {
    dp_error error;
    if (dp_filesystem_try_lock(folder, &error) == DP_OK)
        GOOD("locking", "files can be locked");
    else
        WARN("locking",
             "%s: dptrain takes no locks, but other readers of HDF5 do (h5py): set "
             "HDF5_USE_FILE_LOCKING=FALSE for them",
             error.message);
}

static void check_file_system(examination *self, const char *folder) {
    const char *doubts[DP_FILESYSTEM_DOUBTS];
    dp_error error;
    if (dp_filesystem_doubts(folder, doubts, &error) != DP_OK)
        PROBLEM("file system", "%s. Choose another run.dir", error.message);
    for (const char **doubt = doubts; *doubt != NULL; doubt++)
        WARN("file system", "%s: %s", folder, *doubt);
}

static void check_space(examination *self, const char *folder) {
    dp_error error;
    char found[32], wanted[32];
    uint64_t bytes = 0;
    if (dp_filesystem_free_bytes(folder, &bytes, &error) != DP_OK || bytes == UINT64_MAX)
        return;
    if (self->config == NULL || !self->has_layout) {
        GOOD("space", "%s free", format_bytes((double)bytes, found));
        return;
    }
    /* Those that are kept, the best, and one that is being written. */
    double one = checkpoint_bytes(self);
    double needed = one * ((double)self->config->checkpoint_keep + 2.0);
    bool enough = (double)bytes >= needed;
    dp_findings_add(self->findings, enough ? DP_VERDICT_OK : DP_VERDICT_PROBLEM, "space",
                    "%s free for %" PRIu64 " checkpoints of %s%s",
                    format_bytes((double)bytes, found), self->config->checkpoint_keep + 2,
                    format_bytes(one, wanted),
                    enough ? ""
                    : self->config->checkpoint_keep == 1
                        ? ": not enough. Make room, or choose another run.dir"
                        : ": not enough. Make room, choose another run.dir, or "
                          "lower checkpoint.keep");
}

/* Whether what is there is a run's to go on with. */
static void check_owner(examination *self) {
    dp_error error;
    if (self->config != NULL && dp_run_folder_check(self->config->run_dir, false, &error) != DP_OK)
        PROBLEM("run folder", "%s", error.message);
}

static void check_folder(examination *self) {
    dp_error error;
    char folder[DP_PATH_SIZE];
    const char *wanted = self->config == NULL ? DP_RUNS_DIRECTORY : self->config->run_dir;
    if (dp_filesystem_nearest(wanted, folder, &error) != DP_OK) {
        PROBLEM("run folder",
                "%s, so %s cannot be created. Choose another "
                "run.dir",
                error.message, wanted);
        return;
    }
    check_owner(self);
    if (check_writing(self, folder))
        check_locking(self, folder);
    check_file_system(self, folder);
    check_space(self, folder);
}

/* The step of the newest checkpoint in the run folder, good or not; false where there is none. */
static bool find_newest_step(const char *dir, uint64_t *step) {
    dp_error ignored;
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    if (dp_checkpoint_files_list(dir, &steps, &count, &ignored) != DP_OK || count == 0)
        return false;
    *step = steps[0];
    return true;
}

static void add_resumption(examination *self, const dp_progress *progress) {
    const char *dir = self->config->run_dir;
    uint64_t newest = 0;
    if (!find_newest_step(dir, &newest))
        GOOD("resuming", "%s: a new run", dir);
    else if (newest != progress->step)
        WARN("resuming", "%s: the checkpoint of step %s is damaged; the run goes on from step %s",
             dir, DP_COUNT_TEXT(newest), DP_COUNT_TEXT(progress->step));
    else
        GOOD("resuming", "%s: %s at step %s", dir,
             progress->step == self->config->steps ? "finished" : "goes on",
             DP_COUNT_TEXT(progress->step));
}

/* Resumes as training would, into memory of its own. */
static dp_status check_resuming(examination *self, dp_error *error) {
    dp_report silent = {0};
    dp_progress progress = {0};
    bool found = false;
    DP_OWNED(dp_memory_release) void *memory = NULL;
    dp_workspace room = {0};
    dp_subject subject = {.comm = self->comm,
                          .config = self->config,
                          .build = &self->build,
                          .dataset = &self->dataset,
                          .layout = &self->layout};
    DP_RESERVE(&room, subject.params, self->layout.length);
    for (size_t slab = 0; slab < dp_optimizer_slabs(self->config->optimizer.kind); slab++)
        DP_RESERVE(&room, subject.state[slab], self->layout.length);
    DP_TRY_ALLOCATE_ON_ALL(self->comm, memory, &room);
    if (dp_resume(&subject, &silent, &progress, &found, error) == DP_OK)
        add_resumption(self, &progress);
    else
        PROBLEM("resuming", "%s", error->message);
    return DP_OK;
}

/* What resuming does not read. */
static void check_files(examination *self) {
    DP_OWNED(dp_findings_clear) dp_findings files = {0};
    const char *dir = self->config->run_dir;
    uint64_t newest = 0;
    if (!find_newest_step(dir, &newest))
        return;
    dp_run_check(dir, false, &files);
    const size_t bad = files.counts[DP_VERDICT_PROBLEM];
    if (bad == 0)
        GOOD("files", "%s: each is whole", dir);
    else
        WARN("files", "%s: %zu %s damaged or missing: dptrain check %s", dir, bad,
             bad == 1 ? "is" : "are", dir);
}

/* --- all of it ------------------------------------------------------------------------------ */

static void clear(examination *self) {
    dp_dataset_close(&self->dataset);
    dp_memory_free(self->machines);
}

dp_status dp_checkup_run(dp_findings *findings, dp_comm *comm, const dp_config *config,
                         dp_error *error) {
    DP_OWNED(clear) examination self = {.findings = findings, .comm = comm, .config = config};
    DP_TRY(gather_machines(&self, error));
    check_ranks(&self);
    check_yielding(&self);
    check_lost_host(&self);
    check_instruction_sets(&self);
    if (config != NULL) {
        DP_TRY(check_dataset(&self, error));
        DP_TRY(check_shares(&self, error));
    }
    check_shared_memory(&self);
    check_limits(&self);
    if (dp_comm_rank(comm) == 0)
        check_folder(&self);
    if (self.has_layout)
        DP_TRY(check_resuming(&self, error));
    if (config != NULL && dp_comm_rank(comm) == 0)
        check_files(&self);
    check_gnuplot(&self);
    return dp_comm_agree(comm, dp_text_check(&findings->lines, error), error);
}
