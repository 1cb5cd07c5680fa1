#include "model/ways.h"

#include "base/real.h"
#include "base/tree.h"
#include "kernels/kernels.h"

#include <math.h>

/* Rows of all grains that are computed at once: their activations should stay in a second-level
 * cache. */
#define ROWS_AT_ONCE 256

/* A text repeats its tokens as if they were so few of the vocabulary, all as frequent: this power
 * of it. And contexts as if there were so many: that power. */
#define TOKEN_POWER 0.8
#define CONTEXT_POWER 1.7

/* What a split output may take of the time of a whole one: several ranks need not exchange its
 * gradient, which is most of what they would have to. And in few blocks there is little to share.
 */
#define SPLIT_MARGIN 1.06
#define SPLIT_VOCAB_LEAST (3 * DP_OUTPUT_BLOCK)

/* What is done in a step that is not the same by all ways, and what each of it takes. */
typedef enum operation {
    PRODUCT,  /* multiplied and added to a sum in a register */
    FOLD,     /* a sum folded from its lanes, by `dot` */
    ADDITION, /* a float added to another, both in memory */
    SLAB,     /* a float of a gradient written down, and used */
    STRIDED,  /* a float far from the one before */
    FEATURES, /* the features of a token read or written */
    PAIR,     /* a (position, token) found among those seen before */
    CONTEXT,  /* the same of contexts, for each of their tokens */
    OPERATIONS
} operation;

/* Fitted to the ratios in tests/model/ways_measured.txt, all together: what is left out above is in
 * them, too. */
static const double nanoseconds[OPERATIONS] = {
    [PRODUCT] = 0.0133, [FOLD] = 0.793,    [ADDITION] = 0.0323, [SLAB] = 0.0494,
    [STRIDED] = 0.534,  [FEATURES] = 14.7, [PAIR] = 15.6,       [CONTEXT] = 2.41,
};

/* --- counting ------------------------------------------------------------------------------- */

typedef struct counts {
    double of[OPERATIONS];
} counts;

/* A step in numbers. */
typedef struct quantities {
    double vocab, block, dim, inputs;
    double hidden, seen;           /* padded, as kernels compute them */
    double w1, output, parameters; /* floats: of layer 1, of the output, of all */
    double rows, grains;
    double calls; /* to compute all grains */
    bool updates_apart;
} quantities;

static quantities quantities_of(const dp_ways_work *work) {
    const dp_model_shape *shape = &work->shape;
    const size_t grain_rows = (work->rows + work->grains - 1) / work->grains;
    const size_t at_once = dp_ways_grains_at_once(grain_rows);
    const size_t calls = (work->grains + at_once - 1) / at_once;
    const double inputs = (double)dp_shape_inputs(shape), vocab = (double)shape->vocab;
    const double hidden = (double)dp_kernels_padded(shape->hidden_dim);
    const double seen = hidden + (shape->direct ? inputs : 0.0);
    return (quantities){.vocab = vocab,
                        .block = (double)shape->block_size,
                        .dim = (double)shape->embedding_dim,
                        .inputs = inputs,
                        .hidden = hidden,
                        .seen = seen,
                        .w1 = inputs * hidden,
                        .output = vocab * seen,
                        .parameters =
                            inputs * hidden + vocab * (seen + (double)shape->embedding_dim),
                        .rows = (double)work->rows,
                        .grains = (double)work->grains,
                        .calls = (double)calls,
                        .updates_apart = work->updates_apart};
}

/* How many kinds are among so many that are drawn of all there are: kinds^power. */
static double distinct(double kinds, double power, double drawn) {
    const double all = dp_real_exp(power * dp_real_log(kinds));
    return all <= 1.0 ? 1.0 : all * (1.0 - dp_real_exp(drawn * dp_real_log(1.0 - 1.0 / all)));
}

/* --- a whole output ------------------------------------------------------------------------- */

static void count_forward_by_rows(counts *to, const quantities *of, double rows) {
    to->of[FEATURES] += rows * of->block;
    to->of[PRODUCT] += rows * of->w1;
}

static void count_forward_by_pairs(counts *to, const quantities *of, double rows) {
    const double pairs = of->block * distinct(of->vocab, TOKEN_POWER, rows / of->calls);
    to->of[PAIR] += rows * of->block;
    to->of[FEATURES] += of->calls * pairs;
    to->of[PRODUCT] += of->calls * pairs * of->dim * of->hidden;
    to->of[ADDITION] += rows * of->block * of->hidden;
}

static void count_backward_by_rows(counts *to, const quantities *of, double rows) {
    to->of[FEATURES] += 2.0 * rows * of->block;
    to->of[PRODUCT] += 2.0 * rows * of->w1;
    to->of[FOLD] += rows * of->inputs;
}

