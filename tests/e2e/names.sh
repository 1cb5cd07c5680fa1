#!/usr/bin/env bash
# The notebook's results on the notebook's data: the base configuration and the worked example.
source "$(dirname "$0")/common.sh"
names=$SHARED_DATA/names.txt
[ -r "$names" ] || skip "no $names: the notebook's names are not part of the project"
"$BIN/pack_dataset" "$names" >/dev/null

ranks 2 "$BIN/dptrain" "$SOURCE/configs/base.ini" >/dev/null
summary=runs/base/summary.json
expect_below "base.ini, test loss" "$(loss $summary test)" 2.18
expect_below "base.ini, distance of dev to test" \
    "$(distance "$(loss $summary dev)" "$(loss $summary test)")" 0.02

ranks 2 "$BIN/dptrain" "$SOURCE/configs/notebook.ini" >/dev/null
summary=runs/notebook/summary.json
expect_equal "notebook.ini, parameters" "$(field $summary parameters)" 1733
expect_below "notebook.ini, distance of the train loss to 2.5676" \
    "$(distance "$(loss $summary train)" 2.5676)" 0.05
