#include "sweep/sweep_view.h"

#include "base/size.h"
#include "base/timer.h"
#include "system/output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DRAW_SECONDS 0.2

enum { CELL_STATE, CELL_STEP, CELL_LOSS };

static size_t cell_of(size_t trial, int which) {
    return DP_SWEEP_CELLS(trial) + (size_t)which;
}

void dp_sweep_view_init(dp_sweep_view *view, const dp_sweep_plan *plan, dp_comm_board *board,
                        bool live, bool draws) {
    *view = (dp_sweep_view){.plan = plan,
                            .board = board,
                            .live = live && draws,
                            .plain = !live,
                            .started = dp_timer_now(),
                            .terminal = {.own = -1, .parents = -1}};
    if (view->live)
        dp_terminal_open(&view->terminal, stdout);
}

/* Removes the table. */
static void clear(dp_sweep_view *view) {
    if (view->lines > 0)
        printf("\033[%zuA\r\033[J", view->lines);
    dp_output_flush(stdout);
    view->lines = 0;
}

void dp_sweep_view_close(dp_sweep_view *view) {
    clear(view);
    dp_terminal_close(&view->terminal);
}

static void write_loss(dp_sweep_view *view, size_t trial, double loss) {
    int64_t bits = 0;
    memcpy(&bits, &loss, sizeof bits);
    (void)dp_comm_board_write(view->board, cell_of(trial, CELL_LOSS), bits);
}

static double read_loss(const dp_sweep_view *view, size_t trial) {
    const int64_t bits = dp_comm_board_read(view->board, cell_of(trial, CELL_LOSS));
    double loss = 0.0;
    memcpy(&loss, &bits, sizeof loss);
    return loss;
}

void dp_sweep_view_progress(dp_sweep_view *view, size_t trial, uint64_t step, double loss) {
    if (!view->plain) {
        write_loss(view, trial, loss);
        (void)dp_comm_board_write(view->board, cell_of(trial, CELL_STEP), (int64_t)step);
        (void)dp_comm_board_write(view->board, cell_of(trial, CELL_STATE), DP_SWEEP_RUNNING);
    }
    dp_sweep_view_draw(view);
}

/* --- plain lines ------------------------------------------------------------------------------ */

/* Of the names, unless some are too long to leave room for all. */
static size_t name_width(const dp_sweep_plan *plan) {
    size_t width = 12;
    for (size_t i = 0; i < plan->count; i++)
        width = dp_size_max(width, strlen(plan->trials[i].name));
    return width < 36 ? width : 36;
}

static void print_end(const dp_sweep_view *view, const dp_sweep_trial *trial,
                      const dp_sweep_outcome *outcome, int64_t ended) {
    if (view->only_failures && outcome->state == DP_SWEEP_DONE)
        return;
    printf("[%*" PRId64 "/%zu] %-*s ", view->plan->count < 10 ? 1 : 2, ended, view->plan->count,
           (int)name_width(view->plan), trial->name);
    if (outcome->state == DP_SWEEP_DONE)
        printf("dev %.4f after %s steps\n", outcome->results.losses[DP_SPLIT_DEV],
               DP_COUNT_TEXT(outcome->results.step));
    else
        printf("failed: %s\n", outcome->error.message);
    dp_output_flush(stdout);
}

void dp_sweep_view_end(dp_sweep_view *view, size_t trial, const dp_sweep_outcome *outcome) {
    if (outcome->state == DP_SWEEP_STOPPED)
        return;
    const int64_t ended = dp_comm_board_add(view->board, DP_SWEEP_CELL_ENDED, 1) + 1;
    if (view->plain) {
        print_end(view, &view->plan->trials[trial], outcome, ended);
        return;
    }
    write_loss(view, trial, outcome->results.losses[DP_SPLIT_DEV]);
    (void)dp_comm_board_write(view->board, cell_of(trial, CELL_STATE), outcome->state);
    dp_sweep_view_draw(view);
}

/* --- the table of a terminal ------------------------------------------------------------------ */

/* The trials, counted by their state, and the best that is done. */
typedef struct overview {
    size_t counts[DP_SWEEP_STOPPED + 1];
    size_t best;
    double best_loss; /* NaN: none is done */
} overview;

static dp_sweep_state read_state(const dp_sweep_view *view, size_t trial) {
    return (dp_sweep_state)dp_comm_board_read(view->board, cell_of(trial, CELL_STATE));
}

static overview look(const dp_sweep_view *view) {
    overview seen = {.best_loss = NAN};
    for (size_t i = 0; i < view->plan->count; i++) {
        const dp_sweep_state state = read_state(view, i);
        seen.counts[state]++;
        if (state != DP_SWEEP_DONE)
            continue;
        const double loss = read_loss(view, i);
        if (!(seen.best_loss <= loss)) {
            seen.best = i;
            seen.best_loss = loss;
        }
    }
    return seen;
}

/* Ends the line that begins at `from`, cut to the width of the terminal so that it stays one. */
static void end_line(dp_text *out, size_t from, size_t columns) {
    dp_text_cut(out, from + columns - 1);
    dp_text_append(out, "\n");
}

static void append_running(const dp_sweep_view *view, size_t trial, size_t columns, dp_text *out) {
    const dp_sweep_trial *self = &view->plan->trials[trial];
    const int64_t done = dp_comm_board_read(view->board, cell_of(trial, CELL_STEP));
    const size_t from = out->length;
    dp_text_append_format(out, "  %-24.60s %11s of %-11s loss %.4f", self->name,
                          DP_COUNT_TEXT((uint64_t)done), DP_COUNT_TEXT(self->config.steps),
                          read_loss(view, trial));
    end_line(out, from, columns);
}

static void append_overview(const dp_sweep_view *view, const overview *seen, size_t columns,
                            dp_text *out) {
    const size_t from = out->length;
    dp_text_append_format(out, "  %zu of %zu done, %zu failed, %s", seen->counts[DP_SWEEP_DONE],
                          view->plan->count, seen->counts[DP_SWEEP_FAILED],
                          DP_DURATION_TEXT(dp_timer_now() - view->started));
    if (!isnan(seen->best_loss))
        dp_text_append_format(out, "; best %.60s, dev %.4f", view->plan->trials[seen->best].name,
                              seen->best_loss);
    end_line(out, from, columns);
}

void dp_sweep_view_draw(dp_sweep_view *view) {
    if (!view->live || dp_timer_now() < view->drawn_at + DRAW_SECONDS)
        return;
    const dp_terminal_size size = dp_terminal_get_size(&view->terminal);
    const overview seen = look(view);
    dp_text out = {0};
    size_t lines = 1;
    for (size_t i = 0; i < view->plan->count && lines + 1 < size.lines; i++) {
        if (read_state(view, i) != DP_SWEEP_RUNNING)
            continue;
        append_running(view, i, size.columns, &out);
        lines++;
    }
    append_overview(view, &seen, size.columns, &out);
    clear(view);
    printf("%s", dp_text_string(&out));
    dp_output_flush(stdout);
    view->lines = lines;
    view->drawn_at = dp_timer_now();
    dp_text_clear(&out);
}
