/* An object is described by its header: a list of messages, of which a continuation leads to more
 * of them elsewhere. A group's header has a message that names a B-tree and a heap of names; the
 * tree's leaves are tables of (name, header). A dataset's header has a message each for its type,
 * its shape and the place of its values.
 *
 * Every number read here may be anything. So bytes are only ever reached through take(), and what
 * could go round in circles counts down. */
#include "formats/h5image.h"

#include <string.h>

#define CHUNKS_MAX 64     /* continuations of a header */
#define LEVELS_MAX 8      /* of a group's tree */
#define ENTRIES_MAX 65536 /* of its nodes and tables, that a search looks at */

enum {
    MESSAGE_SPACE = 0x01,
    MESSAGE_TYPE = 0x03,
    MESSAGE_EXTERNAL_FILES = 0x07,
    MESSAGE_LAYOUT = 0x08,
    MESSAGE_ATTRIBUTE = 0x0C,
    MESSAGE_CONTINUATION = 0x10,
    MESSAGE_SYMBOLS = 0x11,
};
#define MESSAGE_IS_SHARED 2u /* flag: the message lies elsewhere */

/* What became of a search. */
typedef enum outcome { FOUND, ABSENT, A_LINK, OTHER_FORM, DAMAGED } outcome;

/* Leave the function unless FOUND. */
#define FIND(call)                                                                                 \
    do {                                                                                           \
        const outcome found_outcome = (call);                                                      \
        if (found_outcome != FOUND)                                                                \
            return found_outcome;                                                                  \
    } while (0)

static dp_status fail(const dp_h5image *image, const char *object, outcome what, dp_error *error) {
    static const char *const said[][2] = {
        [ABSENT] = {"has no ", ""},
        [A_LINK] = {"", " is a link, which is not followed"},
        [OTHER_FORM] = {"", " is not stored in one piece as plain numbers or strings of fixed "
                            "length"},
        [DAMAGED] = {"cannot read ", ": the file is damaged"},
    };
    if (what == FOUND)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%s: %s%s%s", image->name, said[what][0], object,
                   said[what][1]);
}

/* --- bytes ------------------------------------------------------------------------------------ */

typedef struct span {
    const unsigned char *bytes;
    uint64_t size;
} span;

