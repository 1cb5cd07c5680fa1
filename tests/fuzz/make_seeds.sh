#!/usr/bin/env bash
# make_seeds.sh FOLDER: fills FOLDER/TARGET for each fuzz target with real files, made by the
# programs in the folder BIN.
set -euo pipefail
: "${BIN:?}"
folder=$1
rm -rf "$folder"
mkdir -p "$folder"/{ini,sweep,packing,dataset,checkpoint,json,metrics,score,embeddings,run}
cd "$folder"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

printf 'emma\nolivia\nava\n\nisabella \nsophia\nzo\xC3\xA9\nbo\nali\nkim\nyu\n' >text
{ printf '\x08-' && cat text; } >packing/text
seq -f 'word%g' 300 | tr 0-9 a-j >long
{ printf '\x00-' && cat long; } >packing/long
{ printf '\x88\x05' && cat text; } >packing/words
printf '\x50-a,b\nu,emma\nv,"ava ""b"""\n' >packing/number
printf '\xE0-a,b\r\nu,emma olivia\r\nv,"ava\nmia"\r\n' >packing/name
printf '\xC1-em ma\nava' >packing/twice
{ printf '\x88\x48' && tr '\n' ' ' <long; } >packing/stream
"$BIN/pack_dataset" text -o dataset/text.h5 --boundary '#' >/dev/null
printf '%s\n' 3,emma 1,ava 2,olivia 17,mia 1,zoe 1,kim 4,yu 1,bo 2,ali 1,isa >table.csv
"$BIN/pack_dataset" table.csv --column 2 --weight-column 1 -o dataset/weights.h5 --boundary '#' >/dev/null
"$BIN/pack_dataset" long -o dataset/long.h5 --block-size 1 >/dev/null
"$BIN/pack_dataset" long -o dataset/words.h5 --unit word --stream >/dev/null

small=(model.embedding_dim=2 model.hidden_dim=3 train.batch_size=4 train.steps=3 run.dir=trained)
for optimizer in sgd adamw; do
    printf '[train]\noptimizer = %s ; a comment\n[data]\npath = dataset/text.h5\n' $optimizer >start.ini
    "$BIN/dptrain" start.ini "${small[@]}" >/dev/null
    cp trained/best.h5 checkpoint/$optimizer.h5
    cp trained/config.ini ini/$optimizer.ini
    cp trained/summary.json json/$optimizer.json
    cp trained/metrics.csv metrics/$optimizer.csv
    mv start.ini ini/start_$optimizer.ini
    [ $optimizer = adamw ] || rm -r trained
done
# The first byte says which file of a run it is.
{ printf '\x00' && cat trained/losses.f32; } >run/losses
ended=$(sh -c 'echo $$')
for process in "$ended" 2147483647; do
    { printf '\x01dptrain run lock 2\nhost %s\nprocess %s\nstarted 1\nboot %s\nspace %s\njob -\nrestarts 0\n' \
        "$(uname -n)" "$process" "$(cat /proc/sys/kernel/random/boot_id)" "$(readlink /proc/self/ns/pid)"; } >"run/lock$process"
done
printf '\x02dptrain check stamp 1\nsize 1\ninode 2\nmodified 3\nchanged 4\nsha256 ab\n' >run/stamp
{ printf '\x03' && cat trained/metrics.csv; } >run/metrics
{ printf '\x04' && cat trained/summary.json; } >run/summary
{ printf '\x05' && cat trained/config.ini; } >run/config
rm -r trained
rm -f dataset/*.checked # stamps

printf '[sweep]\nconfig = base.ini\nrepeats = 2\nshow_test = yes\n[grid]\ntrain.lr = 0.1 1e-2\n\
model.hidden_dim = 3 4\n' >sweep/grid.ini
printf '[sweep]\nconfig = base.ini\ndir = swept\ntext = t.txt\n[trials]\n\
columns = block_size reference repeats train.grains\nwide = 3 2.18 2 1\nwrong = 4 1e9 1 4096\n' \
    >sweep/list.ini
printf '\x0C0 ||| emma ||| F0= -1 ||| -1\n0 ||| a b |||\n' >score/nbest
printf '\x0A''emma\nzo\xC3\nava\n' >score/jsonl
for model in 0 1 2; do
    { printf %b "\\x0$model" && cat text && printf 'a ab b\r\n\n  a\tAB\000a \xEF\xAC\x81e\xCC\x81\n\xC3\n'; } >"score/lines$model"
done
printf '3 2\n. 0.25 -1.5\nthe 3e-3 1 \n\xE2\x96\x81\t7 8\r\n' >embeddings/words
printf '2 3\na 1 2 3\nb 4 5\n' >embeddings/short
rm text long table.csv
