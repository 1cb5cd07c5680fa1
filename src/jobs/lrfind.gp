# --- the loss at each rate
eval exponents
eval losses
set arrow from lowest, graph 0 to lowest, graph 1 nohead dt 2 lc rgb QUIET
# A label stands on the side of its line where there is room for it.
side(x) = (x - first) / (last - first) > 0.5 ? "right offset -0.5, 0" : "left offset 0.5, 0"
eval "set label 'lowest' at lowest, graph 0.97 front boxed ".side(lowest)." textcolor rgb QUIET font small"
if (suggestion ne "") {
    set arrow from suggested, graph 0 to suggested, graph 1 nohead lw 1.5 lc rgb MARK
    eval "set label suggestion at suggested, graph 0.91 front boxed ".side(suggested). \
        " textcolor rgb MARK font small"
}
set key bottom left
set xlabel "exponent of the learning rate, 10^x"
set ylabel "loss, nats a token (log10 scale)"
plot data index "search" using 1:2 with points pt 7 ps 0.35*marker lc rgb CLOUD \
         title "one minibatch", \
     data index "search" using 1:3 with lines lw 2.2 lc rgb LINE title "smoothed"