static void count_backward_by_pairs(counts *to, const quantities *of, double rows) {
    const double pairs =
        of->grains * of->block * distinct(of->vocab, TOKEN_POWER, rows / of->grains);
    to->of[PAIR] += 2.0 * rows * of->block;
    to->of[ADDITION] += rows * of->block * of->hidden;
    to->of[FEATURES] += 2.0 * pairs;
    to->of[PRODUCT] += pairs * of->dim * of->hidden + pairs / of->block * of->w1;
    to->of[FOLD] += pairs * of->dim;
}

static void count_whole_output(counts *to, const quantities *of, double rows) {
    to->of[PRODUCT] += 3.0 * rows * of->output;
    to->of[FOLD] += rows * of->vocab * ceil(of->seen / (double)DP_KERNEL_DOT_RUN);
    /* Sums of rows of C. */
    to->of[SLAB] += 2.0 * of->dim * fmin(of->grains * of->vocab, of->block * rows);
    if (!of->updates_apart && of->calls == 1.0)
        return;
    to->of[SLAB] += of->parameters * (2.0 * of->calls - 1.0);
}

static counts count_whole(const quantities *of, dp_layer1 layer1) {
    counts to = {{0}};
    double rows = of->rows;
    if (layer1 == DP_LAYER1_BY_CONTEXTS) {
        to.of[CONTEXT] += rows * of->block;
        rows = of->grains * distinct(of->vocab, CONTEXT_POWER, rows / of->grains);
    }
    if (layer1 >= DP_LAYER1_FORWARD_BY_PAIRS)
        count_forward_by_pairs(&to, of, rows);
    else
        count_forward_by_rows(&to, of, rows);
    if (layer1 >= DP_LAYER1_BY_PAIRS)
        count_backward_by_pairs(&to, of, rows);
    else
        count_backward_by_rows(&to, of, rows);
    count_whole_output(&to, of, rows);
    return to;
}

/* --- a split output ------------------------------------------------------------------------- */

static counts count_split(const quantities *of) {
    counts to = {{0}};
    const double rows = of->rows, tokens = (double)DP_OUTPUT_BLOCK;
    const double blocks = ceil(of->vocab / tokens);
    const double runs = ceil(rows / (double)DP_TREE_RUN);
    /* Where the update is plain, blocks without a target descend at once. */
    const double written = of->updates_apart || runs > 1.0 ? runs : fmin(1.0, rows / blocks);
    to.of[PRODUCT] = 3.0 * rows * (of->output + of->w1);
    to.of[FOLD] = rows * (blocks * of->seen + of->inputs);
    to.of[ADDITION] = rows * blocks * of->seen;
    to.of[SLAB] = tokens * of->seen * (blocks * written + (blocks * tokens > of->vocab));
    to.of[STRIDED] = 2.0 * rows * of->seen;
    to.of[FEATURES] = 3.0 * rows * of->block;
    return to;
}

/* --- choosing ------------------------------------------------------------------------------- */

static double time_of(counts done) {
    double sum = 0.0;
    for (int i = 0; i < OPERATIONS; i++)
        sum += nanoseconds[i] * done.of[i];
    return sum;
}

static double time_of_whole(const quantities *of, dp_layer1 layer1, bool forward_only) {
    counts done = {{0}};
    if (!forward_only)
        return time_of(count_whole(of, layer1));
    if (layer1 == DP_LAYER1_BY_ROWS)
        count_forward_by_rows(&done, of, of->rows);
    else
        count_forward_by_pairs(&done, of, of->rows);
    return time_of(done);
}

dp_ways dp_ways_choose(const dp_ways_work *work) {
    const dp_layer1 most = dp_ways_most_shared(work);
    const quantities step = quantities_of(work);
    dp_ways ways = {.layer1 = DP_LAYER1_BY_ROWS};
    double least = time_of_whole(&step, ways.layer1, work->forward_only);
    for (dp_layer1 layer1 = DP_LAYER1_FORWARD_BY_PAIRS; layer1 <= most; layer1++) {
        const double time = time_of_whole(&step, layer1, work->forward_only);
        if (time < least) {
            ways.layer1 = layer1;
            least = time;
        }
    }
    ways.split =
        work->shape.vocab > SPLIT_VOCAB_LEAST && time_of(count_split(&step)) < SPLIT_MARGIN * least;
    return ways;
}

dp_layer1 dp_ways_most_shared(const dp_ways_work *work) {
    if (work->shape.hidden_dim == 0 || work->shape.direct || work->drops_features)
        return DP_LAYER1_BY_ROWS;
    if (work->forward_only)
        return DP_LAYER1_FORWARD_BY_PAIRS;
    return work->drops_hidden ? DP_LAYER1_BY_PAIRS : DP_LAYER1_BY_CONTEXTS;
}

size_t dp_ways_grains_at_once(size_t grain_rows) {
    size_t grains = 1;
    while (grains < DP_KERNEL_GRAINS_MAX && 2 * grains * grain_rows <= ROWS_AT_ONCE)
        grains *= 2;
    return grains;
}
