/* The structures that formats/h5image reads are found where the file says they are, as far as it
 * can be followed, and three kinds of places noted in them: numbers, records (messages of headers,
 * entries of tables) and values (of attributes and datasets). One of them is changed. */
#include "mutator.h"

enum { NUMBERS_MAX = 8192, RECORDS_MAX = 1024, VALUES_MAX = 512, DEPTH_MAX = 4 };

typedef struct place {
    size_t at, size;
} place;

typedef struct value {
    place bytes;
    size_t width;   /* of an element */
    unsigned class; /* of its type */
} value;

typedef struct anatomy {
    uint8_t *data;
    size_t size;
    uint64_t *state; /* of fuzz_draw */
    place numbers[NUMBERS_MAX], records[RECORDS_MAX];
    value values[VALUES_MAX];
    size_t number_count, record_count, value_count;
} anatomy;

static const char signature[] = "\x89HDF\r\n\x1A\n";

bool fuzz_is_hdf5(const uint8_t *data, size_t size) {
    return size >= 96 && memcmp(data, signature, 8) == 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static size_t at_most_8(size_t size) {
    return size < 8 ? size : 8;
}

static uint64_t load(const anatomy *self, uint64_t at, size_t width) {
    uint64_t number = 0;
    if (at <= self->size && width <= self->size - at)
        memcpy(&number, self->data + at, at_most_8(width));
    return number;
}

static void store(const anatomy *self, place where, uint64_t number) {
    memcpy(self->data + where.at, &number, at_most_8(where.size));
}

/* --- finding ---------------------------------------------------------------------------------- */

/* A structure is written as the widths of its numbers; a dot is a byte that is none. */
#define ENTRY "884....88" /* of a table of names */
#define SUPERBLOCK "........111.111.2248888" ENTRY
#define TREE "....1128888888888"
#define TABLE "....1.2"
#define HEAP "....1...888"
#define HEADER "1.244"
#define MESSAGE "221..."
#define SPACE "111.....8888"
#define SIZES "88"
#define OFTEN 8 /* is what shapes and places of tensors are chosen, of so many numbers */
#define TYPE "111142211114"
#define LAYOUT "1188"
#define ATTRIBUTE "1.222"
#define TWO_PLACES "88" /* of a continuation, and of the names of a group */

static bool is_inside(const anatomy *self, uint64_t at, uint64_t size) {
    return at <= self->size && size <= self->size - at;
}

static void add_numbers(anatomy *self, size_t at, size_t size, const char *widths) {
    const size_t end = at + size;
    for (; *widths != '\0'; widths++) {
        const size_t width = *widths == '.' ? 1 : (size_t)(*widths - '0');
        if (at + width > end || !is_inside(self, at, width) || self->number_count == NUMBERS_MAX)
            return;
        if (*widths != '.')
            self->numbers[self->number_count++] = (place){at, width};
        at += width;
    }
}

static void add_record(anatomy *self, size_t at, size_t size) {
    if (self->record_count < RECORDS_MAX && is_inside(self, at, size))
        self->records[self->record_count++] = (place){at, size};
}

/* Of the type that is told at `type`. */
static void add_value(anatomy *self, uint64_t type, uint64_t at, uint64_t size) {
    const size_t width = (size_t)load(self, type + 4, 4);
    if (width > 0 && size > 0 && is_inside(self, at, size) && self->value_count < VALUES_MAX)
        self->values[self->value_count++] =
            (value){{at, size}, width, (unsigned)load(self, type, 1) & 15u};
}

static void add_attribute(anatomy *self, place content) {
    const uint64_t padded = load(self, content.at, 1) == 1 ? 7 : 0;
    const uint64_t name = content.at + 8;
    const uint64_t type = name + ((load(self, content.at + 2, 2) + padded) & ~padded);
    const uint64_t space = type + ((load(self, content.at + 4, 2) + padded) & ~padded);
    const uint64_t data = space + ((load(self, content.at + 6, 2) + padded) & ~padded);
    if (data > content.at + content.size)
        return;
    add_numbers(self, type, space - type, TYPE);
    add_numbers(self, space, data - space, SPACE);
    add_value(self, type, data, content.at + content.size - data);
}

/* What a header tells of a dataset; 0: nothing. */
typedef struct header {
    size_t type, layout;
} header;

static void add_messages(anatomy *self, header *of, uint64_t at, uint64_t size, int depth);

static void add_message(anatomy *self, header *of, place content, unsigned type, int depth) {
    enum { IS_SPACE = 1, IS_TYPE = 3, IS_LAYOUT = 8, IS_ATTRIBUTE = 12, IS_MORE = 16, IS_GROUP };
    switch (type) {
    case IS_SPACE:
        for (int often = 0; often < OFTEN && content.size > 8; often++)
            add_numbers(self, content.at + 8, content.size - 8, SIZES);
        add_numbers(self, content.at, content.size, SPACE);
        break;
    case IS_TYPE:
        of->type = content.at;
        add_numbers(self, content.at, content.size, TYPE);
        break;
    case IS_LAYOUT:
        of->layout = content.at;
        for (int often = 0; often < OFTEN; often++)
            add_numbers(self, content.at, content.size, LAYOUT);
        break;
    case IS_ATTRIBUTE:
        add_numbers(self, content.at, content.size, ATTRIBUTE);
        add_attribute(self, content);
        break;
    case IS_MORE:
        add_messages(self, of, load(self, content.at, 8), load(self, content.at + 8, 8), depth + 1);
        add_numbers(self, content.at, content.size, TWO_PLACES);
        break;
    case IS_GROUP:
        add_numbers(self, content.at, content.size, TWO_PLACES);
        break;
    default:
        break;
    }
}

static void add_messages(anatomy *self, header *of, uint64_t at, uint64_t size, int depth) {
    enum { PREFIX = 8 };
    if (depth == DEPTH_MAX || !is_inside(self, at, size))
        return;
    for (const uint64_t end = at + size; at + PREFIX <= end;) {
        const place content = {at + PREFIX, (size_t)load(self, at + 2, 2)};
        if (content.at + content.size > end || self->record_count == RECORDS_MAX)
            return;
        add_record(self, at, PREFIX + content.size);
        add_numbers(self, at, PREFIX, MESSAGE);
        add_message(self, of, content, (unsigned)load(self, at, 2), depth);
        at = content.at + content.size;
    }
}

static void add_header(anatomy *self, uint64_t at) {
    header of = {0};
    if (!is_inside(self, at, 16))
        return;
    add_numbers(self, at, 16, HEADER);
    add_messages(self, &of, at + 16, load(self, at + 8, 4), 0);
    if (of.type != 0 && of.layout != 0)
        add_value(self, of.type, load(self, of.layout + 2, 8), load(self, of.layout + 10, 8));
}

static void add_table(anatomy *self, size_t at) {
    enum { PREFIX = 8, ENTRY_SIZE = 40, ENTRIES_MAX = 32 };
    add_numbers(self, at, PREFIX, TABLE);
    for (uint64_t i = 0; i < load(self, at + 6, 2) && i < ENTRIES_MAX; i++) {
        const uint64_t entry = at + PREFIX + ENTRY_SIZE * i;
        add_record(self, entry, ENTRY_SIZE);
        add_numbers(self, entry, ENTRY_SIZE, ENTRY);
        add_header(self, load(self, entry + 8, 8));
    }
}

static void find_all(anatomy *self) {
    add_numbers(self, 0, 96, SUPERBLOCK);
    add_header(self, load(self, 64, 8));
    for (size_t at = 96; at + 40 <= self->size; at += 8) {
        if (memcmp(self->data + at, "TREE", 4) == 0)
            add_numbers(self, at, 88, TREE);
        else if (memcmp(self->data + at, "HEAP", 4) == 0)
            add_numbers(self, at, 32, HEAP);
        else if (memcmp(self->data + at, "SNOD", 4) == 0)
            add_table(self, at);
    }
}

/* --- changing --------------------------------------------------------------------------------- */

/* In place of a number: its bounds, its neighbours, one whose product with a small one overflows,
 * another number of the file, a place in it: of its end, of a record, of the number itself, so that
 * places lie outside, overlap or go round in circles. */
static uint64_t odd_number(const anatomy *self, place where) {
    const uint64_t old = load(self, where.at, where.size);
    const unsigned bits = 8 * (unsigned)at_most_8(where.size);
    const uint64_t all = UINT64_MAX >> (64 - bits);
    const place other = self->numbers[fuzz_draw(self->state, self->number_count)];
    const uint64_t odd[] = {
        0,
        1,
        2,
        all,
        all - 7,
        all / 2,
        all / 2 + 1,
        old + 1,
        old - 1,
        old * 2,
        old / 2,
        all / (1 + fuzz_draw(self->state, 16)) + 1,
        old ^ UINT64_C(1) << fuzz_draw(self->state, bits),
        load(self, other.at, other.size),
        other.at,
        self->record_count == 0 ? 0 : self->records[fuzz_draw(self->state, self->record_count)].at,
        where.at,
        self->size - fuzz_draw(self->state, 40),
        *self->state};
    return odd[fuzz_draw(self->state, sizeof odd / sizeof odd[0])];
}

static void change_number(const anatomy *self) {
    const place where = self->numbers[fuzz_draw(self->state, self->number_count)];
    store(self, where, odd_number(self, where));
}

/* One is written over another, they change places, one gets another type or, as 0, is none. */
static void change_records(const anatomy *self) {
    static const uint8_t types[] = {0, 1, 3, 5, 7, 8, 12, 16, 17};
    uint8_t *a = self->data + self->records[fuzz_draw(self->state, self->record_count)].at;
    const place record = self->records[fuzz_draw(self->state, self->record_count)];
    uint8_t *b = self->data + record.at;
    const uint64_t what = fuzz_draw(self->state, 3);
    if (what == 0) {
        b[0] = types[fuzz_draw(self->state, sizeof types)];
        return;
    }
    for (size_t i = 0; i < record.size && a + i < self->data + self->size; i++) {
        const uint8_t old = b[i];
        b[i] = a[i];
        if (what == 1)
            a[i] = old;
    }
}

static void change_real(const anatomy *self, place element) {
    /* NaNs, infinities, the largest, the smallest with and without all digits, and 1e38, 1, 100 */
    static const uint32_t odd[] = {0x7FC00000, 0x7F800001, 0x7F800000, 0xFF800000, 0x7F7FFFFF,
                                   0xFF7FFFFF, 0x00000001, 0x00800000, 0x80000000, 0x00000000,
                                   0x7E967699, 0x3F800000, 0x42C80000};
    const uint32_t bits = odd[fuzz_draw(self->state, sizeof odd / sizeof odd[0])];
    float single;
    memcpy(&single, &bits, sizeof single);
    const double twofold = (double)single;
    if (element.size == sizeof twofold)
        memcpy(self->data + element.at, &twofold, sizeof twofold);
    else
        memcpy(self->data + element.at, &bits, element.size < 4 ? element.size : 4);
}

static void change_text(const anatomy *self, place element) {
    uint8_t *text = self->data + element.at;
    size_t length = strnlen((const char *)text, element.size);
    if (fuzz_draw(self->state, 8) == 0 || length == 0) { /* without the 0 at its end */
        memset(text + length, 'a', element.size - length);
        length = element.size;
    }
    const size_t changed = fuzz_draw(self->state, 2) == 0
                               ? LLVMFuzzerMutate(text, length, element.size)
                               : fuzz_mutate_text(text, length, element.size, self->state);
    if (changed < length)
        memset(text + changed, 0, length - changed);
}

static void change_element(const anatomy *self, unsigned class, place element) {
    enum { FLOAT = 1, STRING = 3 };
    if (class == FLOAT)
        change_real(self, element);
    else if (class == STRING)
        change_text(self, element);
    else
        store(self, element, odd_number(self, element));
}

/* One element, some, or all. */
static void change_value(const anatomy *self) {
    const value *of = &self->values[fuzz_draw(self->state, self->value_count)];
    const size_t width = of->width < of->bytes.size ? of->width : of->bytes.size;
    const uint64_t count = of->bytes.size / width, first = fuzz_draw(self->state, count);
    const uint64_t step[] = {count, 1 + fuzz_draw(self->state, count), 1};
    const uint64_t stride = step[fuzz_draw(self->state, 3)];
    for (uint64_t i = stride == 1 ? 0 : first; i < count && i < first + 64 * stride; i += stride)
        change_element(self, of->class, (place){of->bytes.at + i * width, width});
}

size_t fuzz_mutate_hdf5(uint8_t *data, size_t size, size_t max_size, uint64_t *state) {
    static anatomy self; /* large */
    self.number_count = self.record_count = self.value_count = 0;
    self.data = data;
    self.size = size;
    self.state = state;
    (void)max_size;
    find_all(&self);
    const uint64_t what = fuzz_draw(state, 5);
    if (what == 0 && self.record_count > 0)
        change_records(&self);
    else if (what <= 2 && self.value_count > 0)
        change_value(&self);
    else
        change_number(&self);
    return size;
}
