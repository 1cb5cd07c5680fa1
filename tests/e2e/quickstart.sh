#!/usr/bin/env bash
# README's first command, without what it installs and builds: it ends with the weights of the run that README
# shows.
source "$(dirname "$0")/common.sh"
cp -R "$SOURCE/configs" "$SOURCE/data" "$SOURCE/scripts" .
ln -s "$(dirname "$BIN")" build
sed -i 's/^steps = .*/steps = 1000/' configs/base.ini
for script in install_dependencies build; do
    echo true >scripts/$script.sh
done
scripts/quickstart.sh >out.txt 2>&1 || fail "quickstart.sh ends with $?: $(cat out.txt)"
"$BIN/dptrain" configs/base.ini run.dir=wanted >/dev/null
expect_equal "weights of quickstart.sh" "$(weights runs/base)" "$(weights wanted)"

# The command that README shows below it is the one that was run, but for the number of ranks.
shown=$(sed -n 's/^    \$ mpirun -np 2 //p' "$SOURCE/README.md")
grep -qE "^\\\$ mpirun -np [0-9]+ $shown\$" out.txt || fail "no '$shown' in: $(cat out.txt)"
