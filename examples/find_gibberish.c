/* find_gibberish MODEL THRESHOLD <TEXT: the lines that are less likely a token than that, a natural
 * logarithm: `dptrain score --flag` shows one that fits the model. Ends with 1 where there is any.
 */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <dptrain/dptrain.h>

#include <stdio.h>
#include <stdlib.h>

#define FOUND 1

static int filter(dptrain_model *model, double threshold, dptrain_error *error) {
    int status = DPTRAIN_OK, found = 0;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    dptrain_text_score score;
    while (status == DPTRAIN_OK && (length = getline(&line, &capacity, stdin)) >= 0) {
        length -= length > 0 && line[length - 1] == '\n';
        status = dptrain_score(model, line, (size_t)length, &score, sizeof score, error);
        if (status != DPTRAIN_OK || score.log_probability >= threshold * (double)score.tokens)
            continue;
        found = FOUND;
        printf("%.*s\n", (int)length, line);
    }
    free(line);
    return status == DPTRAIN_OK ? found : status;
}

int main(int argc, char **argv) {
    dptrain_error error;
    dptrain_model *model = NULL;
    char *end = "";
    const double threshold = argc == 3 ? strtod(argv[2], &end) : 0.0;
    if (argc != 3 || end == argv[2] || *end != '\0') {
        fprintf(stderr, "usage: find_gibberish MODEL THRESHOLD <TEXT\n");
        return DPTRAIN_ERR_INPUT;
    }
    int status = dptrain_open(&model, argv[1], &error);
    if (status == DPTRAIN_OK)
        status = filter(model, threshold, &error);
    if (status > FOUND)
        fprintf(stderr, "find_gibberish: %s\n", error.message);
    dptrain_close(model);
    return status;
}
