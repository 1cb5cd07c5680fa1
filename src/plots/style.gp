
# --- what all figures have: both pictures, one after the other, from gnuplot's defaults
kind = exists("kind") && kind eq "png" ? "svg" : "png"
reset
set encoding utf8
set datafile separator "\t"
set dashtype 11 (12,5)
set dashtype 12 (3,4)
set dashtype 13 (14,4,3,4)

# Light, told apart by those who are colour-blind, and of different greys on paper. Curves differ in
# more than colour.
CLOUD = "#a6cbe8" # single minibatches and other crowds
LINE = "#2f77b4"  # what matters most
MARK = "#e07b2e"  # what is compared with it
QUIET = "#777777" # what goes along
INK = "#333333"   # text

# cairo has smoother lines and letters, and finds letters in all fonts. Where none has one of ours, it
# hides the picture behind a box as large (gnuplot 5.4), which the other terminal does not.
cairo = kind eq "png" && strstrt(GPVAL_TERMINALS, " pngcairo ") > 0 \
        && (letters eq "" || system("fc-list ':charset=".letters."' 2>/dev/null") ne "")
if (kind eq "svg") {
    set terminal svg noenhanced size width, height font "sans-serif,13.5" background "white"
    marker = 0.7; large = ",17"; small = ",12"
} else { if (cairo) {
    set terminal pngcairo noenhanced size 1.6 * width, 1.6 * height font "sans,11" fontscale 1.6 \
        linewidth 1.6 pointscale 1.6 background "white"
    marker = 1.2; large = ",14"; small = ",10"
} else {
    set terminal png truecolor noenhanced size 1.6 * width, 1.6 * height font "sans,15" \
        linewidth 1.6 background "white"
    marker = 2; large = ",19"; small = ",13"
} }
set output name.".".kind

set border 3 linewidth 0.8 linecolor rgb "#888888"
set tics nomirror textcolor rgb "#444444"
set grid linetype 1 linewidth 0.6 linecolor rgb "#e4e4e4"
set key top right samplen 1.8 spacing 1.25 textcolor rgb INK
set title textcolor rgb INK font large
set xlabel textcolor rgb INK
set ylabel textcolor rgb INK
set y2label textcolor rgb INK

# The name of a run, cut where a title or a legend has no room for more.
clip(name) = strlen(name) > 40 ? name[1:40]."…" : name

# panel(right, bottom, top): commands for the part of the picture that the next plot gets, fractions
# of its width and height.
panel(right, bottom, top) = sprintf("set lmargin at screen 0.09; set rmargin at screen %g; \
set bmargin at screen %g; set tmargin at screen %g", right, bottom, top)

