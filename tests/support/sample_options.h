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

#define SAMPLE_FIELD(field) .offset = offsetof(sample, field)

static const dp_option sample_config_options[] = {
    {.key = "train.steps",
     .type = DP_OPTION_UNSIGNED,
     SAMPLE_FIELD(steps),
     .initial = "100",
     .minimum = 10,
     .maximum = 1e9,
     .unit = "steps",
     .help = "How long to train",
     .flags = DP_OPTION_RESULT},
    {.key = "train.rate",
     .type = DP_OPTION_REAL,
     SAMPLE_FIELD(rate),
     .initial = "0.1",
     .minimum = -1.0,
     .maximum = 10.0,
     .help = "Learning rate",
     .flags = DP_OPTION_RESULT},
    {.key = "train.milestones",
     .type = DP_OPTION_UNSIGNED_LIST,
     SAMPLE_FIELD(milestones),
     .initial = "",
     .minimum = 10,
     .maximum = 1e18,
     .help = "Where the rate changes"},
    {.key = "train.factors",
     .type = DP_OPTION_REAL_LIST,
     SAMPLE_FIELD(factors),
     .initial = "0.5",
     .minimum = 0.25,
     .maximum = 1e9,
     .help = "By how much"},
    {.key = "data.path",
     .type = DP_OPTION_TEXT,
     SAMPLE_FIELD(path),
     .initial = "",
     .unit = "FILE",
     .help = "Dataset"},
    {.key = "data.splits",
     .type = DP_OPTION_CHOICES,
     SAMPLE_FIELD(splits),
     .initial = "dev",
     .choices = "train|dev|test",
     .help = "Splits to evaluate"},
    {.key = "report.quiet",
     .type = DP_OPTION_SWITCH,
     SAMPLE_FIELD(quiet),
     .initial = "no",
     .help = "Say nothing"},
    {.key = "report.colour",
     .type = DP_OPTION_CHOICE,
     SAMPLE_FIELD(colour),
     .initial = "green",
     .choices = "red|green|blue",
     .help = "Of the plot"},
};

static const dp_option_table sample_config = {
    sample_config_options, sizeof sample_config_options / sizeof sample_config_options[0]};

#endif
