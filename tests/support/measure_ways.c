/* measure_ways: what the ways to a step cost, in turn in one process, for bench/ways.py.
 *
 *     measure_ways SECONDS CONFIG [section.key=value]...    a line for each way: its name, and the
 *                                                           microseconds of processor time a step
 *
 * The way of layer 1 that dptrain has no option for is forced here.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS_MAX = 400 };

/* A turn of a way, long against the clock's tick; a step before it finds in the caches what the way
 * before has left there, and is not counted. */
#define TURN_SECONDS 0.008

typedef struct way {
    const char *name;
    dp_output_kind output;
    dp_layer1 layer1;
    bool is_possible;
    dp_config config;
    dp_schedule schedule;
    dp_engine *engine;
    uint64_t step, steps; /* so many a turn */
    double us[ROUNDS_MAX];
} way;

static way ways[] = {
    {.name = "split", .output = DP_OUTPUT_SPLIT},
    {.name = "rows", .output = DP_OUTPUT_REPLICATED, .layer1 = DP_LAYER1_BY_ROWS},
    {.name = "forward", .output = DP_OUTPUT_REPLICATED, .layer1 = DP_LAYER1_FORWARD_BY_PAIRS},
    {.name = "pairs", .output = DP_OUTPUT_REPLICATED, .layer1 = DP_LAYER1_BY_PAIRS},
    {.name = "contexts", .output = DP_OUTPUT_REPLICATED, .layer1 = DP_LAYER1_BY_CONTEXTS},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Microseconds a step. */
static double take_steps(way *self, uint64_t count) {
    const double before = processor_seconds();
    for (uint64_t i = 0; i < count; i++, self->step++)
        (void)dp_engine_step(
            self->engine,
            &(dp_step){.number = self->step, .lr = dp_schedule_lr(&self->schedule, self->step)});
    return 1e6 * (processor_seconds() - before) / (double)count;
}

static double take_turn(way *self) {
    (void)take_steps(self, 1);
    return take_steps(self, self->steps);
}

static bool is_possible(const dp_config *config, dp_layer1 layer1) {
    if (layer1 >= DP_LAYER1_FORWARD_BY_PAIRS)
        return config->hidden_dim > 0 && !config->direct && config->dropout_embedding == 0.0 &&
               (layer1 < DP_LAYER1_BY_CONTEXTS || config->dropout_hidden == 0.0);
    return true;
}

static dp_status begin(way *self, dp_comm *comm, const dp_config *config, dp_error *error) {
    self->config = *config;
    self->config.output = self->output;
    self->config.layer1 = self->layer1;
    self->schedule = dp_config_schedule(&self->config);
    self->is_possible = is_possible(config, self->layer1);
    if (!self->is_possible)
        return DP_OK;
    DP_TRY(dp_engine_create(&self->engine, comm, &self->config, error));
    DP_TRY(dp_engine_initialise(self->engine, error));
    dp_engine_publish(self->engine);
    const double us = (take_steps(self, 2), take_steps(self, 3));
    self->steps = 1 + (uint64_t)(1e6 * TURN_SECONDS / us);
    return DP_OK;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What is not disturbed by what else the machine does: the fifth of the turns that was fastest. */
static void print(way *self, size_t rounds) {
    qsort(self->us, rounds, sizeof *self->us, ascending);
    printf("%s %.2f\n", self->name, self->us[rounds / 5]);
}

static dp_status measure(dp_comm *comm, double seconds, const dp_config *config, dp_error *error) {
    const double end = processor_seconds() + seconds;
    size_t rounds = 0;
    for (way *each = ways; each < ways + WAYS; each++)
        DP_TRY(begin(each, comm, config, error));
    for (; rounds < 3 || (rounds < ROUNDS_MAX && processor_seconds() < end); rounds++) {
        for (way *each = ways; each < ways + WAYS; each++)
            each->us[rounds] = each->is_possible ? take_turn(each) : 0.0;
    }
    for (way *each = ways; each < ways + WAYS; each++) {
        if (each->is_possible)
            print(each, rounds);
        dp_engine_destroy(each->engine);
    }
    return DP_OK;
}

int main(int count, char **arguments) {
    dp_error error = {0};
    dp_comm *comm = NULL;
    dp_config config;
    if (count < 3) {
        fprintf(stderr, "usage: measure_ways SECONDS CONFIG [section.key=value]...\n");
        return 2;
    }
    dp_status status = dp_comm_create(&comm, &error);
    if (status == DP_OK)
        status = dp_config_load(&config, arguments[2], count - 3, arguments + 3, &error);
    if (status == DP_OK)
        status = measure(comm, strtod(arguments[1], NULL), &config, &error);
    if (status != DP_OK)
        fprintf(stderr, "measure_ways: %s\n", error.message);
    dp_comm_destroy(comm);
    return (int)status;
}
