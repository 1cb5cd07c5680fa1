# --- losses above, the learning rate below
set multiplot
eval panel(0.9, 0.335, 0.885)
eval steps_bare
eval losses
eval perplexities
if (beyond ne "") {
    set label 1 beyond at graph 0.985, 0.965 right front boxed textcolor rgb QUIET font small
}
set key horizontal at graph 0.5, 1.025 center bottom width -3
set title clip(run_name).result offset 0, 1.1
set ylabel "loss, nats a token (log10 scale)"
set y2label "perplexity"
dots = batch_count > 200 ? 0.35 : 0.7 # few would be lost
batches = batch_count == 0 ? "" : \
    'data index "batches" with points pt 7 ps dots*marker lc rgb CLOUD title "one minibatch", '
cloud = cloud_count == 0 ? "" : \
    'data index "cloud" using 1:2:4 with filledcurves lc rgb CLOUD title "all minibatches", '. \
    'data index "cloud" using 1:3 with lines lw 0.8 lc rgb MEDIAN title "their median", '
lone = smooth_count > 1 ? "" : \
    ', data index "smooth" with points pt 7 ps 0.8*marker lc rgb LINE notitle' # no line
devs = dev_count == 0 ? "" : \
    ', data index "dev" with linespoints pt 13 ps 1*marker pi dev_every lw 1.2 lc rgb MARK title "dev"'
plot @cloud @batches data index "smooth" with lines lw 2.2 lc rgb LINE title "smoothed" @lone @devs
unset label
unset key
unset y2tics
unset y2label

eval panel(0.9, 0.115, 0.275)
eval steps
eval rates
unset title
set xlabel "step"
set ylabel "learning rate"
style = rate_count < 2 ? "points pt 7 ps marker" : rate_jumps ? "fsteps" : "lines"
rate = rate_count == 0 ? "NaN" : 'data index "rate"'
plot @rate with @style lw 2 lc rgb QUIET
unset multiplot
