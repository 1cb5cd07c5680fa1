/* The files that a run keeps beside its checkpoints, one of them made up: the first byte says
 * which. Each is refused or read by all who read it: `check`, the pictures, a run that goes on in
 * the folder or takes its lock, and what tells files of different kinds apart.
 */
#include "base/digest.h"
#include "data/check_stamp.h"
#include "fuzz.h"
#include "plots/run_figures.h"
#include "run/run_check.h"
#include "run/run_folder.h"
#include "run/run_lock.h"
#include "run/summary.h"

#include <sys/stat.h>

#define STEP 5 /* behind which a run goes on */

static const char metrics[] =
    "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"
    "seconds,grad_norm,start,at_work\n"
    "2,3.5,3.25,0.5,,3.5,,xxh3:0123456789abcdef,1.0,100,0.1,1.5,1,1\n"
    "4,3.0,3.0,0.5,3.25,3.25,3.5,xxh3:0123456789abcdef,1.0,100,0.2,1.5,1,1\n";

static char folder[DP_PATH_SIZE];

static const char *in_folder(const char *name) {
    static char path[DP_PATH_SIZE];
    snprintf(path, sizeof path, "%.4000s/%s", folder, name);
    return path;
}

static void remove_folder(void) {
    unlink(in_folder("metrics.csv"));
    rmdir(folder);
}

/* Once: the folder, with metrics. */
static void make_folder(void) {
    snprintf(folder, sizeof folder, "%.4000s", fuzz_path("run"));
    fuzz_demand(mkdir(folder, 0700) == 0);
    fuzz_demand(atexit(remove_folder) == 0);
    fuzz_write(in_folder("metrics.csv"), metrics, sizeof metrics - 1);
}

/* --- who reads -------------------------------------------------------------------------------- */

static void tell_kind(const char *path) {
    for (int wanted = DP_FILE_CONFIG; wanted <= DP_FILE_CHECKPOINT; wanted++) {
        dp_error error = {0};
        if (wanted == DP_FILE_SWEEP + 1 || wanted == DP_FILE_HDF5)
            continue;
        const dp_status status = dp_file_kind_expect(path, (dp_file_kind)wanted, &error);
        if (status != DP_OK)
            fuzz_check_error(status, &error);
    }
    fuzz_demand(dp_file_kind_of(path) < DP_FILE_KINDS);
}

static void check_folder(void) {
    dp_findings findings = {0};
    dp_error error = {0};
    dp_run_check(folder, false, &findings);
    fuzz_demand(findings.lines.length > 0);
    for (size_t i = 0; i < findings.lines.length; i++) {
        const unsigned char c = (unsigned char)findings.lines.data[i];
        fuzz_demand(c == '\n' || (c >= 0x20 && c != 0x7F));
    }
    dp_findings_clear(&findings);
    for (int fresh = 0; fresh < 2; fresh++) {
        const dp_status status = dp_run_folder_check(folder, fresh == 1, &error);
        if (status != DP_OK)
            fuzz_check_error(status, &error);
    }
}

static void end_figure(dp_status status, dp_gnuplot_figure *figure, const dp_error *error) {
    if (status != DP_OK)
        fuzz_check_error(status, error);
    dp_gnuplot_clear(figure);
}

static void draw_history(const dp_history *history) {
    dp_gnuplot_figure figure;
    dp_run_curves curves;
    dp_error error = {0};
    const char *const name = "run";
    if (dp_history_end(history) == 0)
        return;
    end_figure(dp_figure_loss(name, history, &figure, &error), &figure, &error);
    end_figure(dp_figure_train_dev(name, history, &figure, &error), &figure, &error);
    fuzz_demand(dp_run_curves_find(history, &curves, &error) == DP_OK);
    end_figure(dp_figure_compare(1, &name, &curves, &figure, &error), &figure, &error);
    dp_run_curves_clear(&curves);
}

static void draw(void) {
    dp_history history = {0};
    dp_error error = {0};
    dp_status status = dp_metrics_read(&history.metrics, in_folder("metrics.csv"), &error);
    if (status == DP_OK)
        status = dp_losses_read(&history.losses, in_folder(DP_LOSSES_NAME), &error);
    if (status == DP_OK)
        draw_history(&history);
    else
        fuzz_check_error(status, &error);
    dp_history_clear(&history);
}

