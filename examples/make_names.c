/* make_names MODEL COUNT [FILE]: so many texts that the model makes up, none twice and none that is
 * a line of FILE. MODEL is a checkpoint or the folder of a run. */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <dptrain/dptrain.h>

#include <stdio.h>
#include <stdlib.h>

static int add_lines(dptrain_texts *known, FILE *file, dptrain_error *error) {
    int status = DPTRAIN_OK;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    while (status == DPTRAIN_OK && (length = getline(&line, &capacity, file)) >= 0) {
        length -= length > 0 && line[length - 1] == '\n';
        status = dptrain_texts_add(known, line, (size_t)length, NULL, error);
    }
    free(line);
    return status;
}

static int make(dptrain_model *model, unsigned long count, FILE *file, dptrain_error *error) {
    dptrain_sampling how;
    dptrain_drawn drawn;
    dptrain_texts *known = NULL;
    uint64_t next = 0;
    int status = dptrain_texts_create(&known, error);
    if (status == DPTRAIN_OK && file != NULL)
        status = add_lines(known, file, error);
    dptrain_sampling_init(&how, sizeof how);
    how.unlike = known;
    how.unique = 1;
    how.min_length = 1;
    for (unsigned long i = 0; i < count && status == DPTRAIN_OK; i++) {
        status = dptrain_draw(model, &how, next, &drawn, sizeof drawn, error);
        if (status != DPTRAIN_OK)
            break;
        printf("%s\n", drawn.text);
        next = drawn.index + 1;
    }
    dptrain_texts_destroy(known);
    return status;
}

int main(int argc, char **argv) {
    dptrain_error error;
    dptrain_model *model = NULL;
    FILE *file = argc == 4 ? fopen(argv[3], "r") : NULL;
    if (argc < 3 || argc > 4 || (argc == 4 && file == NULL)) {
        fprintf(stderr, "usage: make_names MODEL COUNT [FILE]\n");
        return DPTRAIN_ERR_INPUT;
    }
    int status = dptrain_open(&model, argv[1], &error);
    if (status == DPTRAIN_OK)
        status = make(model, strtoul(argv[2], NULL, 10), file, &error);
    if (status != DPTRAIN_OK)
        fprintf(stderr, "make_names: %s\n", error.message);
    dptrain_close(model);
    if (file != NULL)
        fclose(file);
    return status;
}
