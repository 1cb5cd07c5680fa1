/* sample_options: a table with one option of every type, for tests of the options module. */
#ifndef DP_TESTS_SAMPLE_OPTIONS_H
#define DP_TESTS_SAMPLE_OPTIONS_H

#include "options/options.h"

#include <stdbool.h>

typedef enum sample_colour { SAMPLE_RED, SAMPLE_GREEN, SAMPLE_BLUE } sample_colour;

typedef struct sample {
    uint64_t steps;
    double rate;
    char path[DP_PATH_SIZE];
    bool quiet;
    sample_colour colour;
    unsigned splits;
    dp_option_unsigned_list milestones;
    dp_option_real_list factors;
} sample;

static const dp_option sample_config[] = {
    DP_UNSIGNED(sample, steps, "train.steps", "100", 10, 1e9, "steps", "How long to train",
                .flags = DP_OPTION_RESULT),
    DP_REAL(sample, rate, "train.rate", "0.1", -1.0, 10.0, NULL, "Learning rate",
            .flags = DP_OPTION_RESULT),
    DP_UNSIGNED_LIST(sample, milestones, "train.milestones", "", 10, 1e18, NULL,
                     "Where the rate changes"),
    DP_REAL_LIST(sample, factors, "train.factors", "0.5", 0.25, 1e9, NULL, "By how much"),
    DP_PATH(sample, path, "data.path", "", "FILE", "Dataset"),
    DP_CHOICES(sample, splits, "data.splits", "dev", DP_NAMES("train", "dev", "test"), NULL,
               "Splits to evaluate"),
    DP_SWITCH(sample, quiet, "report.quiet", "Say nothing"),
    DP_CHOICE(sample, colour, "report.colour", "green", DP_NAMES("red", "green", "blue"), NULL,
              "Of the plot"),
    DP_OPTIONS_END,
};

#endif
