/* expect: assertions for cmocka tests that print both values, and the message of a dp_error. */
#ifndef DP_TESTS_EXPECT_H
#define DP_TESTS_EXPECT_H

#include "base/status.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The call succeeds. */
#define expect_ok(call, error)                                                                     \
    do {                                                                                           \
        dp_status got_ = (call);                                                                   \
        if (got_ != DP_OK)                                                                         \
            fail_msg("%s: status %d, %s", #call, (int)got_, (error)->message);                     \
    } while (0)

/* The call fails with this status, stores it, and its message contains `part`. */
#define expect_failure(call, wanted, part, error)                                                  \
    do {                                                                                           \
        memset((error), 0, sizeof *(error));                                                       \
        dp_status got_ = (call);                                                                   \
        if (got_ != (wanted) || (error)->status != got_)                                           \
            fail_msg("%s: returned %d and stored %d, not %d: %s", #call, (int)got_,                \
                     (int)(error)->status, (int)(wanted), (error)->message);                       \
        if (strstr((error)->message, (part)) == NULL)                                              \
            fail_msg("%s: \"%s\" does not say \"%s\"", #call, (error)->message, (part));           \
    } while (0)

#define expect_unsigned(got, wanted)                                                               \
    do {                                                                                           \
        uint64_t got_ = (got), wanted_ = (wanted);                                                 \
        if (got_ != wanted_)                                                                       \
            fail_msg("%s is %" PRIu64 ", not %" PRIu64, #got, got_, wanted_);                      \
    } while (0)

#define expect_hex(got, wanted)                                                                    \
    do {                                                                                           \
        uint64_t got_ = (got), wanted_ = (wanted);                                                 \
        if (got_ != wanted_)                                                                       \
            fail_msg("%s is %016" PRIx64 ", not %016" PRIx64, #got, got_, wanted_);                \
    } while (0)

/* |got - wanted| is at most `tolerance`; NaN never is. */
#define expect_close(got, wanted, tolerance)                                                       \
    do {                                                                                           \
        double got_ = (got), wanted_ = (wanted), tolerance_ = (tolerance);                         \
        if (!(fabs(got_ - wanted_) <= tolerance_))                                                 \
            fail_msg("%s is %.17g, not %.17g +- %g", #got, got_, wanted_, tolerance_);             \
    } while (0)

#endif
