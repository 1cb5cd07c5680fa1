/* real: logarithm, exponential and cosine with the same bits on every machine.
 *
 * Those of C libraries differ in their last bits from version to version, from processor to
 * processor and by whether it can fuse a * b + c, and a weight, a loss or a digit that is printed
 * differs with them. Nothing in here is but +, -, *, / and moves of bits, which IEEE 754 fixes, and
 * nothing is fused (-ffp-contract=off). So nobody else calls a function of <math.h> that IEEE 754
 * does not fix; tests/check_layers.sh says which.
 *
 * Errors are measured by tests/base/test_real.c against the C library's long double; an ulp is
 * the distance between neighbours at the result.
 */
#ifndef DP_BASE_REAL_H
#define DP_BASE_REAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The natural logarithm, of any number, also a subnormal one; error below 1 ulp. -INFINITY of 0 and
 * NaN of less. */
double dp_real_log(double x);

/* e^x, of any x; error below 1 ulp. */
double dp_real_exp(double x);

/* x[i] = dp_real_exp(x[i]), several at a time. */
void dp_real_exp_all(size_t count, double *x);

/* cos(2 pi turns), |turns| <= 2^50; error below 2 ulp. Exact at multiples of a quarter. */
double dp_real_cos_turns(double turns);

/* base^exponent by products alone; error below exponent ulp, exact where all products are. */
double dp_real_power(double base, uint64_t exponent);

/* 10^x; INFINITY above 308.3, and 0 below -308.5. Error below 4 ulp within 1e-20 to 1e20, where the
 * powers of ten themselves are what a compiler reads in 1e-3. Below 20 ulp elsewhere. */
double dp_real_exp10(double x);

/* The logarithm to the base 10, whole where x is within 1e-15 of a power of ten; error below 4 ulp.
 */
double dp_real_log10(double x);

/* --- for loops that are compiled for several instruction set levels ----------------------------
 * Vectors are made of these there, with the options of the compiler that base/real.c has. */

/* ln 2 = DP_REAL_LN2_HIGH + DP_REAL_LN2_LOW. A whole number of up to eleven bits times the first is
 * exact. */
#define DP_REAL_LN2_HIGH 0x1.62e42fefa38p-1
#define DP_REAL_LN2_LOW 0x1.ef35793c7673p-45

/* Adding it to a number below 2^51 leaves the nearest integer in the low bits of the sum. */
#define DP_REAL_ROUNDER 0x1.8p52

static inline uint64_t dp_real_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double dp_real_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* c[0] + c[1] x + .. c[count - 1] x^(count - 1), count even: even and odd powers by themselves, as
 * two sums wait less than one. */
static inline double dp_real_series(const double *c, int count, double x) {
    const double square = x * x;
    double even = c[count - 2], odd = c[count - 1];
    for (int k = count - 4; k >= 0; k -= 2) {
        even = even * square + c[k];
        odd = odd * square + c[k + 1];
    }
    return even + x * odd;
}

/* 2^n, of DP_REAL_ROUNDER + n; |n| <= 1022. */
static inline double dp_real_power_of_two(double shifted) {
    return dp_real_of_bits((dp_real_bits(shifted) + 1023) << 52);
}

/* e^r of |r| <= ln 2 / 2 and the n, a whole number, for which e^x = 2^n e^r. */
static inline double dp_real_exp_rest(double x, double *n) {
    static const double factorials[] = {
        1.0 / 2.0,       1.0 / 6.0,        1.0 / 24.0,        1.0 / 120.0,
        1.0 / 720.0,     1.0 / 5040.0,     1.0 / 40320.0,     1.0 / 362880.0,
        1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0,
    };
    const double log2_e = 1.44269504088896340736;
    *n = (x * log2_e + DP_REAL_ROUNDER) - DP_REAL_ROUNDER;
    const double high = x - *n * DP_REAL_LN2_HIGH, low = *n * DP_REAL_LN2_LOW, r = high - low;
    const double lost = (high - r) - low;
    return 1.0 + (r + (r * r * dp_real_series(factorials, 12, r) + lost));
}

/* dp_real_exp(x). As 2^n may be no double where e^x is one, it is made of two factors. */
static inline double dp_real_exp_inline(double x) {
    double n;
    x = x > 710.0 ? 710.0 : x; /* beyond all doubles */
    x = x < -746.0 ? -746.0 : x;
    const double e = dp_real_exp_rest(x, &n);
    const double first = 0.5 * n + DP_REAL_ROUNDER;
    const double second = (n - (first - DP_REAL_ROUNDER)) + DP_REAL_ROUNDER;
    return e * dp_real_power_of_two(first) * dp_real_power_of_two(second);
}

/* dp_real_exp(x) of x <= 0, with a quarter less to do: below -708 it is 2^-1021, which is nothing
 * beside 1. */
static inline double dp_real_exp_to_zero(double x) {
    double n;
    x = x < -708.0 ? -708.0 : x;
    const double e = dp_real_exp_rest(x, &n);
    return e * dp_real_power_of_two(n + DP_REAL_ROUNDER);
}

#endif
