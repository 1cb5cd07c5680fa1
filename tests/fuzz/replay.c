/* replay FOLDER...: runs a fuzz target on every file of the folders, and on variations of
 * each: cut short, and with bytes changed here and there, always the same ones. For compilers
 * without libFuzzer; a crash, a broken promise or a sanitizer's finding ends it. */
#include "fuzz.h"

#include <dirent.h>

#ifndef VARIATIONS
#define VARIATIONS 200 /* of each file */
#endif

/* Xorshift, so that the variations are the same everywhere. */
static uint64_t draw(uint64_t *state, uint64_t limit) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % limit;
}

static void run_variation(const uint8_t *data, size_t size, uint64_t *state) {
    static const uint8_t favourites[] = {0, 1, 2, 7, 8, 0x10, 0x1B, 0x7F, 0x80, 0xFE, 0xFF};
    uint8_t *copy = malloc(size); /* of its exact size, for the sanitizer */
    fuzz_demand(copy != NULL);
    memcpy(copy, data, size);
    for (uint64_t changes = 1 + draw(state, 4); changes > 0; changes--) {
        uint8_t *byte = &copy[draw(state, size)];
        *byte = (uint8_t)(draw(state, 2) == 0 ? *byte ^ 1u << draw(state, 8)
                                              : favourites[draw(state, sizeof favourites)]);
    }
    LLVMFuzzerTestOneInput(copy, draw(state, 8) == 0 ? (size_t)draw(state, size) : size);
    free(copy);
}

static void run_file(const char *path) {
    dp_file_map map;
    dp_error error;
    uint64_t state = 88172645463325252u;
    fuzz_demand(dp_file_map_open(&map, path, &error) == DP_OK);
    LLVMFuzzerTestOneInput(map.data, map.size);
    for (int i = 0; i < VARIATIONS && map.size > 0; i++)
        run_variation(map.data, map.size, &state);
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
    printf("%d files, %d variations of each\n", count, VARIATIONS);
    return count > 0 ? 0 : 1;
}
