# --- losses above, the learning rate below
set multiplot
eval panel(0.915, 0.335, 0.885)
eval steps_bare
eval losses
eval perplexities
if (begins ne "") {
    set label 1 begins at graph 0.012, 0.965 textcolor rgb QUIET font small
}
set key horizontal at graph 0.5, 1.025 center bottom
set title clip(run_name).result offset 0, 1.1
set ylabel "loss, nats a token (log10 scale)"
set y2label "perplexity"
dots = batch_count > 200 ? 0.35 : 0.7 # few would be lost
lone = smooth_count > 1 ? "" : \
    ', data index "smooth" with points pt 7 ps 0.8*marker lc rgb LINE notitle' # no line
devs = dev_count == 0 ? "" : \
    ', data index "dev" with points pt 13 ps 1*marker lc rgb MARK title "dev"'
plot data index "batches" with points pt 7 ps dots*marker lc rgb CLOUD title "one minibatch", \
     data index "smooth" with lines lw 2.2 lc rgb LINE title "minibatches, smoothed" @lone @devs
unset label
unset key
unset y2tics
unset y2label

eval panel(0.915, 0.115, 0.275)
eval steps
eval rates
unset title
set xlabel "step"
set ylabel "learning rate"
style = rate_count < 2 ? "points pt 7 ps marker" : rate_jumps ? "fsteps" : "lines"
plot data index "rate" with @style lw 2 lc rgb QUIET
unset multiplot
