#!/usr/bin/env bash
# bench: that its figures are those of the config and of each other. How large they are is no matter of
# a test.
source "$(dirname "$0")/common.sh"
make_small_run

# bench RANKS ARGUMENT...: leaves the numbers in bench.json.
bench() {
    local count=$1
    shift
    ranks "$count" "$BIN/dptrain" bench small.ini --seconds 0.2 --json "$@" >bench.json
    expect_equal "lines of JSON" "$(wc -l <bench.json)" 1
    expect_equal "its ends" "$(head -c 1 bench.json) $(tail -c 2 bench.json)" "{ }"
}

# spread PHASE|us_per_step NAME
spread() {
    grep -o "\"$1\":{[^}]*}" bench.json | grep -o "\"$2\":[^,}]*" | cut -d: -f2
}

# expect_ratio NAME DIVIDEND DIVISOR: that the field NAME is the quotient of two others.
expect_ratio() {
    expect_below "distance of $1 from $2 over $3" \
        "$(awk -v r="$(field bench.json "$1")" -v a="$2" -v b="$3" \
            'BEGIN { d = r * b / a - 1; print (d < 0 ? -d : d) }')" 1e-5
}

for count in 1 2; do
    bench $count model.hidden_dim=24 model.embedding_dim=6 train.batch_size=40 train.grains=4
    expect_equal ranks "$(field bench.json ranks)" $count
    expect_equal grains "$(field bench.json grains)" 4
    # Three products of 40 rows for each weight of both layers, with a block of 3 and 27 tokens.
    expect_equal "nominal flops" "$(field bench.json nominal_flops)" \
        $((2 * 3 * 40 * (3 * 6 * 24 + 24 * 27)))
    median=$(spread us_per_step median)
    expect_ratio examples_per_s 40e6 "$median"
    expect_ratio gflops "$(field bench.json nominal_flops)e-3" "$median"
    expect_ratio fraction_of_sgemm "$(field bench.json gflops)" "$(field bench.json sgemm_gflops)"
    expect_ratio exchange_vs_mpi_allreduce "$(field bench.json exchange_us)" \
        "$(field bench.json allreduce_us)"
    for phase in draw layer1 tanh layer2 softmax backward exchange update; do
        min=$(spread $phase min) median=$(spread $phase median) max=$(spread $phase max)
        # One rank descends along the gradient where it computes it, as part of backward.
        if [ $count = 1 ] && [[ $phase =~ exchange|update ]]; then
            expect_equal "least time of $phase on one rank" "$min" 0
        else
            expect_below "least time of $phase" 0.001 "$min"
        fi
        # Of one rank or of two, it is the mean of both, as far as six digits tell.
        expect_below "distance of the median of $phase" \
            "$(distance "$median" "$(awk -v a="$min" -v b="$max" 'BEGIN { printf "%.12g", (a + b) / 2 }')")" \
            "$(awk -v m="$median" 'BEGIN { print (m < 100 ? 0.001 : m * 1e-5) }')"
    done
    expect_below "memory of a rank" 1e6 "$(field bench.json resident_bytes_rank)"
    expect_below "memory of a node" 1e6 "$(field bench.json resident_bytes_node)"
done

"$BIN/dptrain" bench small.ini --seconds 0 >table.txt
for word in step examples rate exchange messages memory start draw update; do
    grep -q "^$word " table.txt || fail "no line of $word: $(cat table.txt)"
done
expect_below "columns" "$(wc -L <table.txt)" 80
# Where the environment chooses OpenBLAS's kernels, that is said, with the rates with it and without, of
# which the higher one counts.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
"$BIN/dptrain" bench small.ini --seconds 0 --json >bench.json
expect_equal "rates with nothing set" "$(grep -o '"sgemm[^:]*' bench.json | tr -d '\n')" '"sgemm_gflops"'
if [ "$(uname -m)" = x86_64 ]; then # on which there is a kernel for any processor, at a tenth of the rate
    export OPENBLAS_CORETYPE=Prescott OPENBLAS_L2_SIZE=512
    bench 1
    grep -q '"openblas_set":"OPENBLAS_CORETYPE=Prescott OPENBLAS_L2_SIZE=512"' bench.json ||
        fail "what is set is not told: $(cat bench.json)"
    expect_equal "the rate that counts" "$(field bench.json sgemm_gflops)" \
        "$(field bench.json sgemm_gflops_unset)"
    expect_below "the rate with a slow kernel, twice" \
        "$(awk -v r="$(field bench.json sgemm_gflops_set)" 'BEGIN { print 2 * r }')" \
        "$(field bench.json sgemm_gflops)"
    expect_ratio fraction_of_sgemm "$(field bench.json gflops)" "$(field bench.json sgemm_gflops)"
    "$BIN/dptrain" bench small.ini --seconds 0 >table.txt
    grep -qx 'set       OPENBLAS_CORETYPE=Prescott OPENBLAS_L2_SIZE=512' table.txt ||
        fail "what is set is not in the table: $(cat table.txt)"
    grep -q '^sgemm .* with what the environment sets' table.txt || fail "no line of both rates: $(cat table.txt)"
    expect_below "columns with what is set" "$(wc -L <table.txt)" 80
    unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
fi

[ ! -e runs ] || fail "bench has left a run folder"
