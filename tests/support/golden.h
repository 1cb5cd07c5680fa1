/* golden: what PyTorch made of parameters by steps of each optimizer (tests/golden/make_golden.py),
 * in float64 and in float32. */
#ifndef DP_TESTS_GOLDEN_H
#define DP_TESTS_GOLDEN_H

#include "engine/engine.h"
#include "expect.h"
#include "formats/h5reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DP_GOLDEN_FILE DP_TESTS_DIR "/golden/golden.h5"
#define DP_GOLDEN_OPTIMIZERS 4

static const struct {
    const char *name, *keys;
    double rate, bound; /* of the largest of a tensor, or 0: twice the error of PyTorch's float32 */
} golden_optimizers[DP_GOLDEN_OPTIMIZERS] = {
    {"sgd", "train.optimizer=sgd", 0.1, 2e-7},
    {"momentum", "train.optimizer=momentum train.momentum=0.8", 0.1, 2e-7},
    {"nesterov", "train.optimizer=nesterov train.momentum=0.8", 0.1, 2e-7},
    {"adamw", "train.optimizer=adamw train.beta1=0.8 train.beta2=0.95 train.epsilon=1e-3", 0.1,
     0.0},
};

/* A config of these keys, with blanks between. */
static inline void golden_config(dp_config *config, const char *of_shape, const char *of_way,
                                 const char *of_optimizer) {
    enum { KEYS_MAX = 16 };
    dp_error error = {0};
    char text[1024], *words[KEYS_MAX];
    int count = 0;
    assert_in_range(snprintf(text, sizeof text, "%s %s %s", of_shape, of_way, of_optimizer), 1,
                    sizeof text - 1);
    for (char *word = strtok(text, " "); word != NULL && count < KEYS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    expect_ok(dp_config_load(config, NULL, count, words, &error), &error);
}

static inline void golden_read(const dp_h5reader *file, const char *object, const dp_tensor *tensor,
                               float *values) {
    dp_error error = {0};
    dp_h5shape shape = {.rank = 2, .size = {tensor->rows, tensor->cols}};
    if (tensor->rank == 1)
        shape = (dp_h5shape){.rank = 1, .size = {tensor->cols}};
    expect_ok(dp_h5reader_floats(file, object, shape, values, &error), &error);
}

/* The largest error of a tensor, relative to its largest element. */
static inline double golden_error(const dp_h5reader *file, const char *object,
                                  const dp_tensor *tensor, const float *slab) {
    enum { ELEMENTS_MAX = 4096 };
    static float expected[ELEMENTS_MAX], rest[ELEMENTS_MAX];
    char path[96];
    double error = 0.0, largest = 0.0;
    assert_in_range(dp_tensor_size(tensor), 1, ELEMENTS_MAX);
    golden_read(file, object, tensor, expected);
    snprintf(path, sizeof path, "%s_rest", object);
    golden_read(file, path, tensor, rest);
    for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
        const double right = (double)expected[i] + (double)rest[i];
        error = fmax(error, fabs((double)slab[dp_tensor_index(tensor, i)] - right));
        largest = fmax(largest, fabs(right));
    }
    return error / largest;
}

/* Where that is twice the error of PyTorch's float32, and at least `least`. */
static inline double golden_bound(const dp_h5reader *file, const char *group, size_t optimizer,
                                  const char *tensor, double least) {
    dp_error error = {0};
    char object[96];
    float of_pytorch = 0.0f;
    if (golden_optimizers[optimizer].bound > 0.0)
        return golden_optimizers[optimizer].bound;
    snprintf(object, sizeof object, "/%s/%s/%s_error", group, golden_optimizers[optimizer].name,
             tensor);
    expect_ok(
        dp_h5reader_floats(file, object, (dp_h5shape){.rank = 1, .size = {1}}, &of_pytorch, &error),
        &error);
    return fmax(2.0 * (double)of_pytorch, least);
}

/* How many tensors are too far off, after the steps of a way to compute. */
static inline int golden_count_failures(const dp_h5reader *file, const char *group, const char *way,
                                        size_t optimizer, double least, const dp_subject *subject) {
    const char *name = golden_optimizers[optimizer].name;
    int failures = 0;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &subject->layout->tensors[t];
        char object[64];
        if (dp_tensor_size(tensor) == 0)
            continue;
        snprintf(object, sizeof object, "/%s/%s/%s", group, name, tensor->name);
        const double bound = golden_bound(file, group, optimizer, tensor->name, least);
        const double error = golden_error(file, object, tensor, subject->params);
        print_message("%-18s %-9s %-10s %-2s  %9.2e of %.2e\n", way, name,
                      dp_cpu_level_name(subject->build->level), tensor->name, error, bound);
        failures += !(error <= bound);
    }
    return failures;
}

#endif
