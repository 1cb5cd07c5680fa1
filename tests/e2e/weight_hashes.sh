#!/usr/bin/env bash
# No change of the code changes a bit of a result, nor do processor, compiler and kind of build: weights of
# configs, optimizers and ways to compute, on 1 and 3 ranks and at different instruction set levels of this
# processor, against those that are kept in tests/golden/weight_hashes.txt.
#
# By hand, for all cases or those that are named:
#
#     tests/e2e/weight_hashes.sh [CASE...]    as the test does, on the build of this checkout or that in BIN
#     DPTRAIN_HASHES=print ...                prints them, to keep them or to compare two builds
#     DPTRAIN_HASHES_LONG=1 ...               base.ini to its end, the other configs for more steps
#
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${MPIEXEC:-}" ]; then
    # shellcheck disable=SC1091
    cd "$root" && . scripts/env.sh
fi
export BIN=${BIN:-$root/build/bin} SOURCE=${SOURCE:-$root} MPIEXEC=${MPIEXEC:-mpirun -n}
chosen=" $* "
source "$root/tests/e2e/common.sh"
kept=$SOURCE/tests/golden/weight_hashes.txt

cp "$SOURCE/data/names.txt" names.txt
"$BIN/pack_dataset" names.txt >/dev/null
"$BIN/pack_dataset" names.txt -o names6.h5 --block_size 6 >/dev/null
# 4,600 words and some, frequent and rare, in the order of a small generator of numbers.
awk 'BEGIN {
    for (x = i = 0; i < 24000; i++) {
        x = (x * 1103515 + 12345) % 2147483
        word = i % 3 == 0 && i / 3 < 4600 ? i / 3 : int(4999 * (x / 2147483) ^ 3)
        printf "w%d%s", word, i % 12 == 11 ? "\n" : " "
    }
}' >words.txt
for size in 3 4 6; do
    "$BIN/pack_dataset" words.txt --unit word --stream --split 0.9,0.05,0.05 --block_size $size \
        -o words$size.h5 >/dev/null
done

# Two small models, which do not come to their ends, where they would be evaluated.
cat >names.ini <<'END'
[data]
path = names.h5
[model]
embedding_dim = 5
hidden_dim = 24
[train]
steps = 1000
batch_size = 33
lr = 0.05
lr_milestones = 150
log_every = 1000
[eval]
every = 1000
END
sed -e 's/^path.*/path = words3.h5/; s/^embedding_dim.*/embedding_dim = 7/; s/^hidden_dim.*/hidden_dim = 19/' \
    -e 's/^batch_size.*/batch_size = 100/; s/^lr_milestones.*/lr_milestones = 20/' \
    names.ini >words.ini

# A line a case: its name, on how many ranks it is compared with one, its config, the step to stop at, that of
# DPTRAIN_HASHES_LONG, settings.
adamw="train.optimizer=adamw train.lr=0.01 train.weight_decay=0.1 train.lr_schedule=cosine train.lr_warmup=9"
dropout="train.dropout_embedding=0.2 train.dropout_hidden=0.4"
cat >cases.txt <<END
base 3 $SOURCE/configs/base.ini 2000 200000
best 3 $SOURCE/configs/best.ini 300 2000
mlp9 3 $SOURCE/configs/bengio/mlp9.ini 60 300 data.path=words4.h5
bengio_best 3 $SOURCE/configs/bengio/best.ini 30 300 data.path=words6.h5 model.hidden_dim=200
names_sgd 3 names.ini 200 200 train.weight_decay=0.01 train.lr_schedule=inverse
names_momentum 3 names.ini 200 200 train.optimizer=momentum
names_nesterov 3 names.ini 200 200 train.optimizer=nesterov train.clip_norm=0.5 model.init=torch
names_adamw 3 names.ini 200 200 $adamw
names_dropout 3 names.ini 200 200 $dropout model.init=scaled
names_clip 3 names.ini 200 200 train.clip_norm=0.3 train.sampling=epoch
names_direct 3 names.ini 200 200 model.direct=yes model.output_bias=frequency
names_linear 3 names.ini 200 200 model.direct=yes model.hidden_dim=0
names_large_batch 3 names.ini 60 60 train.batch_size=400 model.hidden_dim=200
names_grains 3 names.ini 200 200 train.grains=11
names_pairs 3 names.ini 60 60 train.batch_size=200 $dropout model.embedding_dim=16
words_replicated 3 words.ini 30 30 parallel.output=replicated
words_split 3 words.ini 30 30
words_momentum 3 words.ini 30 30 train.optimizer=momentum train.weight_decay=0.01
words_nesterov 3 words.ini 30 30 train.optimizer=nesterov
words_adamw 3 words.ini 30 30 $adamw
words_adamw_replicated 3 words.ini 30 30 $adamw parallel.output=replicated
words_dropout 3 words.ini 30 30 $dropout
words_clip 3 words.ini 30 30 train.clip_norm=0.3 train.sampling=epoch
words_direct 3 words.ini 30 30 model.direct=yes model.output_bias=frequency $adamw $dropout
words_linear 3 words.ini 30 30 model.direct=yes model.hidden_dim=0
words_lazy 3 words.ini 30 30 train.embedding_update=lazy $adamw
END