/* --- who goes on ------------------------------------------------------------------------------ */

/* As a run that resumes at STEP: the losses up to there stay, and one more comes. */
static void go_on(const char *path) {
    static dp_losses losses; /* large */
    dp_loss_record before = {0}, after = {0};
    dp_error error = {0};
    uint64_t known = 0;
    losses = (dp_losses){0};
    const dp_status was_read = dp_losses_read(&before, path, &error);
    const dp_status status = dp_losses_open(&losses, path, STEP, &known, &error);
    fuzz_demand(status == was_read);
    if (status == DP_OK) {
        const size_t kept = before.count < STEP ? before.count : STEP;
        dp_losses_add(&losses, 1.0);
        fuzz_demand(dp_losses_flush(&losses, &error) == DP_OK);
        fuzz_demand(dp_losses_read(&after, path, &error) == DP_OK);
        fuzz_demand(known == kept && after.count == STEP + 1);
        fuzz_demand(kept == 0 ||
                    memcmp(before.values, after.values, kept * sizeof before.values[0]) == 0);
    } else {
        fuzz_check_error(status, &error);
    }
    dp_losses_close(&losses);
    dp_loss_record_clear(&before);
    dp_loss_record_clear(&after);
}

static void take_lock(const char *path) {
    static dp_run_lock lock; /* large: paths */
    char notice[DP_RUN_LOCK_NOTICE_SIZE];
    dp_error error = {0};
    const dp_status status = dp_run_lock_take(&lock, folder, notice, &error);
    fuzz_demand(dp_file_exists(path));
    if (status == DP_OK)
        fuzz_demand(notice[0] != '\0'); /* whose it was */
    else
        fuzz_check_error(status, &error);
    dp_run_lock_release(&lock);
    fuzz_demand(dp_file_exists(path) == (status != DP_OK));
}

/* A stamp counts only where it is the one text that would be written. */
static void believe(const char *path, const uint8_t *data, size_t size) {
    static const char only[] = "dptrain check stamp 1\nsize 1\ninode 2\nmodified 3\nchanged 4\n"
                               "sha256 ab\n";
    static dp_dataset dataset = {.state = {1, 2, 3, 4}, .info.sha256 = "ab"}; /* large: paths */
    char sum[DP_HASH_TEXT_SIZE + 1];
    snprintf(dataset.path, sizeof dataset.path, "%.*s",
             (int)(strlen(path) - strlen(DP_CHECK_STAMP_SUFFIX)), path);
    fuzz_demand(chmod(path, 0600) == 0);
    fuzz_demand(!dp_check_stamp_valid(&dataset));
    snprintf(sum, sizeof sum, "%s\n", DP_HASH_TEXT(dp_xxh3_of(data, size)));
    fuzz_append(path, sum);
    fuzz_demand(dp_check_stamp_valid(&dataset) ==
                (size == sizeof only - 1 && memcmp(data, only, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {DP_LOSSES_NAME, DP_RUN_LOCK_NAME, "data.h5.checked",
                                        "metrics.csv",  "summary.json",   "config.ini"};
    enum { LOSSES, LOCK, STAMP, METRICS, SUMMARY, CONFIG, KINDS };
    char path[DP_PATH_SIZE];
    if (size == 0)
        return 0;
    if (folder[0] == '\0')
        make_folder();
    const int kind = data[0] % KINDS;
    snprintf(path, sizeof path, "%s", in_folder(names[kind]));
    fuzz_write(path, data + 1, size - 1);
    tell_kind(path);
    check_folder();
    if (kind == LOSSES || kind == METRICS)
        draw();
    if (kind == LOSSES)
        go_on(path);
    if (kind == LOCK)
        take_lock(path);
    if (kind == STAMP)
        believe(path, data + 1, size - 1);
    unlink(path);
    if (kind == METRICS)
        fuzz_write(path, metrics, sizeof metrics - 1);
    return 0;
}
