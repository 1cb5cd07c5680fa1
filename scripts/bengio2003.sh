#!/usr/bin/env bash
# bengio2003.sh TEXT [DIR [CONFIG...]]: trains the networks of Bengio et al. 2003, table 1,
# on the Brown corpus cut as theirs is, and prints the perplexities of docs/bengio2003.md. Runs
# that are there already are not repeated. TEXT has one sentence a line, tokens between blanks; DIR
# [runs/bengio2003] gets datasets and runs. RANKS is how many ranks train [2].
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/env.sh"
text=${1:?"the text of the corpus"}
dir=${2:-runs/bengio2003}
shift $(($# < 2 ? $# : 2))
configs=("$@")
[ $# -gt 0 ] || configs=(mlp1 mlp3 mlp5 mlp7 mlp9 best)

# dataset WORDS: the file with so many words of context.
dataset() {
    local file=$dir/brown$1.h5
    [ -e "$file" ] || pack_dataset "$text" -o "$file" --unit word --stream --no-eol --min-count 4 \
        --split-tokens 800000,200000 --block-size "$1" >&2
    echo "$file"
}

# words CONFIG: of context, after the name of the dataset that the config asks for.
words() {
    sed -n 's/^path = brown\([0-9]*\)\.h5$/\1/p' "$root/configs/bengio/$1.ini"
}

# mixed [OPTION...]: what eval says of the test split, of the network and a trigram.
mixed() {
    dptrain eval --ckpt "$dir/$config" --data "$data" --mix trigram --split test --json "$@"
}

# perplexity PART SPLIT: from what `dptrain eval --json` has printed.
perplexity() {
    grep -o "\"$1\":{.*" <<<"$result" | grep -o "\"$2\":{[^}]*" | head -n 1 |
        sed 's/.*"perplexity":\([0-9.]*\).*/\1/' | xargs printf '%.1f'
}

mkdir -p "$dir"
echo '| model | dev | test | trigram, test | mixed half and half, test | with the weight fitted on dev |'
echo '|---|---:|---:|---:|---:|---:|'
for config in "${configs[@]}"; do
    data=$(dataset "$(words "$config")")
    mpirun -np "${RANKS:-2}" dptrain "$root/configs/bengio/$config.ini" data.path="$data" \
        run.dir="$dir/$config" >&2
    result=$(dptrain eval --ckpt "$dir/$config" --data "$data" --split dev --json)
    dev=$(perplexity splits dev)
    result=$(mixed --mix-weight fit)
    fitted=$(perplexity mixture test)
    result=$(mixed)
    echo "| $config | $dev | $(perplexity splits test) |" \
        "$(perplexity trigram test) | $(perplexity mixture test) | $fitted |"
done
