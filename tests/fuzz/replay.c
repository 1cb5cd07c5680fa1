/* replay FOLDER...: runs a fuzz target on every file of the folders, and on variations of
 * each, always the same ones: in its structure (mutator.h), cut short, and with bytes changed here
 * and there. For compilers without libFuzzer; a crash, a broken promise or a sanitizer's finding
 * ends it. */
#include "mutator.h"

#include <dirent.h>

#ifndef VARIATIONS
#define VARIATIONS 200 /* of each file */
#endif

/* Bytes changed here and there; as libFuzzer's, for the mutators. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    static const uint8_t favourites[] = {0, 1, 2, 7, 8, 0x10, 0x1B, 0x7F, 0x80, 0xFE, 0xFF};
    static uint64_t state = FUZZ_STATE;
    (void)max_size;
    for (uint64_t changes = 1 + fuzz_draw(&state, 4); changes > 0 && size > 0; changes--) {
        uint8_t *byte = &data[fuzz_draw(&state, size)];
        *byte =
            (uint8_t)(fuzz_draw(&state, 2) == 0 ? *byte ^ 1u << fuzz_draw(&state, 8)
                                                : favourites[fuzz_draw(&state, sizeof favourites)]);
    }
    return fuzz_draw(&state, 8) == 0 ? (size_t)fuzz_draw(&state, size + 1) : size;
}

static void run_variation(const uint8_t *data, size_t size, unsigned seed) {
    const size_t room = size + 256;
    uint8_t *copy = malloc(room);
    fuzz_demand(copy != NULL);
    memcpy(copy, data, size);
    const size_t changed = LLVMFuzzerCustomMutator(copy, size, room, seed);
    uint8_t *exact = malloc(changed + (changed == 0)); /* of its size, for the sanitizer */
    fuzz_demand(exact != NULL);
    memcpy(exact, copy, changed);
    LLVMFuzzerTestOneInput(exact, changed);
    free(exact);
    free(copy);
}

static void run_file(const char *path) {
    dp_file_map map;
    dp_error error;
    fuzz_demand(dp_file_map_open(&map, path, &error) == DP_OK);
    LLVMFuzzerTestOneInput(map.data, map.size);
    for (unsigned i = 0; i < VARIATIONS && map.size > 0; i++)
        run_variation(map.data, map.size, i);
    dp_file_map_close(&map);
}

static int run_folder(const char *folder) {
    char path[DP_PATH_SIZE];
    int count = 0;
    DIR *listing = opendir(folder);
    if (listing == NULL)
        return 0;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        run_file(path);
        count++;
    }
    closedir(listing);
    return count;
}

int main(int argument_count, char **arguments) {
    int count = 0;
    for (int i = 1; i < argument_count; i++)
        count += run_folder(arguments[i]);
    fprintf(stderr, "%d files, %d variations of each\n", count, VARIATIONS);
    return count > 0 ? 0 : 1;
}
