#include "plots/axis.h"

#include "base/real.h"

#include <math.h>
#include <string.h>

#define WANTED_TICS 8.0
#define LARGEST 1e300 /* beyond it room at the ends would be infinite */

/* The least of 1, 2, 5 times a power of ten that is at least `least`. */
static double round_up_step(double least) {
    double power = dp_real_exp10(floor(dp_real_log10(least)));
    double factor = least / power;
    double rounded = factor <= 1.0 + 1e-9 ? 1.0 : factor <= 2.0 ? 2.0 : factor <= 5.0 ? 5.0 : 10.0;
    return rounded * power;
}

/* Multiples of a step, each rounded on its own so that errors do not add up. */
static void place_linear(dp_axis *axis, double wanted) {
    double step = round_up_step((axis->high - axis->low) / wanted);
    double first = ceil(axis->low / step - 1e-9), last = floor(axis->high / step + 1e-9);
    for (int i = 0; first + i <= last && axis->count < DP_AXIS_TICS_MAX; i++)
        axis->tics[axis->count++] = (first + i) * step + 0.0; /* -0 + 0 is 0 */
}

/* All factor * 10^e within the range, e a multiple of `stride`. */
static void place_factors(dp_axis *axis, const double *factors, size_t count, int stride) {
    int first = (int)floor(dp_real_log10(axis->low)), last = (int)ceil(dp_real_log10(axis->high));
    first -= ((first % stride) + stride) % stride;
    for (int e = first; e <= last; e += stride) {
        for (size_t i = 0; i < count && axis->count < DP_AXIS_TICS_MAX; i++) {
            double tic = factors[i] * dp_real_exp10(e);
            if (tic >= axis->low * (1.0 - 1e-9) && tic <= axis->high * (1.0 + 1e-9))
                axis->tics[axis->count++] = tic;
        }
    }
}

static void place_logarithmic(dp_axis *axis) {
    static const double dense[] = {1.0, 1.5, 2.0, 3.0, 5.0, 7.0}, sparse[] = {1.0, 2.0, 5.0};
    /* Not of the quotient, which may overflow. */
    const double decades = dp_real_log10(axis->high) - dp_real_log10(axis->low);
    if (decades < 0.35) /* nearly linear */
        place_linear(axis, WANTED_TICS);
    else if (decades < 1.2)
        place_factors(axis, dense, sizeof dense / sizeof dense[0], 1);
    else if (decades < 3.0)
        place_factors(axis, sparse, sizeof sparse / sizeof sparse[0], 1);
    else
        place_factors(axis, sparse, 1, (int)ceil(decades / (WANTED_TICS - 1.0)));
}

dp_axis dp_axis_linear(double low, double high, double room) {
    low = fmin(fmax(low, -LARGEST), LARGEST);
    high = fmin(high, LARGEST);
    if (!(low < high) || high - low < 1e-9 * fabs(low)) {
        double around = low == 0.0 ? 1.0 : 0.1 * fabs(low);
        high = low + around;
        low -= around;
    }
    if (room > 0.0)
        return dp_axis_linear(low - room * (high - low), high + room * (high - low), 0.0);
    dp_axis axis = {.low = low, .high = high};
    place_linear(&axis, WANTED_TICS);
    return axis;
}

dp_axis dp_axis_logarithmic(double low, double high, double room) {
    if (!(low > 0.0))
        return dp_axis_linear(low, high, room);
    low = fmin(low, LARGEST);
    high = fmin(high, LARGEST);
    if (high < 1.01 * low) {
        high = 1.1 * low;
        low /= 1.1;
    }
    if (room > 0.0) {
        const double from = dp_real_log10(low), to = dp_real_log10(high), more = room * (to - from);
        return dp_axis_logarithmic(dp_real_exp10(from - more), dp_real_exp10(to + more), 0.0);
    }
    dp_axis axis = {.low = low, .high = high, .logarithmic = true};
    place_logarithmic(&axis);
    return axis;
}

void dp_axis_thin(dp_axis *axis, size_t most) {
    size_t powers = 0;
    if (axis->count <= most)
        return;
    for (size_t i = 0; i < axis->count && axis->logarithmic; i++) {
        const double exponent = dp_real_log10(axis->tics[i]);
        if (fabs(exponent - round(exponent)) < 1e-9)
            axis->tics[powers++] = axis->tics[i];
    }
    axis->count = powers;
    if (powers >= 2)
        return;
    axis->count = 0;
    place_linear(axis, (double)most);
}

/* A number with so many digits; whole ones as "50,000". */
static void append_number(double tic, int digits, dp_text *out) {
    if (tic >= 1000.0 && tic < 1e15 && tic == floor(tic))
        dp_text_append(out, DP_COUNT_TEXT((uint64_t)tic));
    else
        dp_text_append_format(out, "%.*g", digits, tic);
}

/* That of a loss, whole where its digits are enough for that; "7.2e86" where that is too long, and
 * nothing where it is beyond all numbers. */
static void append_perplexity(double loss, int digits, dp_text *out) {
    const double perplexity = dp_real_exp(loss), exponent = floor(loss / dp_real_log(10.0));
    if (isinf(perplexity))
        return;
    if (perplexity >= 1e6)
        dp_text_append_format(out, "%.*ge%.0f", digits - 1,
                              dp_real_exp(loss - exponent * dp_real_log(10.0)), exponent);
    else if (perplexity >= dp_real_exp10(digits - 1))
        dp_text_append(out, DP_COUNT_TEXT((uint64_t)round(perplexity)));
    else
        dp_text_append_format(out, "%.*g", digits, perplexity);
}

static void append_label(double tic, dp_axis_labels labels, int digits, dp_text *out) {
    if (labels == DP_AXIS_NUMBERS)
        append_number(tic, digits, out);
    else if (labels == DP_AXIS_PERPLEXITIES)
        append_perplexity(tic, digits, out);
}

/* Whether each tic has another label than the one before it. */
static bool are_different(const dp_axis *axis, dp_axis_labels labels, int digits) {
    bool differ = true;
    for (size_t i = 1; i < axis->count && differ; i++) {
        DP_OWNED(dp_text_clear) dp_text before = {0};
        DP_OWNED(dp_text_clear) dp_text label = {0};
        append_label(axis->tics[i - 1], labels, digits, &before);
        append_label(axis->tics[i], labels, digits, &label);
        differ = label.length == 0 || strcmp(dp_text_string(&before), dp_text_string(&label)) != 0;
    }
    return differ;
}

/* As few digits as tell the tics apart: of numbers, which are round, some eight do nearly always.
 */
static int find_digits(const dp_axis *axis, dp_axis_labels labels) {
    int digits = labels == DP_AXIS_PERPLEXITIES ? 3 : 8;
    while (digits < 17 && labels != DP_AXIS_BARE && !are_different(axis, labels, digits))
        digits++;
    return digits;
}

void dp_axis_assign(const dp_axis *axis, const char *variable, const char *name,
                    dp_axis_labels labels, dp_text *values) {
    const int digits = find_digits(axis, labels);
    dp_text_append_format(values, "%s = '%s logscale %s; set %srange [%.17g:%.17g]; set %stics (",
                          variable, axis->logarithmic ? "set" : "unset", name, name, axis->low,
                          axis->high, name);
    for (size_t i = 0; i < axis->count; i++) {
        dp_text_append(values, i == 0 ? "\"" : ", \"");
        append_label(axis->tics[i], labels, digits, values);
        dp_text_append_format(values, "\" %s", DP_REAL_TEXT(axis->tics[i]));
    }
    dp_text_append(values, ")'\n");
}
