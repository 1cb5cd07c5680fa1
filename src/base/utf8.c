#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t dp_utf8_decode(const unsigned char *bytes, size_t available, uint32_t *code_point) {
    if (available == 0)
        return 0;
    unsigned char lead = bytes[0];
    if (lead < 0x80u) {
        *code_point = lead;
        return 1;
    }
    /* The lead byte gives the length, its payload bits, and the least value that needs them. */
    size_t length = lead >= 0xF0u ? 4 : lead >= 0xE0u ? 3 : 2;
    static const uint32_t least[5] = {0, 0, 0x80u, 0x800u, 0x10000u};
    if (lead < 0xC2u || lead > 0xF4u || available < length)
        return 0;
    uint32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0u) != 0x80u)
            return 0;
        value = (value << 6) | (bytes[i] & 0x3Fu);
    }
    bool surrogate = value >= 0xD800u && value <= 0xDFFFu;
    if (value < least[length] || value >= DP_UTF8_LIMIT || surrogate)
        return 0;
    *code_point = value;
    return length;
}

size_t dp_utf8_valid_bytes(const void *text, size_t size) {
    const unsigned char *bytes = text;
    uint32_t code_point = 0;
    size_t at = 0;
    for (size_t length = 1; at < size && length > 0; at += length)
        length = bytes[at] < 0x80u ? 1 : dp_utf8_decode(bytes + at, size - at, &code_point);
    return at;
}

size_t dp_utf8_mark_bytes(const void *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool dp_utf8_is_command(uint32_t code_point) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1F},        {0x7F, 0x9F},     {0x61C, 0x61C},  {0x200E, 0x200F},
                  {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFEFF, 0xFEFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    }
    return false;
}

size_t dp_utf8_next_shown(const char *text, uint32_t *code_point) {
    size_t available = strnlen(text, DP_UTF8_MAX_BYTES);
    size_t length = dp_utf8_decode((const unsigned char *)text, available, code_point);
    if (available > 0 && (length == 0 || dp_utf8_is_command(*code_point)))
        *code_point = DP_UTF8_REPLACEMENT;
    return available > 0 && length == 0 ? 1 : length;
}

void dp_utf8_clean(char *text) {
    uint32_t code_point = 0;
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        if (code_point == DP_UTF8_REPLACEMENT)
            memset(text, '?', length);
    }
}

size_t dp_utf8_encode(uint32_t code_point, char buffer[DP_UTF8_MAX_BYTES + 1]) {
    static const unsigned char lead_bits[5] = {0, 0, 0xC0u, 0xE0u, 0xF0u};
    const size_t length =
        1 + (size_t)(code_point >= 0x80u) + (code_point >= 0x800u) + (code_point >= 0x10000u);
    buffer[length] = '\0';
    for (size_t i = length; i-- > 1;) {
        buffer[i] = (char)(0x80u | (code_point & 0x3Fu));
        code_point >>= 6;
    }
    buffer[0] = (char)(lead_bits[length] | code_point);
    return length;
}
