/* timer: seconds on a clock that only goes forward, for durations and deadlines. */
#ifndef DP_BASE_TIMER_H
#define DP_BASE_TIMER_H

double dp_timer_now(void);

#endif
