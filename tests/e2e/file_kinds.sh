#!/usr/bin/env bash
# One file in place of another is called what it is, with what to do about it.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini train.steps=20 train.log_every=10 >/dev/null
printf '[sweep]\nconfig = small.ini\n[grid]\ntrain.lr = 0.1 0.2\n' >sweep.ini
best=runs/small/best.h5

# expect_called TEXT ARGUMENT...: of dptrain
expect_called() {
    local text=$1
    shift
    expect_refusal 2 "$text" 1 "$BIN/dptrain" "$@"
}

# in place of a config
expect_called "sweep.ini is a sweep file, not a config: 'dptrain sweep sweep.ini' runs it" sweep.ini
expect_called "small.h5 is a dataset, not a config: a config names it" small.h5
expect_called "$best is a checkpoint, not a config: its run goes on by the command that" bench $best
expect_called "runs/small is the folder of a run, not a config: its config is runs/small/config.ini" \
    runs/small
expect_called "small.txt is a text, not a config: 'pack_dataset small.txt' makes a dataset" small.txt
expect_called "metrics.csv is the metrics of a run, not a config" lrfind runs/small/metrics.csv
expect_called "log.txt is the log of a run, not a config" runs/small/log.txt
expect_called "summary.json is the summary of a run, not a config" runs/small/summary.json
printf '[train]\nsteps 5\n' >mistake.ini # one that is meant as a config is still read as one
expect_called "mistake.ini:2: neither '[section]' nor 'key = value'" mistake.ini

# of a sweep file, and of what one names
expect_called "small.ini is a config, not a sweep file: 'dptrain small.ini' trains it" sweep small.ini
expect_called "small.h5 is a dataset, not a sweep file" sweep small.h5
expect_called "sweep.ini is a sweep file, not a config" sweep sweep.ini sweep.config=sweep.ini

# of a dataset
expect_called "small.ini is a config, not a dataset" small.ini data.path=small.ini
expect_called "$best is a checkpoint, not a dataset" small.ini data.path=$best
expect_called "sweep.ini is a sweep file, not a dataset" eval runs/small --data sweep.ini
expect_called "runs/small is the folder of a run, not a dataset" eval runs/small --data runs/small

# of a checkpoint or a run
for command in eval sample; do
    expect_called "small.h5 is a dataset, not a checkpoint: give a checkpoint or the folder of a run" \
        $command small.h5
    expect_called "small.ini is a config, not a checkpoint" $command small.ini
    expect_called "config.ini is a config, not a checkpoint" $command runs/small/config.ini
done
expect_called "small.h5 is a dataset, not a checkpoint" predict --ckpt small.h5 em
for command in plot report; do
    expect_called "small.ini is a config, not the folder of a run: give the folder of its run" \
        $command small.ini
    expect_called "$best is a checkpoint, not the folder of a run: give the folder that it is in" \
        $command $best
done
expect_called "small.h5 is a dataset, not the folder of a run" verify runs/small small.h5
expect_called "small.txt is a text, neither a checkpoint nor a dataset" info small.txt

# of a text
for file in small.h5 $best; do
    status=0
    "$BIN/pack_dataset" "$file" -o packed.h5 2>error.txt || status=$?
    expect_equal "status of packing $file" "$status" 2
    grep -qE "$file is a (dataset|checkpoint), not a text" error.txt || fail "packing $file: $(cat error.txt)"
done

# A dataset with strings of any length, as h5py writes them unless told otherwise.
python=${DPTRAIN_PYTHON:-python3}
"$python" -c 'import h5py' 2>/dev/null || {
    echo "datasets of h5py are left out: $python has no h5py (DPTRAIN_PYTHON names another)"
    exit 0
}
"$python" - <<'EOF'
import h5py
with h5py.File("small.h5") as packed, h5py.File("copied.h5", "w", libver="earliest") as copy:
    for name in packed:
        packed.copy(name, copy)
    for name, value in packed.attrs.items():
        copy.attrs[name] = value.decode() if isinstance(value, bytes) else value
EOF
expect_called "copied.h5: format is not stored in one piece as plain numbers or strings of fixed length" \
    info copied.h5
expect_called "copied.h5 is a dataset, not a checkpoint" eval copied.h5
