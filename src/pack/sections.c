/* A section begins anywhere in a piece. Its own pieces are those that begin in it: they become ids,
 * and while they are in the cache the keys by which repeats are found, which then stand where the
 * pieces did (pack/repeats). So a piece that reaches into the next section is copied before. */
#include "pack/sections.h"

#include "base/memory.h"
#include "base/size.h"
#include "pack/repeats.h"
#include "system/cpu.h"
#include "words/piece.h"

#include <stdatomic.h>

/* --- counting --------------------------------------------------------------------------------- */

#define GROUP ((size_t)1 << 16) /* pieces that are counted at once */

typedef struct counting {
    const dp_packing_part *part;
    uint64_t *rows; /* [groups] */
    uint64_t longest[DP_CPU_THREADS_MAX];
} counting;

static dp_status count_group(void *context, size_t group, size_t worker, dp_error *error) {
    counting *self = context;
    const uint64_t *pieces = self->part->text->pieces + self->part->first;
    const size_t end = dp_size_min(self->part->count, (group + 1) * GROUP);
    uint64_t rows = 0, longest = self->longest[worker];
    (void)error;
    for (size_t i = group * GROUP; i < end; i++) {
        const uint64_t length = dp_piece_length(pieces[i]);
        rows += length + 1; /* the boundary */
        longest = length > longest ? length : longest;
    }
    self->rows[group] = rows;
    self->longest[worker] = longest;
    return DP_OK;
}

static dp_status count_part(dp_packing_job *job, int split, dp_error *error) {
    const dp_packing_part *part = &job->parts[split];
    const size_t groups = (part->count + GROUP - 1) / GROUP;
    counting self = {.part = part};
    DP_TRY_NEW(job->group_rows[split], groups);
    self.rows = job->group_rows[split];
    DP_TRY(dp_cpu_run(job->threads, groups, count_group, &self, error));
    for (size_t group = 0; group < groups; group++)
        job->rows[split] += self.rows[group];
    for (size_t i = 0; i < DP_CPU_THREADS_MAX; i++)
        job->longest = dp_size_max(job->longest, self.longest[i]);
    return DP_OK;
}

dp_status dp_sections_count(dp_packing_job *job, dp_error *error) {
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (job->request->stream)
            job->rows[split] = job->parts[split].count;
        else
            DP_TRY(count_part(job, split, error));
        job->rows_total += job->rows[split];
    }
    return DP_OK;
}

/* --- dividing --------------------------------------------------------------------------------- */

typedef struct dp_section {
    dp_split split;
    uint64_t first_row;
    size_t rows;
    size_t first, end; /* pieces of the part that begin in it */
    uint64_t before;   /* the piece that began before it and reaches into it, */
    size_t skipped;    /* and how many of its rows come before; 0: there is none */
    uint64_t place; /* of a stream: where `skipped` tokens stand that are contexts of the first */
} dp_section;

/* What a thread works with. */
typedef struct dp_section_hand {
    dp_row_buffer *rows;
    uint32_t *ids;
    bool takes_eights;
} dp_section_hand;

typedef struct writing {
    dp_packing_job *job;
    dp_section *sections;
    size_t count;
    dp_section_hand hands[DP_CPU_THREADS_MAX];
    size_t hand_count; /* that are ready */
    uint64_t place;    /* of a stream: where its next split begins */
    atomic_ullong rows_done;
} writing;

static void clear_writing(writing *self) {
    for (size_t i = 0; i < DP_CPU_THREADS_MAX; i++) {
        dp_row_buffer_destroy(self->hands[i].rows);
        dp_memory_free(self->hands[i].ids);
    }
    dp_memory_free(self->sections);
}

/* Adds the sections of a split. What is known of the rows of its groups spares most of the search
 * for where one begins. */
