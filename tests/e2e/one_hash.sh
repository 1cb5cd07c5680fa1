#!/usr/bin/env bash
# One hash for every processor, compiler and kind of build: weights, losses of all steps, evaluations, a mixture,
# samples and scores of three runs, to the last digit, at each instruction set level of this processor or at
# those of LEVELS, against those that are kept in tests/golden/one_hash.txt.
#
# By hand, on the build of this checkout or that in BIN, which scripts/cross.sh makes for another processor:
#
#     BIN=build-clang/bin LEVELS=x86-64-v3 tests/e2e/one_hash.sh
#     DPTRAIN_HASHES=print tests/e2e/one_hash.sh    prints them, to keep them
#     DPTRAIN_HASHES_LONG=1 tests/e2e/one_hash.sh   base.ini for 2,000 steps, a wide model and 6,000 lines of
#                                                   Brown for 300, against one_hash_long.txt; minutes a level, generic an hour
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${MPIEXEC:-}" ]; then
    # shellcheck disable=SC1091
    cd "$root" && . scripts/env.sh
fi
BIN=$(cd "${BIN:-$root/build/bin}" && pwd)
export BIN SOURCE=${SOURCE:-$root} MPIEXEC=${MPIEXEC:-mpirun -n}
source "$root/tests/e2e/common.sh"
kept=$SOURCE/tests/golden/one_hash.txt base_steps=400 wide_steps=20 words_steps=40 hidden=160
if [ -n "${DPTRAIN_HASHES_LONG:-}" ]; then
    [ -e "${SHARED_DATA:-}/brown.txt" ] || skip "no brown.txt in SHARED_DATA"
    kept=$SOURCE/tests/golden/one_hash_long.txt base_steps=2000 wide_steps=300 words_steps=300 hidden=400
fi

head -n 1500 "$SOURCE/data/names.txt" >few.txt
# 4,600 words and some, frequent and rare, in the order of a small generator of numbers.
awk 'BEGIN {
    for (x = i = 0; i < 15000; i++) {
        x = (x * 1103515 + 12345) % 2147483
        word = i % 3 == 0 && i / 3 < 4600 ? i / 3 : int(4999 * (x / 2147483) ^ 3)
        printf "w%d%s", word, i % 12 == 11 ? "\n" : " "
    }
}' >words.txt
[ -z "${DPTRAIN_HASHES_LONG:-}" ] || head -n 6000 "$SHARED_DATA/brown.txt" >words.txt
"$BIN/pack_dataset" few.txt -o names.h5 >/dev/null
"$BIN/pack_dataset" few.txt --block_size 8 >/dev/null
"$BIN/pack_dataset" words.txt --unit word --stream --split 0.94,0.03,0.03 --block_size 4 >/dev/null

# A line a case: its name, its text, its config, settings.
cat >wide.ini <<END
[data]
path = few.h5
[model]
embedding_dim = 24
hidden_dim = $hidden
init = scaled
[train]
steps = $wide_steps
batch_size = 64
optimizer = adamw
lr = 0.003
lr_schedule = cosine
lr_warmup = 9
weight_decay = 0.1
clip_norm = 1
dropout_embedding = 0.1
dropout_hidden = 0.3
log_every = 10
[eval]
every = $((wide_steps / 2))
END
cat >words.ini <<END
[data]
path = words.h5
[model]
embedding_dim = 12
hidden_dim = 20
direct = yes
output_bias = frequency
init = scaled
[train]
steps = $words_steps
batch_size = 16
lr = 0.1
log_every = 20
[eval]
every = $((words_steps / 2))
[parallel]
output = split
END
cat >cases.txt <<END
base few.txt $SOURCE/configs/base.ini train.steps=$base_steps train.log_every=100 eval.every=$((base_steps / 2))
wide few.txt wide.ini
words words.txt words.ini
END

# lines_of LEVEL CASE TEXT CONFIG SETTING...: what all must agree on, a line each.
lines_of() {
    local level=$1 name=$2 text=$3 run=$2.$1
    shift 3
    "$BIN/dptrain" "$@" run.dir="$run" parallel.kernels="$level" >"$run.txt" 2>&1 ||
        fail "$run: $(cat "$run.txt")"
    echo "$name weights $(field "$run/summary.json" weights)"
    echo "$name losses $(cksum <"$run/losses.f32")"
    cut -d , -f 1-8,12 "$run/metrics.csv" | sed "s/^/$name metrics /"
    echo "$name mixture $("$BIN/dptrain" eval "$run" --split test --mix trigram --mix-weight fit --json)"
    "$BIN/dptrain" sample "$run" -n 3 --length 12 --top-p 0.9 --json | sed "s/^/$name sample /"
    head -n 3 "$text" | "$BIN/dptrain" score --ckpt "$run" --format jsonl | sed "s/^/$name score /"
}

highest=$("$BIN/dptrain" doctor | grep -oE -m 1 'generic|x86-64-v[34]')
for level in ${LEVELS:-x86-64-v4 x86-64-v3 generic}; do
    [[ ! $level > $highest ]] || continue
    while read -r name arguments; do
        # shellcheck disable=SC2086 # a list of settings
        lines_of $level "$name" $arguments </dev/null
    done <cases.txt >"$level.txt"
    [ "${DPTRAIN_HASHES:-}" != print ] || { cat "$level.txt" && exit; }
    diff "$kept" "$level.txt" || fail "$level of $BIN gives other bits than are kept"
    echo "$level: $(wc -l <"$kept") lines are those that are kept"
done
