/* texts: a set of texts, of which it keeps hashes: what was added is always found. */
#ifndef DP_LIBRARY_TEXTS_H
#define DP_LIBRARY_TEXTS_H

#include "base/status.h"
#include "dptrain/dptrain.h"

#include <stdbool.h>

bool dp_texts_have(const dptrain_texts *texts, const char *text, size_t length);

/* dptrain_texts_add. */
dp_status dp_texts_add(dptrain_texts *texts, const char *text, size_t length, bool *is_new,
                       dp_error *error) DP_CHECKED;

#endif
