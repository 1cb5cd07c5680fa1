/* ask_model.c MODEL: what it takes to open a model and to ask it for the next token, as JSON:
 * processor time, and the memory that opening and first answers take. Made and run by score.py. */
#include <dptrain/dptrain.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OPENED = 51, ASKED = 20000, ROUNDS = 21 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static long resident(void) {
    long all = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2)
        exit(3);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static int lowest_first(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, lowest_first);
    return values[count / 2];
}

int main(int count, char **arguments) {
    dptrain_error error;
    dptrain_model *model = NULL;
    dptrain_description is;
    double opened[OPENED], asked[ROUNDS];
    if (count != 2)
        return 2;
    const long before = resident();
    for (int i = 0; i < OPENED; i++) {
        const double begin = now();
        dptrain_close(i == 1 ? NULL : model); /* the first one stays open */
        if (dptrain_open(&model, arguments[1], &error) != DPTRAIN_OK)
            return fprintf(stderr, "%s\n", error.message), 3;
        opened[i] = now() - begin;
        if (i == 0) {
            dptrain_describe(model, &is, sizeof is);
            printf("{\"bytes\":%ld,\"vocab\":%zu,", resident() - before, is.vocab);
        }
    }
    double *probabilities = malloc(is.vocab * sizeof *probabilities);
    uint32_t *context = calloc(is.block_size, sizeof *context), id = 1;
    if (probabilities == NULL || context == NULL)
        return 4;
    const int questions = is.vocab > 1000 ? ASKED / 100 : ASKED;
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = now();
        for (int i = 0; i < questions; i++) {
            id = (uint32_t)((id * 69069u + 1u) % is.vocab);
            context[(size_t)i % is.block_size] = id;
            if (dptrain_next(model, context, probabilities, &error) != DPTRAIN_OK)
                return 70;
        }
        asked[round] = (now() - begin) / questions;
    }
    printf("\"open_ms\":%.4f,\"next_us\":%.4f}\n", 1e3 * median(opened, OPENED),
           1e6 * median(asked, ROUNDS));
    return 0;
}
