#include "data/unicode.h"

#include "base/utf8.h"

#include <utf8proc.h>

int dp_unicode_columns(const char *text) {
    uint32_t code_point = 0;
    int columns = 0;
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length)
        columns += utf8proc_charwidth((utf8proc_int32_t)code_point);
    return columns;
}
