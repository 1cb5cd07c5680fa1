/* pca: the two directions in which points differ most (principal component analysis).
 *
 * Power iteration on the covariance, which is never formed, so that wide points cost no square of
 * their width; the second direction is sought orthogonal to the first. All in double, from a fixed
 * start, so that the same points give the same picture.
 */
#ifndef DP_PLOTS_PCA_H
#define DP_PLOTS_PCA_H

#include "base/status.h"

#include <stddef.h>

#define DP_PCA_COMPONENTS 2

/* points [count, width], row-major; count and width at least 1. scores [count, 2] get the
 * coordinates of each point, less the mean, along the components; shares[k] the part of the whole
 * variance along component k, from 0 to 1. Where there is no further direction in which points
 * differ, its scores and its share are 0. Of the two signs of a component the one is taken whose
 * largest weight is positive. DP_ERR_MEMORY. */
dp_status dp_pca(const float *points, size_t count, size_t width, double *scores,
                 double shares[DP_PCA_COMPONENTS], dp_error *error) DP_CHECKED;

#endif