static void divide(writing *self, dp_split split) {
    const dp_packing_job *job = self->job;
    const uint64_t *pieces = job->parts[split].text->pieces + job->parts[split].first;
    const size_t most = dp_dataset_writer_section(job->writer);
    const uint64_t *group_rows = job->group_rows[split];
    size_t group = 0;
    uint64_t rows_before = 0; /* the group */
    for (uint64_t row = 0; row < job->rows[split]; row += most) {
        dp_section *next = &self->sections[self->count];
        while (row - rows_before >= group_rows[group])
            rows_before += group_rows[group++];
        size_t at = group * GROUP;
        uint64_t begins = rows_before, behind = rows_before;
        for (; behind <= row; at++) {
            begins = behind;
            behind += dp_piece_length(pieces[at]) + 1;
        }
        const size_t skipped = (size_t)(row - begins); /* of the piece before `at` */
        *next = (dp_section){.split = split,
                             .first_row = row,
                             .rows = dp_size_min(most, job->rows[split] - row),
                             .first = skipped > 0 ? at : at - 1,
                             .end = job->parts[split].count,
                             .before = pieces[at - 1],
                             .skipped = skipped};
        if (row > 0)
            next[-1].end = next->first;
        self->count++;
    }
}

/* Of a stream. */
static void divide_stream(writing *self, dp_split split) {
    const dp_packing_job *job = self->job;
    const dp_packing_part *part = &job->parts[split];
    const size_t most = dp_dataset_writer_section(job->writer);
    uint64_t place = part->first == 0 ? 0 : self->place; /* of the contexts */
    size_t skipped = 0;
    for (uint64_t row = 0; row < job->rows[split]; row += most) {
        const size_t rows = dp_size_min(most, job->rows[split] - row);
        const bool is_last = row + rows == job->rows[split];
        const size_t contexts = is_last ? 0 : dp_size_min(rows, job->info.block_size);
        self->sections[self->count++] = (dp_section){
            .split = split, .first_row = row, .rows = rows, .skipped = skipped, .place = place};
        place = job->kind->skip(job->state, part->text, place, skipped + rows - contexts);
        skipped = contexts;
    }
    self->place = place;
}

static dp_status prepare_hand(const dp_packing_job *job, dp_section_hand *hand, dp_error *error) {
    DP_TRY_NEW(hand->ids, dp_size_max(DP_PACKING_IDS, job->longest + 1) + DP_PACKING_SPILL);
    DP_TRY(dp_row_buffer_create(&hand->rows, job->writer, error));
    hand->takes_eights = job->kind->encode_eights != NULL && dp_row_buffer_takes_eights(hand->rows);
    return DP_OK;
}

