/* next_token MODEL [CONTEXT]: the five tokens that are likeliest behind a context; without one,
 * behind each line that is typed. MODEL is a checkpoint or the folder of a run. */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <dptrain/dptrain.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints the likeliest token and takes it out of the race. */
static void print_likeliest(const dptrain_model *model, double *probabilities, size_t vocab) {
    uint32_t best = 0;
    for (uint32_t id = 1; id < vocab; id++)
        best = probabilities[id] > probabilities[best] ? id : best;
    printf("%.4f %s\n", probabilities[best], dptrain_token(model, best));
    probabilities[best] = -1.0;
}

static int answer(dptrain_model *model, const char *text, dptrain_error *error) {
    dptrain_description is;
    dptrain_describe(model, &is, sizeof is);
    uint32_t *context = calloc(is.block_size, sizeof *context);
    double *probabilities = calloc(is.vocab, sizeof *probabilities);
    dptrain_status status = DPTRAIN_ERR_MEMORY;
    snprintf(error->message, sizeof error->message, "out of memory");
    if (context != NULL && probabilities != NULL)
        status = dptrain_context(model, text, strlen(text), context, error);
    if (status == DPTRAIN_OK)
        status = dptrain_next(model, context, probabilities, error);
    for (int i = 0; i < 5 && status == DPTRAIN_OK && (size_t)i < is.vocab; i++)
        print_likeliest(model, probabilities, is.vocab);
    free(probabilities);
    free(context);
    return status;
}

/* A question a line, until there are no more; one that has no answer is not the last. */
static void prompt(dptrain_model *model, dptrain_error *error) {
    char *line = NULL;
    size_t capacity = 0;
    while (printf("> "), fflush(stdout), getline(&line, &capacity, stdin) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (answer(model, line, error) != DPTRAIN_OK)
            printf("%s\n", error->message);
    }
    printf("\n");
    free(line);
}

int main(int argc, char **argv) {
    dptrain_error error;
    dptrain_model *model = NULL;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: next_token MODEL [CONTEXT]\n");
        return DPTRAIN_ERR_INPUT;
    }
    int status = dptrain_open(&model, argv[1], &error);
    if (status == DPTRAIN_OK && argc == 2)
        prompt(model, &error);
    else if (status == DPTRAIN_OK)
        status = answer(model, argv[2], &error);
    if (status != DPTRAIN_OK)
        fprintf(stderr, "next_token: %s\n", error.message);
    dptrain_close(model);
    return status;
}
