#include "run/comparison.h"

/* Takes in the rows of a step that both runs have. */
static void compare_rows(dp_comparison *self, const dp_metrics_row *a, const dp_metrics_row *b) {
    if (self->common == 0)
        self->first_step = a->step;
    self->common++;
    self->last_step = a->step;
    if (self->a != NULL)
        return;
    if (a->weights_hash == b->weights_hash) {
        self->equal++;
        self->equal_step = a->step;
    } else {
        self->a = a;
        self->b = b;
    }
}

dp_comparison dp_comparison_of(const dp_metrics_table *a, const dp_metrics_table *b) {
    dp_comparison comparison = {0};
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        uint64_t step_a = a->rows[i].step, step_b = b->rows[j].step;
        if (step_a == step_b)
            compare_rows(&comparison, &a->rows[i], &b->rows[j]);
        i += step_a <= step_b;
        j += step_b <= step_a;
    }
    return comparison;
}