/* Where memory is short, fewer hands will do. */
static dp_status prepare(writing *self, dp_error *error) {
    const dp_packing_job *job = self->job;
    const size_t most = dp_dataset_writer_section(job->writer);
    size_t sections = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        sections += (size_t)(job->rows[split] / most) + 1;
    DP_TRY_NEW(self->sections, sections);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        (job->info.stream ? divide_stream : divide)(self, (dp_split)split);
    const size_t wanted = dp_size_min(job->threads, self->count);
    while (self->hand_count < wanted &&
           prepare_hand(job, &self->hands[self->hand_count], error) == DP_OK)
        self->hand_count++;
    return self->hand_count > 0 ? DP_OK : error->status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Adds ids of the section; those behind its end are of the next one. */
static dp_status add_ids(const dp_section_hand *hand, const uint32_t *ids, size_t count,
                         size_t *left, dp_error *error) {
    const size_t now = dp_size_min(count, *left);
    *left -= now;
    return dp_row_buffer_add(hand->rows, ids, now, error);
}

/* The rest of the piece that began before the section. Tokens before it are contexts. */
static dp_status add_rest(const dp_packing_job *job, const dp_section_hand *hand,
                          const dp_section *self, size_t *left, dp_error *error) {
    const dp_packing_text *text = job->parts[self->split].text;
    const size_t count = job->kind->encode(job->state, text, &self->before, 1, hand->ids);
    const size_t context = dp_size_min(self->skipped, job->info.block_size);
    const uint32_t *rest = hand->ids + self->skipped;
    DP_TRY(dp_row_buffer_add(hand->rows, rest - context, context, error));
    dp_row_buffer_drop(hand->rows);
    return add_ids(hand, rest, count - self->skipped, left, error);
}

/* Pieces [count], as many at once as DP_PACKING_IDS allows. */
static dp_status add_pieces(const dp_packing_job *job, const dp_section_hand *hand,
                            const dp_packing_text *text, const uint64_t *pieces, size_t count,
                            size_t *left, dp_error *error) {
    for (size_t at = 0, end = 0; at < count; at = end) {
        size_t ids = dp_piece_length(pieces[end++]) + 1;
        while (end < count && ids + dp_piece_length(pieces[end]) < DP_PACKING_IDS)
            ids += dp_piece_length(pieces[end++]) + 1;
        if (hand->takes_eights && ids <= dp_size_min(*left, DP_PACKING_IDS)) {
            dp_id_eight eights[DP_PACKING_EIGHTS];
            const size_t filled =
                job->kind->encode_eights(job->state, text, pieces + at, end - at, eights);
            *left -= ids;
            DP_TRY(dp_row_buffer_add_eights(hand->rows, eights, filled, ids, error));
        } else {
            ids = job->kind->encode(job->state, text, pieces + at, end - at, hand->ids);
            DP_TRY(add_ids(hand, hand->ids, ids, left, error));
        }
    }
    return DP_OK;
}

static dp_status note(dp_packing_job *job, size_t worker, dp_split split, uint64_t *pieces,
                      size_t count, dp_error *error) {
    uint64_t keys[DP_PACKING_NOTED];
    DP_TRY(job->kind->keys(job->state, job->parts[split].text, pieces, count, keys, error));
    return dp_repeats_note(job->repeats, worker, split, keys, pieces, count, error);
}

/* Of a stream. */
static dp_status add_tokens(const dp_packing_job *job, const dp_section_hand *hand,
                            const dp_section *self, dp_error *error) {
    const dp_packing_text *text = job->parts[self->split].text;
    uint64_t place =
        job->kind->encode_tokens(job->state, text, self->place, self->skipped, hand->ids);
    DP_TRY(dp_row_buffer_add(hand->rows, hand->ids, self->skipped, error));
    dp_row_buffer_drop(hand->rows);
    for (size_t left = self->rows, count = 0; left > 0; left -= count) {
        count = dp_size_min(left, DP_PACKING_IDS);
        DP_TRY(dp_packing_check(job, error));
        place = job->kind->encode_tokens(job->state, text, place, count, hand->ids);
        DP_TRY(dp_row_buffer_add(hand->rows, hand->ids, count, error));
    }
    return DP_OK;
}

/* And their keys. */
static dp_status add_all_pieces(dp_packing_job *job, size_t worker, const dp_section_hand *hand,
                                const dp_section *self, dp_error *error) {
    const dp_packing_part *part = &job->parts[self->split];
    uint64_t *pieces = part->text->pieces + part->first;
    size_t left = self->rows;
    if (self->skipped > 0)
        DP_TRY(add_rest(job, hand, self, &left, error));
    for (size_t at = self->first, count = 0; at < self->end; at += count) {
        count = dp_size_min(self->end - at, DP_PACKING_NOTED);
        DP_TRY(dp_packing_check(job, error));
        DP_TRY(add_pieces(job, hand, part->text, pieces + at, count, &left, error));
        DP_TRY(note(job, worker, self->split, pieces + at, count, error));
    }
    return DP_OK;
}

static dp_status write_section(void *context, size_t item, size_t worker, dp_error *error) {
    writing *self = context;
    dp_packing_job *job = self->job;
    const dp_section *section = &self->sections[item];
    const dp_section_hand *hand = &self->hands[worker];
    dp_row_buffer_begin(hand->rows);
    if (job->info.stream)
        DP_TRY(add_tokens(job, hand, section, error));
    else
        DP_TRY(add_all_pieces(job, worker, hand, section, error));
    DP_TRY(
        dp_dataset_writer_put(job->writer, hand->rows, section->split, section->first_row, error));
    const uint64_t done = atomic_fetch_add(&self->rows_done, section->rows) + section->rows;
    if (worker == 0)
        dp_progress_line_show(&job->progress, done, job->rows_total, "writing");
    return DP_OK;
}

dp_status dp_sections_write(dp_packing_job *job, dp_error *error) {
    DP_OWNED(clear_writing) writing self = {.job = job};
    size_t pieces = 0;
    DP_TRY(prepare(&self, error));
    for (int split = 0; split < DP_SPLIT_COUNT && !job->info.stream; split++)
        pieces += job->info.overlap.sequences[split] = job->parts[split].count;
    if (!job->info.stream)
        DP_TRY(dp_repeats_create(&job->repeats, self.hand_count, pieces, self.count, error));
    DP_TRY(dp_cpu_run(self.hand_count, self.count, write_section, &self, error));
    return job->info.stream
               ? DP_OK
               : dp_repeats_count(job->repeats, job->threads, &job->info.overlap, error);
}
