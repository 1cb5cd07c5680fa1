#!/usr/bin/env bash
# A run that is asked about from another folder than it was started in, and ranks that see different folders.
source "$(dirname "$0")/common.sh"
make_small_run
"$BIN/dptrain" small.ini train.steps=20 train.log_every=10 >/dev/null
"$BIN/dptrain" eval --json >wanted.json
mkdir -p far/away moved
head -n 700 small.txt >far/away/small.txt
(cd far/away && "$BIN/pack_dataset" small.txt >/dev/null)

# expect_evaluation RUN RANKS: from far/away, where another dataset has the name of the right one, quietly
expect_evaluation() {
    (cd far/away && ranks "$2" "$BIN/dptrain" eval --ckpt "$1" --json >../../got.json 2>../../error.txt) ||
        fail "eval of $1 on $2 ranks: $(cat error.txt)"
    for split in train dev test; do
        expect_equal "$split of $1 on $2 ranks" "$(loss got.json $split)" "$(loss wanted.json $split)"
    done
    ! grep -q dptrain: error.txt || fail "eval of $1: $(cat error.txt)"
}
for count in 1 3; do
    expect_evaluation ../../runs/small $count
done
cp -r runs/small moved/run # with the dataset beside it
mv small.h5 moved
expect_evaluation "$folder/moved/run" 1
"$BIN/dptrain" check moved/run >check.txt || fail "check of a run that was moved: $(cat check.txt)"

# Where it is nowhere: who wants it, and what to do.
rm far/away/small.h5
for count in 1 3; do
    expect_refusal 3 "the dataset that runs/small/best.h5 was trained on (--data names another): cannot read small.h5" \
        $count "$BIN/dptrain" eval
done
expect_refusal 3 "data.path: cannot read small.h5: No such file" 3 "$BIN/dptrain" small.ini
"$BIN/dptrain" eval --data moved/small.h5 --json >got.json
expect_equal "dev by --data" "$(loss got.json dev)" "$(loss wanted.json dev)"

# Tokens that the one or the other does not have.
sed '1s/$/\xC3\xA9-!?*/; 2s/$/+=/' small.txt >odd.txt
"$BIN/pack_dataset" odd.txt >/dev/null
expect_refusal 5 "have different vocabularies: only the dataset has '!', '*', '+', '-', '=' and 2 more" 3 \
    "$BIN/dptrain" eval --data odd.h5
head -n 40 small.txt | grep -v '[qx]' >few.txt
"$BIN/pack_dataset" few.txt >/dev/null
expect_refusal 5 "only the checkpoint has 'j', 'k', 'q', 'w', 'x'" 1 "$BIN/dptrain" eval --data few.h5

# Ranks in folders of their own: the first has the run, all have the dataset, or the last has it not.
mkdir a b
cp moved/small.h5 small.ini a
cp moved/small.h5 b
here=$(hostname)
# in_two_folders COMMAND...: its first rank in a, and two in b.
in_two_folders() {
    # shellcheck disable=SC2086 # a program and its flag
    DPTRAIN_RANKS_PER_NODE=1 $MPIEXEC 1 -wdir "$folder/a" "$@" : -n 2 -wdir "$folder/b" "$@"
}
in_two_folders "$BIN/dptrain" small.ini train.steps=20 train.log_every=10 >out.txt
cmp runs/small/best.h5 a/runs/small/best.h5 || fail "another run where the first rank alone has the config"
in_two_folders "$BIN/dptrain" eval --json >got.json
expect_equal "dev where the first rank alone has the run" "$(loss got.json dev)" "$(loss wanted.json dev)"
expect_equal "samples where the first rank alone has the run" \
    "$(in_two_folders "$BIN/dptrain" sample)" "$("$BIN/dptrain" sample)"
rm b/small.h5
for command in train eval; do
    status=0
    # shellcheck disable=SC2046
    in_two_folders "$BIN/dptrain" $command $([ $command = eval ] || echo small.ini --fresh) >out.txt 2>error.txt || status=$?
    expect_equal "status of $command without the dataset on a host" "$status" 3
    grep -q "^dptrain: .*: rank 1 on $here: cannot read small.h5: No such file" error.txt ||
        fail "$command does not say which host lacks the dataset: $(cat error.txt)"
done
status=0
in_two_folders "$BIN/dptrain" doctor small.ini >out.txt || status=$?
expect_equal "status of doctor without the dataset on a host" "$status" 1
sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g' out.txt >doctor.txt
grep -q "^problem  dataset      data.path: rank 1 on $here: cannot read small.h5" doctor.txt ||
    fail "doctor does not say which host lacks the dataset: $(cat doctor.txt)"