# hash_of CASE LEVEL RANKS CONFIG STEP SETTING...
hash_of() {
    export OMPI_MCA_orte_tmpdir_base=$folder/mpi.$1.$2.$3
    mkdir -p "$OMPI_MCA_orte_tmpdir_base"
    local run=$1.$2.$3 count=$3 level=$2 config=$4 step=$5
    shift 5
    ranks "$count" "$BIN/dptrain" "$config" run.dir="$run" parallel.kernels="$level" --stop_at "$step" "$@" \
        >"$run.txt" 2>&1 || fail "$run: $(cat "$run.txt")"
    weights "$run" | cut -d '"' -f 4
    rm -r "$run"
}

# run_case LEVEL RANKS LEVEL CASE CONFIG STEP LONG SETTING...: its line of the table, from one rank at the
# first level; an error where so many ranks at the other level differ
run_case() {
    local level=$1 count=$2 other=$3 name=$4 config=$5 step=$6 alone
    [ -z "${DPTRAIN_HASHES_LONG:-}" ] || step=$7
    shift 7
    alone=$(hash_of "$name" "$level" 1 "$config" "$step" "$@")
    expect_equal "weights of $name, step $step: $count ranks, $other, beside one rank, $level" \
        "$(hash_of "$name" "$other" "$count" "$config" "$step" "$@")" "$alone"
    printf '%-22s %6d  %s\n' "$name" "$step" "$alone"
}

# Each case at two of the levels, one after the other in turn; in the long run, and where cases are named,
# with each of them. They wait for their ranks more than they compute: some of them at once, the lines in
# order.
highest=$("$BIN/dptrain" doctor | grep -oE -m 1 'generic|x86-64-v[34]')
levels=(x86-64-v4 x86-64-v3 generic)
while [[ ${levels[0]} > $highest ]]; do levels=("${levels[@]:1}"); done
turns=1
[ -z "${DPTRAIN_HASHES_LONG:-}" ] && [ "$chosen" = "  " ] || turns=${#levels[@]}
count=0 failed=0
while read -r name more arguments; do
    [[ $chosen == "  " || $chosen == *" $name "* ]] || continue
    count=$((count + 1))
    for ((turn = 0; turn < turns; turn++)); do
        [ "$(jobs -rp | wc -l)" -lt 3 ] || wait -n || failed=1
        # shellcheck disable=SC2086 # a list of settings
        run_case "${levels[(count + turn) % ${#levels[@]}]}" "$more" \
            "${levels[(count + turn + 1) % ${#levels[@]}]}" "$name" $arguments \
            </dev/null >"$(printf 'line%03d.%d.txt' $count $turn)" &
    done
done <cases.txt
while [ "$(jobs -p | wc -l)" != 0 ]; do wait -n || failed=1; done
[ $failed = 0 ] || fail "see above"
cat line*.txt | uniq >table.txt
expect_equal "lines of the table" "$(wc -l <table.txt)" $count
[ "${DPTRAIN_HASHES:-}" != print ] || exec cat table.txt

differ=0
while read -r name steps hash; do
    wanted=$(awk -v name="$name" -v steps="$steps" '$1 == name && $2 == steps { print $3 }' "$kept")
    verdict=equal
    [ "$hash" = "$wanted" ] || verdict="kept is ${wanted:-none}" differ=$((differ + 1))
    printf '%-22s %6d  %s  %s\n' "$name" "$steps" "$hash" "$verdict"
done <table.txt
[ $differ = 0 ] || fail "$differ hashes of $count are not those that are kept"
