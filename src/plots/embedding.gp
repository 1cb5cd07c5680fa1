# --- tokens as dots, some of them with labels
set lmargin at screen low
set rmargin at screen high
set bmargin at screen low
set tmargin at screen high
eval x_axis
eval y_axis
set xlabel x_label
set ylabel y_label
set title clip(run_name).result offset 0, 0.6
set key at screen high, screen high + 0.02 right center
# Dots large enough for a letter, or smaller the more of them there are.
size = in_dots ? (tokens > 64 ? 1.9 : 2.8) : tokens > 1000 ? 0.35 : 0.6
place = in_dots ? "center font large" : "left offset character 0.6, 0 font small"
plot data index "tokens" with points pt 7 ps size*marker lc rgb in_dots ? "#c6dcef" : CLOUD notitle, \
     data index "boundary" with points pt 5 ps (in_dots ? 0.9*size : size + 0.6)*marker \
         lc rgb "#f4c08a" title boundary, \
     data index "labels" using 1:2:(label[int($3)]) with labels @place textcolor rgb "#222222" notitle
