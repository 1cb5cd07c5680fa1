/* score_lines MODEL FILE: of each line its log-probability, the tokens that it counts, the unknown
 * ones of them, and the line. MODEL is a checkpoint or the folder of a run. */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <dptrain/dptrain.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int score_line(dptrain_model *model, const char *line, size_t length, dptrain_error *error) {
    dptrain_text_score score;
    const dptrain_status status = dptrain_score(model, line, length, &score, sizeof score, error);
    if (status == DPTRAIN_OK)
        printf("%.6f %llu %llu %.*s\n", score.log_probability, (unsigned long long)score.tokens,
               (unsigned long long)score.unknown, (int)length, line);
    return status;
}

static int score_file(dptrain_model *model, FILE *file, dptrain_error *error) {
    int status = DPTRAIN_OK;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    while (status == DPTRAIN_OK && (length = getline(&line, &capacity, file)) >= 0) {
        length -= length > 0 && line[length - 1] == '\n';
        status = score_line(model, line, (size_t)length, error);
    }
    free(line);
    return status;
}

int main(int argc, char **argv) {
    dptrain_error error;
    dptrain_model *model = NULL;
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: score_lines MODEL FILE\n");
        return DPTRAIN_ERR_INPUT;
    }
    int status = dptrain_open(&model, argv[1], &error);
    if (status == DPTRAIN_OK)
        status = score_file(model, file, &error);
    if (status != DPTRAIN_OK)
        fprintf(stderr, "score_lines: %s\n", error.message);
    dptrain_close(model);
    fclose(file);
    return status;
}
