/* fuzz: what the fuzz targets share. A target is a program with one function that takes any bytes,
 * LLVMFuzzerTestOneInput; libFuzzer calls it with what it makes up (scripts/fuzz.sh), and replay.c
 * with the files of a corpus, with any compiler. A target aborts where a promise is broken.
 */
#ifndef DP_TESTS_FUZZ_H
#define DP_TESTS_FUZZ_H

#include "base/status.h"
#include "system/file.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* What it makes of an input to try next, of max_size bytes at most (mutator.c). */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* A number below `limit`, above 0, by xorshift, so that it is the same everywhere. *state begins
 * with FUZZ_STATE, or another number but 0. */
#define FUZZ_STATE UINT64_C(88172645463325252)
static inline uint64_t fuzz_draw(uint64_t *state, uint64_t limit) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % limit;
}

#define fuzz_demand(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The path of this process's file of this name, in memory where the system has a place for it. */
static inline const char *fuzz_path(const char *name) {
    static char path[DP_PATH_SIZE];
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/dptrain-fuzz-%ld-%s", folder, (long)getpid(), name);
    return path;
}

static inline void fuzz_write(const char *path, const void *data, size_t size) {
    FILE *stream = fopen(path, "wb");
    fuzz_demand(stream != NULL);
    fuzz_demand(size == 0 || fwrite(data, 1, size, stream) == size); /* no bytes may be at NULL */
    fuzz_demand(fclose(stream) == 0);
}

/* Appends a text to a file that is there. */
static inline void fuzz_append(const char *path, const char *text) {
    FILE *stream = fopen(path, "ab");
    fuzz_demand(stream != NULL);
    fuzz_demand(fputs(text, stream) >= 0);
    fuzz_demand(fclose(stream) == 0);
}

/* A failure says why, in one line without anything that a terminal would take for a command. */
static inline void fuzz_check_error(dp_status status, const dp_error *error) {
    fuzz_demand(status == error->status);
    fuzz_demand(error->message[0] != '\0');
    for (const char *c = error->message; *c != '\0'; c++)
        fuzz_demand((unsigned char)*c >= 0x20 && *c != 0x7F);
}

#endif
