/* update_formula: the optimizers' formulas of src/model/optimizer.h in double precision, to
 * compare whole steps with. */
#ifndef DP_SUPPORT_UPDATE_FORMULA_H
#define DP_SUPPORT_UPDATE_FORMULA_H

#include "engine/config.h"

#include <math.h>

/* Parameter *p with the state *m and *v, whose tensor decays by this, from its gradient g at step
 * t = 1, 2, ... with this rate. */
static inline void update_by_formula(const dp_config *config, double *p, double *m, double *v,
                                     double g, double decay, double t, double lr) {
    if (config->optimizer.kind == DP_OPTIMIZER_ADAMW) {
        *p -= lr * decay * *p;
        *m = config->optimizer.beta1 * *m + (1.0 - config->optimizer.beta1) * g;
        *v = config->optimizer.beta2 * *v + (1.0 - config->optimizer.beta2) * g * g;
        double mean = *m / (1.0 - pow(config->optimizer.beta1, t));
        double square = *v / (1.0 - pow(config->optimizer.beta2, t));
        *p -= lr * mean / (sqrt(square) + config->optimizer.epsilon);
        return;
    }
    g += decay * *p;
    if (config->optimizer.kind != DP_OPTIMIZER_SGD)
        *m = config->optimizer.momentum * *m + g;
    if (config->optimizer.kind == DP_OPTIMIZER_MOMENTUM)
        g = *m;
    else if (config->optimizer.kind == DP_OPTIMIZER_NESTEROV)
        g += config->optimizer.momentum * *m;
    *p -= lr * g;
}

#endif
