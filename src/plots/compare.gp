# --- losses of all runs above, their learning rates below
# What tells a run from the others: colours of different greys, dashes and markers, whose numbers have
# no common divisor, so that many runs differ in one of them at least. The colours are Paul Tol's
# "bright" scheme, made for all kinds of colour vision.
colour(run) = word("#4477aa #ee6677 #228833 #ccbb44 #66ccee #aa3377 #999999", 1 + (run - 1) % 7)
dash(run) = int(word("1 11 12 13", 1 + (run - 1) % 4))
point(run) = int(word("7 13 5 9 11", 1 + (run - 1) % 5))
block(what, run) = sprintf("%s%02d", what, run - 1)

set multiplot
longest = 0
do for [run=1:runs] { longest = strlen(clip(legend[run])) > longest ? strlen(clip(legend[run])) : longest }
right = 0.985 - (85 + 7.6 * (longest + 7)) / width # pixels of a line and of a letter
eval panel(right, 0.335, 0.92)
eval steps_bare
eval losses
set label 1 "minibatches smoothed (lines) and dev (points); the legend has the best dev loss" \
    at screen 0.5, 0.965 center font large textcolor rgb INK
set ylabel "loss, nats a token (log10 scale)"
plot for [run=1:runs] data index block("smooth", run) with lines lw 2 lc rgb colour(run) \
         dt dash(run) notitle, \
     for [run=1:runs] data index block("dev", run) every dev_every[run] with points pt point(run) \
         ps 1*marker lc rgb colour(run) notitle
unset label 1

eval panel(right, 0.115, 0.275)
eval steps
eval rates
set xlabel "step"
set ylabel "learning rate"
# A rate that jumps holds from the point before to the point itself.
plot for [run=1:runs] data index block("rate", run) using 1:(jumps[run] ? NaN : $2) with lines lw 2 \
         lc rgb colour(run) dt dash(run) notitle, \
     for [run=1:runs] data index block("rate", run) using 1:(jumps[run] ? $2 : NaN) with fsteps lw 2 \
         lc rgb colour(run) dt dash(run) notitle

# The legend beside them, in a place of its own, so that it covers no curve.
eval sprintf("set lmargin at screen %g; set rmargin at screen 0.99", right + 0.015)
set bmargin at screen 0.01
set tmargin at screen 0.93
unset border
unset logscale
unset tics
unset grid
unset xlabel
unset ylabel
set key at graph 0, 1 left top Left reverse samplen 3 spacing 1.1
set xrange [0:1]
set yrange [0:1]
plot for [run=1:runs] NaN with linespoints pt point(run) ps 1*marker lw 2 lc rgb colour(run) \
         dt dash(run) title best[run]." ".clip(legend[run])
unset multiplot
