/* Each function brings its argument near 0 and sums a Taylor series there. The way of the sums, in
 * which small numbers are added to larger ones last, is that of Sun's fdlibm (e_log.c, k_cos.c);
 * the constants are those of the series, and ln 2 in two parts (Cody and Waite 1980). */
#include "base/real.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Sums of doubles are rounded to doubles. */
_Static_assert(FLT_EVAL_METHOD == 0, "compile for arithmetic without excess precision");

#define LN10 2.30258509299404568402
#define TWO_PI 6.28318530717958647693

/* x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and log(1 + f) = 2 artanh(s) with s = f / (2 +
 * f):
 *
 *     2 s + s r = f - s f + s r = f - (f^2 / 2 - s (f^2 / 2 + r)),  r = 2/3 s^2 + 2/5 s^4 + ..
 *
 * of which the last says the most with the digits there are. */
double dp_real_log(double x) {
    static const double artanh[] = {2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,  2.0 / 9.0,  2.0 / 11.0,
                                    2.0 / 13.0, 2.0 / 15.0, 2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0};
    const uint64_t least = 0x3fe6a09e667f3bcdu; /* the bits of sqrt(1/2) */
    if (!(x > 0.0 && x <= DBL_MAX))
        return x == 0.0 ? -INFINITY : x < 0.0 ? NAN : x;
    const double normal = x < DBL_MIN ? x * 0x1p54 : x;
    /* Of which the exponent is rounded down, whatever its sign; 2048 is taken off again. */
    const uint64_t shifted = dp_real_bits(normal) - least + ((uint64_t)2048 << 52);
    const double k = (double)(int)(shifted >> 52) - 2048.0 - (x < DBL_MIN ? 54.0 : 0.0);
    const double f = dp_real_of_bits((shifted & 0xfffffffffffffu) + least) - 1.0;
    const double s = f / (2.0 + f), square = s * s, half = 0.5 * f * f;
    const double r = square * dp_real_series(artanh, 10, square);
    return k * DP_REAL_LN2_HIGH - ((half - (s * (half + r) + k * DP_REAL_LN2_LOW)) - f);
}

double dp_real_exp(double x) {
    return dp_real_exp_inline(x);
}

void dp_real_exp_all(size_t count, double *x) {
    for (size_t i = 0; i < count; i++)
        x[i] = dp_real_exp_inline(x[i]);
}

/* Of |x| <= pi / 4 both: x + x^3 .., and 1 - x^2 / 2 + x^4 .. with what 1 - x^2 / 2 lost. */
static double sine(double x) {
    static const double c[] = {
        -1.0 / 6.0,        1.0 / 120.0,        -1.0 / 5040.0,          1.0 / 362880.0,
        -1.0 / 39916800.0, 1.0 / 6227020800.0, -1.0 / 1307674368000.0, 1.0 / 355687428096000.0};
    const double square = x * x;
    return x + x * (square * dp_real_series(c, 8, square));
}

static double cosine(double x) {
    static const double c[] = {
        1.0 / 24.0,        -1.0 / 720.0,         1.0 / 40320.0,          -1.0 / 3628800.0,
        1.0 / 479001600.0, -1.0 / 87178291200.0, 1.0 / 20922789888000.0, -1.0 / 6402373705728000.0};
    const double square = x * x, half = 0.5 * square, most = 1.0 - half;
    return most + (((1.0 - most) - half) + square * square * dp_real_series(c, 8, square));
}

double dp_real_cos_turns(double turns) {
    const double quarters = 4.0 * turns + DP_REAL_ROUNDER;
    const double x = TWO_PI * (turns - 0.25 * (quarters - DP_REAL_ROUNDER));
    switch (dp_real_bits(quarters) % 4) {
    case 0:
        return cosine(x);
    case 1:
        return -sine(x);
    case 2:
        return -cosine(x);
    default:
        return sine(x);
    }
}

double dp_real_power(double base, uint64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            result *= base;
        base *= base;
    }
    return result;
}

double dp_real_exp10(double x) {
    const double whole = rint(fmin(fmax(x, -400.0), 400.0));
    const double power = dp_real_power(10.0, (uint64_t)fabs(whole));
    const double rest = dp_real_exp((x - whole) * LN10);
    return whole < 0.0 ? rest / power : rest * power;
}

double dp_real_log10(double x) {
    const double value = dp_real_log(x) / LN10, whole = rint(value);
    return fabs(value - whole) <= 4.0 * DBL_EPSILON * fabs(whole) ? whole : value;
}
