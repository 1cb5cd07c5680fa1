# --- losses of all runs above, their learning rates below
# What tells a run from the others: colours of different greys, dashes and markers, whose numbers have
# no common divisor, so that many runs differ in one of them at least. The colours are Paul Tol's
# "bright" scheme, made for all kinds of colour vision.
colour(run) = word("#4477aa #ee6677 #228833 #ccbb44 #66ccee #aa3377 #999999", 1 + (run - 1) % 7)
dash(run) = int(word("1 11 12 13", 1 + (run - 1) % 4))
point(run) = int(word("7 13 5 9 11", 1 + (run - 1) % 5))
block(what, run) = sprintf("%s%02d", what, run - 1)

set multiplot
right = runs > 6 ? 0.64 : 0.95 # the legend is beside the curves, or among them
eval panel(right, 0.335, 0.92)
eval steps_bare
eval losses
if (runs > 6) {
    set key at screen 0.985, 0.92 right top
}
set key samplen 3
set title "minibatches smoothed (lines) and dev (points); the legend names the best dev loss"
set ylabel "loss, nats a token (log10 scale)"
plot for [run=1:runs] data index block("smooth", run) with lines lw 2 lc rgb colour(run) \
         dt dash(run) notitle, \
     for [run=1:runs] data index block("dev", run) with points pt point(run) ps 1*marker \
         lc rgb colour(run) notitle, \
     for [run=1:runs] NaN with linespoints pt point(run) lw 2 lc rgb colour(run) dt dash(run) \
         title clip(legend[run]).best[run]
unset key

eval panel(right, 0.115, 0.275)
eval steps
eval rates
unset title
set xlabel "step"
set ylabel "learning rate"
# A rate that jumps holds from the point before to the point itself.
plot for [run=1:runs] data index block("rate", run) using 1:(jumps[run] ? NaN : $2) with lines lw 2 \
         lc rgb colour(run) dt dash(run), \
     for [run=1:runs] data index block("rate", run) using 1:(jumps[run] ? $2 : NaN) with fsteps lw 2 \
         lc rgb colour(run) dt dash(run)
unset multiplot
