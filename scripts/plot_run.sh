#!/usr/bin/env bash
# plot_run.sh RUN OUT.svg: the loss of a run against the step, and its embedding, in one picture.
# Needs gnuplot and h5dump (packages gnuplot-nox and hdf5-tools).
set -euo pipefail
if [ $# != 2 ]; then
    echo "usage: plot_run.sh RUN OUT.svg" >&2
    exit 2
fi
run=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

h5dump -d /vocab/tokens -y -o "$work/tokens" "$run/best.h5" >/dev/null
h5dump -d /params/C -y -w 100000 -o "$work/embedding" "$run/best.h5" >/dev/null
tr ',' '\n' <"$work/tokens" | sed -n 's/^ *"\([^\\"]*\).*/\1/p' >"$work/characters"
tr ',' '\n' <"$work/embedding" | grep '[0-9]' |
    awk -v rows="$(grep -c "" "$work/characters")" '
        { value[NR] = $1 }
        END { for (i = 0; i < rows; i++) print value[i * NR / rows + 1], value[i * NR / rows + 2] }
    ' | paste -d' ' - "$work/characters" >"$work/points"

gnuplot <<END
set terminal svg size 1000,420 font "sans-serif,13" background "white"
set output "$out"
set multiplot layout 1,2
set datafile separator ","
set border 3 lc rgb "#555555"
set tics nomirror textcolor rgb "#333333"
set grid lc rgb "#dddddd"
set key top right
set xlabel "step (thousands)"
set ylabel "loss (nats a character)"
set yrange [2:3]
set title "loss"
plot "$run/metrics.csv" using (\$1/1000):3 every ::1 with dots lc rgb "#9ecae1" title "one batch", \
     "" using (\$1/1000):2 every ::1 with lines lw 1.5 lc rgb "#3182bd" title "mean", \
     "" using (\$1/1000):6 every ::1 with points pt 7 ps 0.6 lc rgb "#e6550d" title "dev"
set datafile separator whitespace
unset key
set yrange [*:*]
set xlabel "dimension 0"
set ylabel "dimension 1"
set title "embedding"
set offsets graph 0.05, 0.05, 0.05, 0.05
plot "$work/points" using 1:2 with points pt 7 ps 1.9 lc rgb "#c6dbef", \
     "" using 1:2:3 with labels font "sans-serif,12" textcolor rgb "#08306b"
END
