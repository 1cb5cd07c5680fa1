#!/usr/bin/env bash
# make_seeds.sh FOLDER: fills FOLDER/TARGET for each fuzz target with real files, made by the
# programs in the folder BIN.
set -euo pipefail
: "${BIN:?}"
folder=$1
rm -rf "$folder"
mkdir -p "$folder"/{ini,sweep,packing,dataset,checkpoint,json,metrics,score,embeddings}
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

printf 'emma\nolivia\nava\n\nisabella \nsophia\nzo\xC3\xA9\nbo\nali\nkim\nyu\n' >text
{ printf '\x08-' && cat text; } >packing/text
seq -f 'word%g' 300 | tr 0-9 a-j >long
{ printf '\x00-' && cat long; } >packing/long
{ printf '\x88\x05' && cat text; } >packing/words
{ printf '\x88\x48' && tr '\n' ' ' <long; } >packing/stream
"$BIN/pack_dataset" text -o dataset/text.h5 --boundary '#' >/dev/null
"$BIN/pack_dataset" long -o dataset/long.h5 --block-size 1 >/dev/null
"$BIN/pack_dataset" long -o dataset/words.h5 --unit word --stream >/dev/null

small=(model.embedding_dim=2 model.hidden_dim=3 train.batch_size=4 train.steps=3 run.dir=run)
for optimizer in sgd adamw; do
    printf '[train]\noptimizer = %s ; a comment\n[data]\npath = dataset/text.h5\n' $optimizer >start.ini
    "$BIN/dptrain" start.ini "${small[@]}" >/dev/null
    cp run/best.h5 checkpoint/$optimizer.h5
    cp run/config.ini ini/$optimizer.ini
    cp run/summary.json json/$optimizer.json
    cp run/metrics.csv metrics/$optimizer.csv
    mv start.ini ini/start_$optimizer.ini
    rm -r run
done

printf '[sweep]\nconfig = base.ini\nrepeats = 2\nshow_test = yes\n[grid]\ntrain.lr = 0.1 1e-2\n\
model.hidden_dim = 3 4\n' >sweep/grid.ini
printf '[sweep]\nconfig = base.ini\ndir = swept\ntext = t.txt\n[trials]\n\
columns = block_size reference repeats train.grains\nwide = 3 2.18 2 1\nwrong = 4 1e9 1 4096\n' \
    >sweep/list.ini
for model in 0 1 2; do
    { printf %b "\\x0$model" && cat text && printf 'a ab b\r\n\n  a\tAB\000a \xEF\xAC\x81e\xCC\x81\n\xC3\n'; } >"score/lines$model"
done
printf '3 2\n. 0.25 -1.5\nthe 3e-3 1 \n\xE2\x96\x81\t7 8\r\n' >embeddings/words
printf '2 3\na 1 2 3\nb 4 5\n' >embeddings/short
rm text long