/* The little-endian number of `count` bytes. */
static uint64_t load(const unsigned char *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static bool take(const dp_h5image *image, uint64_t offset, uint64_t size, span *piece) {
    if (offset > image->size || size > image->size - offset)
        return false;
    *piece = (span){.bytes = image->bytes + offset, .size = size};
    return true;
}

/* Moves the first `size` bytes of a span to *piece. */
static bool take_front(span *rest, uint64_t size, span *piece) {
    if (size > rest->size)
        return false;
    *piece = (span){.bytes = rest->bytes, .size = size};
    rest->bytes += size;
    rest->size -= size;
    return true;
}

/* --- the file --------------------------------------------------------------------------------- */

dp_status dp_h5image_open(dp_h5image *image, const void *bytes, size_t size, const char *name,
                          dp_error *error) {
    enum { SUPERBLOCK_BYTES = 96 };
    const unsigned char *superblock = bytes;
    *image = (dp_h5image){.bytes = bytes, .size = size, .name = name};
    if (size < 16 || memcmp(superblock, "\x89HDF\r\n\x1A\n", 8) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s: the file is not an HDF5 file", name);
    if (superblock[8] != 0 || superblock[13] != 8 || superblock[14] != 8)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s: the file is HDF5 of another form (superblock version %d, %d and %d "
                       "bytes) than that which dptrain reads; write it with libver 'earliest'",
                       name, superblock[8], superblock[13], superblock[14]);
    if (size < SUPERBLOCK_BYTES || load(superblock + 40, 8) > size)
        return dp_fail(error, DP_ERR_INPUT, "%s: the file is cut short", name);
    if (load(superblock + 24, 8) != 0)
        return fail(image, "the file", DAMAGED, error);
    image->size = load(superblock + 40, 8);
    image->root = load(superblock + 64, 8);
    return DP_OK;
}

/* --- headers ---------------------------------------------------------------------------------- */

typedef struct message {
    unsigned type;
    bool is_shared;
    span content;
} message;

/* A walk over the messages of a header. */
typedef struct walk {
    const dp_h5image *image;
    span chunks[CHUNKS_MAX]; /* what is left of each */
    size_t chunk_count;
    size_t chunk;
    uint64_t left; /* messages */
    bool damaged;
} walk;

static void walk_start(walk *self, const dp_h5image *image, uint64_t header) {
    span prefix;
    *self = (walk){.image = image};
    if (!take(image, header, 16, &prefix) || prefix.bytes[0] != 1 ||
        !take(image, header + 16, load(prefix.bytes + 8, 4), &self->chunks[0])) {
        self->damaged = true;
        return;
    }
    self->chunk_count = 1;
    self->left = load(prefix.bytes + 2, 2);
}

static bool add_chunk(walk *self, const message *continuation) {
    const unsigned char *place = continuation->content.bytes;
    if (continuation->content.size < 16 || self->chunk_count == CHUNKS_MAX)
        return false;
    return take(self->image, load(place, 8), load(place + 8, 8),
                &self->chunks[self->chunk_count++]);
}

/* False at the end, and where the header is damaged. */
static bool walk_next(walk *self, message *next) {
    enum { PREFIX_BYTES = 8 };
    while (self->left > 0 && self->chunk < self->chunk_count) {
        span *rest = &self->chunks[self->chunk];
        span prefix;
        if (!take_front(rest, PREFIX_BYTES, &prefix)) {
            self->chunk++;
            continue;
        }
        next->type = (unsigned)load(prefix.bytes, 2);
        next->is_shared = (prefix.bytes[4] & MESSAGE_IS_SHARED) != 0;
        self->left--;
        self->damaged = !take_front(rest, load(prefix.bytes + 2, 2), &next->content) ||
                        (next->type == MESSAGE_CONTINUATION && !add_chunk(self, next));
        if (self->damaged)
            return false;
        if (next->type != MESSAGE_CONTINUATION)
            return true;
    }
    return false;
}

/* The first message of this type. */
static outcome find_message(const dp_h5image *image, uint64_t header, unsigned type,
                            span *content) {
    walk steps;
    message one;
    walk_start(&steps, image, header);
    while (walk_next(&steps, &one)) {
        if (one.type == type && one.is_shared)
            return OTHER_FORM;
        *content = one.content;
        if (one.type == type)
            return FOUND;
    }
    return steps.damaged ? DAMAGED : ABSENT;
}

/* --- groups ----------------------------------------------------------------------------------- */

typedef struct search {
    const dp_h5image *image;
    span names; /* the group's heap */
    const char *name;
    size_t length;
    unsigned entries_left;
    uint64_t header; /* of what was found */
} search;

static bool is_name(const search *self, uint64_t offset) {
    return offset < self->names.size && self->length < self->names.size - offset &&
           memcmp(self->names.bytes + offset, self->name, self->length) == 0 &&
           self->names.bytes[offset + self->length] == '\0';
}

static outcome search_table(search *self, uint64_t address) {
    enum { PREFIX_BYTES = 8, ENTRY_BYTES = 40, CACHED_LINK = 2 };
    span prefix, entries;
    if (!take(self->image, address, PREFIX_BYTES, &prefix) ||
        memcmp(prefix.bytes, "SNOD\x01", 5) != 0 ||
        !take(self->image, address + PREFIX_BYTES, ENTRY_BYTES * load(prefix.bytes + 6, 2),
              &entries))
        return DAMAGED;
    for (span entry; take_front(&entries, ENTRY_BYTES, &entry);) {
        if (self->entries_left-- == 0)
            return DAMAGED;
        if (!is_name(self, load(entry.bytes, 8)))
            continue;
        self->header = load(entry.bytes + 8, 8);
        return load(entry.bytes + 16, 4) == CACHED_LINK ? A_LINK : FOUND;
    }
    return ABSENT;
}

/* Looks at every leaf: groups have few members, and the order of the keys need not be believed. */
static outcome search_tree(search *self, uint64_t address, unsigned level_max) {
    enum { PREFIX_BYTES = 24, KEY_BYTES = 8, ENTRY_BYTES = 16 };
    span prefix, entries;
    if (!take(self->image, address, PREFIX_BYTES + KEY_BYTES, &prefix) ||
        memcmp(prefix.bytes, "TREE\0", 5) != 0 || prefix.bytes[5] > level_max ||
        !take(self->image, address + PREFIX_BYTES + KEY_BYTES,
              ENTRY_BYTES * load(prefix.bytes + 6, 2), &entries))
        return DAMAGED;
    const unsigned level = prefix.bytes[5];
    outcome found = ABSENT;
    for (span entry; found == ABSENT && take_front(&entries, ENTRY_BYTES, &entry);) {
        if (self->entries_left-- == 0)
            return DAMAGED;
        uint64_t child = load(entry.bytes, 8);
        found = level == 0 ? search_table(self, child) : search_tree(self, child, level - 1);
    }
    return found;
}

/* The member's header in a group, by its name of `length` bytes. */
static outcome find_member(const dp_h5image *image, uint64_t group, const char *name, size_t length,
                           uint64_t *header) {
    enum { HEAP_BYTES = 32 };
    search self = {.image = image, .name = name, .length = length, .entries_left = ENTRIES_MAX};
    span symbols, heap;
    FIND(find_message(image, group, MESSAGE_SYMBOLS, &symbols));
    if (symbols.size < 16 || !take(image, load(symbols.bytes + 8, 8), HEAP_BYTES, &heap) ||
        memcmp(heap.bytes, "HEAP\0", 5) != 0 ||
        !take(image, load(heap.bytes + 24, 8), load(heap.bytes + 8, 8), &self.names))
        return DAMAGED;
    FIND(search_tree(&self, load(symbols.bytes, 8), LEVELS_MAX));
    *header = self.header;
    return FOUND;
}

/* The header of an object by its path. */
static outcome find_header(const dp_h5image *image, const char *object, uint64_t *header) {
    *header = image->root;
    while (*object == '/') {
        const size_t length = strcspn(++object, "/");
        FIND(find_member(image, *header, object, length, header));
        object += length;
    }
    return FOUND;
}

/* --- values ----------------------------------------------------------------------------------- */

/* What a float's message holds: byte order, padding and normalization, place of the sign; then its
 * width, and the places and sizes of exponent and mantissa. */
static bool is_ieee(const span *type) {
    static const unsigned char single[] = {0x11, 0x20, 31, 0, 4, 0,  0,   0, 0, 0,
                                           32,   0,    23, 8, 0, 23, 127, 0, 0, 0};
    static const unsigned char twofold[] = {0x11, 0x20, 63, 0,  8, 0,  0,    0, 0, 0,
                                            64,   0,    52, 11, 0, 52, 0xFF, 3, 0, 0};
    const unsigned char *expected = type->size > 4 && type->bytes[4] == 4 ? single : twofold;
    /* Versions of this message differ in nothing that concerns floats. */
    return type->size >= sizeof single && (type->bytes[0] & 0x0Fu) == 1 &&
           memcmp(type->bytes + 1, expected + 1, sizeof single - 1) == 0;
}

static dp_h5kind integer_kind(const span *type, size_t width) {
    bool plain = (type->bytes[1] & ~8u) == 0 && type->size >= 12 &&
                 (width == 1 || width == 2 || width == 4 || width == 8) &&
                 load(type->bytes + 8, 2) == 0 && load(type->bytes + 10, 2) == 8 * width;
    if (!plain)
        return DP_H5_OTHER;
    return (type->bytes[1] & 8u) != 0 ? DP_H5_SIGNED : DP_H5_UNSIGNED;
}

static outcome parse_type(const span *type, dp_h5value *value) {
    enum { INTEGER = 0, FLOAT = 1, STRING = 3 };
    if (type->size < 8)
        return DAMAGED;
    const unsigned class = type->bytes[0] & 0x0Fu;
    value->width = (size_t)load(type->bytes + 4, 4);
    value->kind = DP_H5_OTHER;
    if (class == INTEGER)
        value->kind = integer_kind(type, value->width);
    else if (class == FLOAT && is_ieee(type))
        value->kind = DP_H5_FLOAT;
    else if (class == STRING)
        value->kind = DP_H5_STRING;
    return value->kind == DP_H5_OTHER || value->width == 0 ? OTHER_FORM : FOUND;
}

static outcome parse_shape(const span *space, dp_h5value *value) {
    enum { KIND_NULL = 2 };
    if (space->size < 4)
        return DAMAGED;
    const unsigned version = space->bytes[0];
    const size_t prefix = version == 1 ? 8 : 4;
    const unsigned rank = space->bytes[1];
    if (version < 1 || version > 2 || rank > DP_H5_RANK_MAX ||
        (version == 2 && space->bytes[3] == KIND_NULL))
        return OTHER_FORM;
    if (space->size < prefix + 8 * rank)
        return DAMAGED;
    value->shape = (dp_h5shape){.rank = (int)rank};
    for (unsigned i = 0; i < rank; i++)
        value->shape.size[i] = load(space->bytes + prefix + 8 * i, 8);
    return FOUND;
}

/* The size that type and shape give. */
static bool multiply(dp_h5value *value) {
    value->bytes = value->width;
    for (int i = 0; i < value->shape.rank; i++) {
        if (__builtin_mul_overflow(value->bytes, value->shape.size[i], &value->bytes))
            return false;
    }
    return true;
}

static outcome parse_layout(const dp_h5image *image, const span *layout, dp_h5value *value) {
    enum { CONTIGUOUS = 1 };
    span data;
    if (layout->size < 18 || layout->bytes[0] < 3 || layout->bytes[0] > 4 ||
        layout->bytes[1] != CONTIGUOUS)
        return OTHER_FORM;
    if (!multiply(value))
        return DAMAGED;
    value->data = image->bytes;
    if (value->bytes == 0) /* it has no place in the file */
        return FOUND;
    if (load(layout->bytes + 2, 8) == UINT64_MAX) /* no values were ever written */
        return OTHER_FORM;
    if (!take(image, load(layout->bytes + 2, 8), value->bytes, &data))
        return DAMAGED;
    value->data = data.bytes;
    return FOUND;
}

static outcome parse_dataset(const dp_h5image *image, uint64_t header, dp_h5value *value) {
    span type, space, layout, other;
    const outcome elsewhere = find_message(image, header, MESSAGE_EXTERNAL_FILES, &other);
    if (elsewhere != ABSENT)
        return elsewhere == FOUND ? OTHER_FORM : elsewhere;
    FIND(find_message(image, header, MESSAGE_TYPE, &type));
    FIND(find_message(image, header, MESSAGE_SPACE, &space));
    FIND(find_message(image, header, MESSAGE_LAYOUT, &layout));
    FIND(parse_type(&type, value));
    FIND(parse_shape(&space, value));
    return parse_layout(image, &layout, value);
}

dp_status dp_h5image_find(const dp_h5image *image, const char *object, dp_h5value *value,
                          dp_error *error) {
    uint64_t header = 0;
    *value = (dp_h5value){0};
    outcome found = find_header(image, object, &header);
    if (found == FOUND)
        found = parse_dataset(image, header, value);
    return fail(image, object, found, error);
}

/* --- attributes ------------------------------------------------------------------------------- */

/* Version 1 pads each part to 8 bytes. */
static bool take_part(span *rest, uint64_t size, bool padded, span *part) {
    if (!take_front(rest, padded ? (size + 7) / 8 * 8 : size, part))
        return false;
    part->size = size;
    return true;
}

/* FOUND where the message is the attribute of this name; the rest is then parsed. */
static outcome parse_attribute(span rest, const char *wanted, dp_h5value *value) {
    span prefix, name, type, space;
    if (rest.size < 9)
        return DAMAGED;
    const unsigned version = rest.bytes[0];
    if (version < 1 || version > 3)
        return DAMAGED;
    const bool padded = version == 1;
    if (!take_front(&rest, version == 3 ? 9 : 8, &prefix) ||
        !take_part(&rest, load(prefix.bytes + 2, 2), padded, &name))
        return DAMAGED;
    if (name.size != strlen(wanted) + 1 || memcmp(name.bytes, wanted, name.size) != 0)
        return ABSENT;
    if (version > 1 && prefix.bytes[1] != 0) /* type or shape lie elsewhere */
        return OTHER_FORM;
    if (!take_part(&rest, load(prefix.bytes + 4, 2), padded, &type) ||
        !take_part(&rest, load(prefix.bytes + 6, 2), padded, &space))
        return DAMAGED;
    FIND(parse_type(&type, value));
    FIND(parse_shape(&space, value));
    if (!multiply(value) || value->bytes > rest.size)
        return DAMAGED;
    value->data = rest.bytes;
    return FOUND;
}

static outcome find_attribute(const dp_h5image *image, const char *attribute, dp_h5value *value) {
    walk steps;
    message one;
    outcome found = ABSENT;
    *value = (dp_h5value){0};
    walk_start(&steps, image, image->root);
    while (found == ABSENT && walk_next(&steps, &one)) {
        if (one.type == MESSAGE_ATTRIBUTE)
            found = one.is_shared ? OTHER_FORM : parse_attribute(one.content, attribute, value);
    }
    return found == ABSENT && steps.damaged ? DAMAGED : found;
}

bool dp_h5image_has_attribute(const dp_h5image *image, const char *attribute) {
    dp_h5value value;
    return find_attribute(image, attribute, &value) != ABSENT;
}

dp_status dp_h5image_find_attribute(const dp_h5image *image, const char *attribute,
                                    dp_h5value *value, dp_error *error) {
    return fail(image, attribute, find_attribute(image, attribute, value), error);
}
