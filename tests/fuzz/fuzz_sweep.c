/* A sweep file beside a config base.ini: it is refused, or every trial has a name that is that of a
 * folder and a config, or says what is wrong with it. */
#include "fuzz.h"
#include "sweep/sweep_plan.h"

#include <sys/stat.h>

static char folder[DP_PATH_SIZE], sweep[DP_PATH_SIZE], base[DP_PATH_SIZE];

static void remove_folder(void) {
    unlink(sweep);
    unlink(base);
    rmdir(folder);
}

/* Once: the folder with its config. */
static void make_folder(void) {
    static const char config[] = "[data]\npath = a.h5\n[train]\nsteps = 5\n";
    snprintf(folder, sizeof folder, "%.4000s", fuzz_path("sweep"));
    snprintf(sweep, sizeof sweep, "%.4000s/sweep.ini", folder);
    snprintf(base, sizeof base, "%.4000s/base.ini", folder);
    fuzz_demand(mkdir(folder, 0700) == 0);
    fuzz_demand(atexit(remove_folder) == 0);
    fuzz_write(base, config, sizeof config - 1);
}

static void check_trial(const dp_sweep_plan *plan, const dp_sweep_trial *trial) {
    dp_text value = {0};
    fuzz_demand(trial->name[0] != '\0' && trial->name[0] != '.');
    fuzz_demand(strchr(trial->name, '/') == NULL);
    fuzz_demand(trial->error.status == DP_OK || trial->error.message[0] != '\0');
    for (size_t i = 0; i < plan->column_count && trial->error.status == DP_OK; i++)
        dp_sweep_column_format(plan->columns[i], trial, &value);
    dp_text_clear(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static size_t order[DP_SWEEP_TRIALS_MAX];
    dp_sweep_plan plan;
    dp_error error = {0};
    if (folder[0] == '\0')
        make_folder();
    fuzz_write(sweep, data, size);
    dp_status status = dp_sweep_plan_read(&plan, sweep, 0, NULL, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return 0;
    }
    fuzz_demand(plan.count >= 1 && plan.count <= DP_SWEEP_TRIALS_MAX);
    for (size_t i = 0; i < plan.count; i++)
        check_trial(&plan, &plan.trials[i]);
    dp_sweep_plan_order(plan.trials, plan.count, order);
    dp_sweep_plan_clear(&plan);
    return 0;
}
