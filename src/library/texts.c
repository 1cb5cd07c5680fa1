#include "library/texts.h"

#include "base/digest.h"
#include "base/memory.h"
#include "library/handle.h"

#define PLACES_MIN ((size_t)64)

/* A table with open addressing, at most three quarters full. */
struct dptrain_texts {
    uint64_t *hashes; /* [places] owned; 0: a free place */
    size_t places;    /* a power of two */
    size_t count;
};

static uint64_t hash_of(const char *text, size_t length) {
    const uint64_t hash = dp_xxh3_of(text, length);
    return hash == 0 ? 1 : hash;
}

/* Where a hash is, or the free place where it would be. */
static uint64_t *place_of(const dptrain_texts *self, uint64_t hash) {
    size_t at = (size_t)hash & (self->places - 1);
    while (self->hashes[at] != 0 && self->hashes[at] != hash)
        at = (at + 1) & (self->places - 1);
    return &self->hashes[at];
}

static dp_status make_places(dptrain_texts *self, size_t places, dp_error *error) {
    dptrain_texts larger = {.places = places, .count = self->count};
    DP_TRY_NEW(larger.hashes, places);
    for (size_t i = 0; i < self->places; i++) {
        if (self->hashes[i] != 0)
            *place_of(&larger, self->hashes[i]) = self->hashes[i];
    }
    dp_memory_free(self->hashes);
    *self = larger;
    return DP_OK;
}

bool dp_texts_have(const dptrain_texts *texts, const char *text, size_t length) {
    return *place_of(texts, hash_of(text, length)) != 0;
}

dp_status dp_texts_add(dptrain_texts *texts, const char *text, size_t length, bool *is_new,
                       dp_error *error) {
    const uint64_t hash = hash_of(text, length);
    if (texts->count >= texts->places / 4 * 3)
        DP_TRY(make_places(texts, 2 * texts->places, error));
    uint64_t *place = place_of(texts, hash);
    *is_new = *place == 0;
    texts->count += *is_new;
    *place = hash;
    return DP_OK;
}

dptrain_status dptrain_texts_create(dptrain_texts **texts, dptrain_error *error) {
    dp_error reason = {0};
    *texts = dp_memory_zeroed(1, sizeof **texts, &reason);
    if (*texts != NULL && make_places(*texts, PLACES_MIN, &reason) == DP_OK)
        return DPTRAIN_OK;
    dptrain_texts_destroy(*texts);
    *texts = NULL;
    return dp_handle_report(error, reason.status, &reason);
}

void dptrain_texts_destroy(dptrain_texts *texts) {
    if (texts == NULL)
        return;
    dp_memory_free(texts->hashes);
    dp_memory_free(texts);
}

dptrain_status dptrain_texts_add(dptrain_texts *texts, const char *text, size_t length, int *is_new,
                                 dptrain_error *error) {
    dp_error reason = {0};
    bool added = false;
    const dp_status status = dp_texts_add(texts, text, length, &added, &reason);
    if (is_new != NULL)
        *is_new = added;
    return dp_handle_report(error, status, &reason);
}
