#include "formats/html.h"

#include "base/utf8.h"

static const char *escape_of(char c) {
    static const char *const escapes[128] = {
        ['&'] = "&amp;",  ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;",
        ['\''] = "&#39;", ['\n'] = "\n",  ['\t'] = "\t",
    };
    return (unsigned char)c < 128 ? escapes[(unsigned char)c] : NULL;
}

void dp_html_append(dp_text *html, const char *text) {
    uint32_t code_point = 0;
    char bytes[DP_UTF8_MAX_BYTES + 1];
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        const char *escape = escape_of(*text);
        dp_utf8_encode(code_point, bytes);
        dp_text_append(html, escape != NULL ? escape : bytes);
    }
}
