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

#endif
