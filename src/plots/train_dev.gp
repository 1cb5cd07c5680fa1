# --- both losses, where they were evaluated
eval panel(0.9, 0.12, 0.87)
eval steps
eval losses
eval perplexities
set key horizontal at graph 0.5, 1.025 center bottom width -5
set title clip(run_name).result offset 0, 1.1
set xlabel "step"
set ylabel "loss, nats a token"
set y2label "perplexity"
style = train_marked ? "linespoints pt 7 ps 0.7*marker pi train_every" : "lines"
plot data index "train" with @style lw 2 lc rgb LINE title train_title, \
     data index "dev" with linespoints dt 11 pt 13 ps 1.1*marker pi dev_every lw 2 lc rgb MARK title dev_title, \
     data index "best" with points pt 6 ps 2.4*marker lw 1.6 lc rgb INK title "best dev"
