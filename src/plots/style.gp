
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
CLOUD = "#bcd8ee"  # single minibatches and other crowds
MEDIAN = "#6fa8d6" # the midst of a crowd
LINE = "#1f5f9c"   # what matters most
MARK = "#e07b2e"   # what is compared with it
QUIET = "#777777"  # what goes along
INK = "#333333"    # text

# cairo has smoother lines and letters, and takes each letter from a font that has it. Of a letter that
# no font has it hides the picture behind a box as large (gnuplot 5.4), so these are replaced: those of
# `letters`, whose characters are `signs`, that are in no range of any font.
cairo = kind eq "png" && strstrt(GPVAL_TERMINALS, " pngcairo ") > 0
missing = ""
if (cairo && words(letters) > 1) {
    do for [i in system("fc-list :scalable=true --format '%{charset}\\n' 2>/dev/null | sort -u | awk ".\
        "-v letters='".letters."' 'function value(hex, i, v) { v = 0; for (i = 1; i <= length(hex); i++) ".\
        "v = 16 * v + index(\"0123456789abcdef\", substr(hex, i, 1)) - 1; return v } ".\
        "BEGIN { count = split(letters, letter); for (i = 1; i <= count; i++) code[i] = value(letter[i]) } ".\
        "{ for (f = 1; f <= NF; f++) { ends = split($f, range, \"-\"); low = value(range[1]); ".\
        "high = value(range[ends]); for (i in code) if (code[i] >= low && code[i] <= high) delete code[i] } } ".\
        "END { for (i in code) printf \"%d \", i }'")] {
        missing = missing.signs[int(i):int(i)]
    }
}
stand_in = strstrt(missing, signs[1:1]) > 0 ? "?" : signs[1:1]
shown(text) = missing eq "" ? text : (result = "", (sum [i=1:strlen(text)] (result = result.\
    (strstrt(missing, text[i:i]) > 0 ? stand_in : text[i:i]), 0)), result)
if (kind eq "svg") {
    set terminal svg noenhanced size width, height font "sans-serif,13.5" background "white"
    marker = 0.7; large = ",17"; small = ",12"
    # Titles within an SVG are shown to who points at it: gnuplot's say "Gnuplot" and numbers of plots.
    set output "| sed 's|<title>.*</title>||' >".name.".svg"
} else { if (cairo) {
    set terminal pngcairo noenhanced size 1.6 * width, 1.6 * height font "sans,11" fontscale 1.6 \
        linewidth 1.6 pointscale 1.6 background "white"
    marker = 1.2; large = ",14"; small = ",10"
    set output name.".png"
} else {
    set terminal png truecolor noenhanced size 1.6 * width, 1.6 * height font "sans,15" \
        linewidth 1.6 background "white"
    marker = 2; large = ",19"; small = ",13"
    set output name.".png"
} }

set border 3 linewidth 0.8 linecolor rgb "#888888"
set tics nomirror textcolor rgb "#444444"
set grid linetype 1 linewidth 0.6 linecolor rgb "#e4e4e4"
set key top right samplen 1.8 spacing 1.25 textcolor rgb INK
set title textcolor rgb INK font large
set xlabel textcolor rgb INK
set ylabel textcolor rgb INK
set y2label textcolor rgb INK

# What is written over curves has a ground of its own: "boxed".
set style textbox opaque noborder fillcolor rgb "white" margins 0.6, 0.4

# The name of a run, without its midst where a title or a legend has no room for it: runs of a sweep
# differ at their ends.
clip(name) = strlen(name) > 40 ? name[1:20]."…".name[strlen(name)-19:strlen(name)] : name

# panel(right, bottom, top): commands for the part of the picture that the next plot gets, fractions
# of its width and height.
panel(right, bottom, top) = sprintf("set lmargin at screen 0.09; set rmargin at screen %g; \
set bmargin at screen %g; set tmargin at screen %g", right, bottom, top)

