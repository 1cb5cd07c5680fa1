
#include "engine/config.h"
#include "jobs/jobs.h"
#include "system/termination.h"
#include "train/trainer.h"

static const dp_option options[] = {
    DP_SWITCH(dp_train_request, fresh, "fresh", "start over: remove what the run folder holds"),
    DP_UNSIGNED(dp_train_request, stop_at, "stop_at", "0", 0, 1e15, "STEP",
                "end early, with a checkpoint; at 0, of the weights that the run begins with",
                .given = offsetof(dp_train_request, stops)),
    DP_DURATION(
        dp_train_request, max_time, "max_time", "0", 0, 1e9, "TIME",
        "end with a checkpoint before so long has passed (90s, 30m, 2h, 1:30:00), with exit "
        "status 75; 0: do not"),
    DP_SWITCH(dp_train_request, quiet, "quiet",
              "nothing on the terminal but what is wrong; log.txt has all", .alias = 'q'),
    DP_SWITCH(dp_train_request, verbose, "verbose", "also show every setting at the start",
              .alias = 'v'),
    DP_PATH(dp_train_request, trace, "trace", "", "FILE",
            "write a Chrome trace of the first steps, a row a rank"),
    DP_OPTIONS_END_BEFORE(dp_config_options),
};

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_train_request request = {0};
    dp_config config;
    dp_train_outcome outcome = {0};
    DP_TRY(dp_command_parse_config(comm, options, &request, count, arguments, &config, error));
    request.signal = dp_termination_catch();
    DP_TRY(dp_trainer_run(comm, &config, &request, &outcome, error));
    *signal = outcome.signal;
    return outcome.out_of_time ? dp_fail(error, DP_OUT_OF_TIME, "%s", "") : DP_OK;
}

const dp_command dp_command_train = {
    .name = "train",
    .arguments = "CONFIG [section.key=value ...]",
    .purpose = "train, or go on training, the run that CONFIG describes",
    .details = "The word 'train' may be left out. The same command again resumes from the newest\n"
               "checkpoint of the run folder, on any number of ranks.\n",
    .examples = "dptrain configs/base.ini\n"
                "mpirun -np 2 dptrain configs/base.ini train.lr=0.05 run.dir=runs/lower\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH | DP_OUTLIVES_READER,
    .run = run,
};
