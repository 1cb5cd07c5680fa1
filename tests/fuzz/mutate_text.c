/* A text is pieces with separators between: lines, or fields of lines. A piece is left out, comes
 * twice, or is put in the place of another; or a word is put there that readers have to mind. */
#include "mutator.h"

#define PIECE_MAX 4096

typedef struct text {
    uint8_t *data;
    size_t size, max_size;
    uint64_t *state;
} text;

/* [at, at + length) of it. */
typedef struct piece {
    size_t at, length;
} piece;

static bool is_separator(uint8_t byte, const char *separators) {
    return byte != '\0' && strchr(separators, byte) != NULL;
}

/* The piece around a place that is drawn, with the separator behind it. */
static piece draw_piece(const text *self, const char *separators) {
    size_t at = fuzz_draw(self->state, self->size), end = at;
    while (at > 0 && !is_separator(self->data[at - 1], separators))
        at--;
    while (end < self->size && !is_separator(self->data[end], separators))
        end++;
    end += end < self->size;
    return (piece){at, end - at < PIECE_MAX ? end - at : PIECE_MAX};
}

/* Puts bytes, which are not its own, in the place of a piece, as far as there is room. */
static void put(text *self, piece place, const void *bytes, size_t count) {
    const size_t rest = self->size - place.at - place.length;
    if (self->size - place.length + count > self->max_size)
        return;
    memmove(self->data + place.at + count, self->data + place.at + place.length, rest);
    memcpy(self->data + place.at, bytes, count);
    self->size = place.at + count + rest;
}

static void put_word(text *self, piece place) {
    static const char *const words[] = {
        "",
        "0",
        "1",
        "-1",
        "-0",
        "255",
        "65536",
        "2147483648",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "0.1",
        "1e308",
        "-1e308",
        "1e999",
        "5e-324",
        "nan",
        "-inf",
        "0x10",
        "yes",
        ".",
        "..",
        "/",
        "<unk>",
        "<s>",
        "|||",
        "[",
        "\"",
        "\\u0000",
        "\\ud800",
        "{",
        "%n",
        "\r",
        "\t",
        "\x1B[2J",
        "\x7F",
        "\xFF",
        "\xC3",
        "\xC3\xA9",
        "e\xCC\x81",
        "\xC4\xB0",
        "\xC2\xA0",
        "\xED\xA0\x80",
        "\xF4\x90\x80\x80",
        "\xE2\x80\xAE",
        "\xE2\x80\xA8",
        "\xEF\xBB\xBF",
        "\xEF\xAC\x81",
        "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9",
    };
    const char *word = words[fuzz_draw(self->state, sizeof words / sizeof words[0])];
    if (place.length > 0)
        place.length--; /* the separator stays */
    put(self, place, word, strlen(word));
}

size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t max_size, uint64_t *state) {
    text self = {data, size, max_size, state};
    uint8_t copy[PIECE_MAX];
    const char *separators = fuzz_draw(state, 3) == 0 ? "\n" : "\n\r\t ,;:=|.\"[]{}()";
    const piece from = draw_piece(&self, separators);
    piece to = draw_piece(&self, separators);
    memcpy(copy, data + from.at, from.length);
    switch (fuzz_draw(state, 5)) {
    case 0: /* left out */
        put(&self, from, copy, 0);
        break;
    case 1: /* also before another */
        to.length = 0;
        put(&self, to, copy, from.length);
        break;
    case 2:
        put(&self, to, copy, from.length);
        break;
    default:
        put_word(&self, to);
    }
    return self.size;
}
