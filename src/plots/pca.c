#include "plots/pca.h"

#include "base/memory.h"
#include "base/workspace.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ITERATIONS_MAX 1000
#define TOLERANCE 1e-10

typedef struct pca {
    size_t count;
    size_t width;
    double *points;     /* [count, width] less their mean */
    double *components; /* [2, width] of length 1, or 0 where there is none */
    double *next;       /* [width] */
} pca;

static double dot(const double *a, const double *b, size_t width) {
    double sum = 0.0;
    for (size_t j = 0; j < width; j++)
        sum += a[j] * b[j];
    return sum;
}

static void centre(pca *self, const float *points) {
    const size_t size = self->count * self->width;
    double *mean = self->next;
    for (size_t i = 0; i < size; i++)
        mean[i % self->width] += (double)points[i];
    for (size_t j = 0; j < self->width; j++)
        mean[j] /= (double)self->count;
    for (size_t i = 0; i < size; i++)
        self->points[i] = (double)points[i] - mean[i % self->width];
}

/* next = scatter matrix times direction. */
static void multiply(pca *self, const double *direction) {
    memset(self->next, 0, self->width * sizeof *self->next);
    for (size_t i = 0; i < self->count; i++) {
        const double *x = self->points + i * self->width;
        const double along = dot(x, direction, self->width);
        for (size_t j = 0; j < self->width; j++)
            self->next[j] += along * x[j];
    }
}

static void remove_part(double *vector, const double *direction, size_t width) {
    double along = dot(vector, direction, width);
    for (size_t j = 0; j < width; j++)
        vector[j] -= along * direction[j];
}

/* To length 1; false, and all 0, where it is shorter than `least`. */
static bool normalise(double *vector, size_t width, double least) {
    double length = sqrt(dot(vector, vector, width));
    bool is_long = length > least;
    for (size_t j = 0; j < width; j++)
        vector[j] = is_long ? vector[j] / length : 0.0;
    return is_long;
}

static void orient(double *direction, size_t width) {
    size_t largest = 0;
    for (size_t j = 1; j < width; j++)
        largest = fabs(direction[j]) > fabs(direction[largest]) * (1.0 + 1e-9) ? j : largest;
    const double sign = direction[largest] < 0.0 ? -1.0 : 1.0;
    for (size_t j = 0; j < width; j++)
        direction[j] *= sign;
}

/* Orthogonal to no eigenvector of ordinary data: fractions of multiples of the golden ratio. */
static void start(double *direction, size_t width) {
    for (size_t j = 0; j < width; j++)
        direction[j] = fmod((double)(j + 1) * 0.6180339887498949, 1.0) - 0.45;
}

/* To *direction its next value, from *next. Returns how far they lie apart. */
static double replace(double *direction, const double *next, size_t width) {
    double sum = 0.0;
    for (size_t j = 0; j < width; j++) {
        sum += (next[j] - direction[j]) * (next[j] - direction[j]);
        direction[j] = next[j];
    }
    return sqrt(sum);
}

/* The other component is 0 as long as it has not been found. */
static void find_component(pca *self, size_t k, double scatter) {
    const size_t width = self->width;
    double *direction = self->components + k * width;
    const double *other = self->components + (1 - k) * width;
    start(direction, width);
    remove_part(direction, other, width);
    bool found = normalise(direction, width, 1e-9);
    for (int i = 0; i < ITERATIONS_MAX && found; i++) {
        multiply(self, direction);
        remove_part(self->next, other, width);
        found = normalise(self->next, width, 1e-12 * scatter);
        if (replace(direction, self->next, width) < TOLERANCE)
            break;
    }
    orient(direction, width);
}

dp_status dp_pca(const float *points, size_t count, size_t width, double *scores,
                 double shares[DP_PCA_COMPONENTS], dp_error *error) {
    dp_workspace room = {0};
    pca self = {.count = count, .width = width};
    DP_RESERVE(&room, self.points, count * width);
    DP_RESERVE(&room, self.components, DP_PCA_COMPONENTS * width);
    DP_RESERVE(&room, self.next, width);
    DP_OWNED(dp_memory_release) void *memory = dp_workspace_allocate(&room, error);
    if (memory == NULL)
        return error->status;
    centre(&self, points);
    const double scatter = dot(self.points, self.points, count * width);
    for (size_t k = 0; k < DP_PCA_COMPONENTS; k++) {
        const double *direction = self.components + k * width;
        double along = 0.0;
        find_component(&self, k, scatter);
        for (size_t i = 0; i < count; i++) {
            const double score = dot(self.points + i * width, direction, width);
            scores[i * DP_PCA_COMPONENTS + k] = score;
            along += score * score;
        }
        shares[k] = scatter > 0.0 ? along / scatter : 0.0;
    }
    return DP_OK;
}
