#!/usr/bin/env bash
# check_page.sh PAGE: types what a Markdown page says, in a folder with what a fresh clone has, and compares
# what is printed with what the page shows.
#
#     tests/check_page.sh docs/tutorial.md                             on the build of this checkout
#     DPTRAIN_PAGES_LONG=1 tests/check_page.sh docs/sweep.md           also what takes long
#
# Blocks of code are run in order, in one shell. A block with lines that begin with "$ " is a session: commands,
# and below each what it prints, every line, where "..." stands for any lines, and within a line for any text. A
# command with nothing below it may print what it likes. In a block without "$ " every line is such a
# command. Each has to end with 0. Times, rates and the like are not compared: see mask.
#
# A block with fences that name another language is not run. What a block is else stands before it, in comments of HTML, which a reader does not see:
#
#     <!-- text -->              no commands: a picture, a format
#     <!-- file: NAME -->        a file that commands below it use
#     <!-- prints -->            what the command before it prints
#     <!-- not run: REASON -->   why nobody types it here
#     <!-- long: REASON -->      run with DPTRAIN_PAGES_LONG=1 only
#     <!-- one rank: REASON -->  mpirun -np 1, which gives the same, unless DPTRAIN_PAGES_LONG=1
#     <!-- needs: NAME... -->    run where these programs, or files in SHARED_DATA, are; such files are copied
#     <!-- status: N -->         what its last command ends with
#     <!-- before: COMMAND -->   what has been done before, on another page
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
page=$(realpath "$1")
if [ -z "${MPIEXEC:-}" ]; then
    # shellcheck disable=SC1091
    cd "$root" && . scripts/env.sh
fi
export BIN=${BIN:-$root/build/bin} SOURCE=${SOURCE:-$root} MPIEXEC=${MPIEXEC:-mpirun -n}
SHARED_DATA=${SHARED_DATA:-/nonexistent}
source "$root/tests/e2e/common.sh"

# Blocks as files: N.text, and N.about with the number of the line where it begins and what is said of it.
mkdir blocks clone
awk -v folder=blocks '
    function begin() {
        name = sprintf("%s/%03d", folder, ++blocks)
        printf "line: %d\n%s%s", NR + (kind == "fence"), about, language >(name ".about")
        printf "" >(name ".text")
        about = ""
        blank = 0
    }
    function end() {
        close(name ".about")
        close(name ".text")
        kind = ""
    }
    { match($0, /^ */); depth = RLENGTH }
    kind == "fence" && /^ *```/ { end(); next }
    kind == "fence" { print substr($0, indent + 1) >(name ".text"); next }
    kind == "indented" && NF == 0 { blank++; next }
    kind == "indented" && depth >= indent {
        for (; blank > 0; blank--) print "" >(name ".text")
        print substr($0, indent + 1) >(name ".text")
        next
    }
    kind == "indented" { end(); paragraph = 0 }
    /^ *<!-- .* -->$/ { sub(/^ *<!-- /, ""); sub(/ -->$/, ""); about = about $0 "\n"; next }
    NF == 0 { paragraph = 0; next }
    /^ *```/ {
        indent = depth; kind = "fence"
        language = /```(ba)?(sh)?$/ ? "" : "not run: " substr($1, 4) "\n"
        begin()
        language = ""
        next
    }
    !paragraph && depth >= list + 4 {
        indent = list + 4; kind = "indented"; begin()
        print substr($0, indent + 1) >(name ".text")
        next
    }
    match($0, /^([0-9]+\.|-) /) { list = RLENGTH }
    depth == 0 && !/^([0-9]+\.|-) / { list = 0 }
    { paragraph = 1; about = "" }
' "$page"

# A clone has no more than that, and its build.
for part in README.md configs data docs examples scripts; do
    cp -R "$SOURCE/$part" clone/
done
ln -s "$(dirname "$BIN")" clone/build
cd clone
export HOME=$PWD PATH=$BIN:$PATH TERM=dumb

# mask: what differs from machine to machine and from day to day, with the blanks before it.
mask() {
    sed -E \
        -e 's/ +[0-9.]+ +[0-9.]+% +[0-9]+%$/ SHARES/' \
        -e 's/( |^)[0-9][0-9.,]* h [0-9]+ min/ TIME/g; s/( |^)[0-9][0-9.,]* min [0-9]+ s/ TIME/g' \
        -e 's/( |^)[0-9][0-9.,]* (us|ms|s|min|h)\b/ TIME/g' \
        -e 's/ +[0-9.]+ +[0-9,]+ +TIME/ TIMES/' \
        -e 's/( |^)[0-9][0-9.,]* [kMG]B\/s/ RATE/g' \
        -e 's/OpenBLAS [0-9.]+ [A-Za-z]+/OpenBLAS/' \
        -e 's/ +$//'
}

# Is every line of the page, in turn, one of what was printed? "..." is worth any lines, or any text.
matches() { # PAGE PRINTED
    awk '
        function fits(text, pattern) {
            if (pattern !~ /\.\.\./) return text == pattern
            gsub(/[][\\.^$*+?(){}|]/, "\\\\&", pattern)
            gsub(/ *\\\.\\\.\\\. */, ".*", pattern)
            return text ~ ("^" pattern "$")
        }
        function rest(i, j) {
            if (i > wanted) return j > printed
            if (page[i] == "...") {
                for (; j <= printed + 1; j++) if (rest(i + 1, j)) return 1
                return 0
            }
            return j <= printed && fits(line[j], page[i]) && rest(i + 1, j + 1)
        }
        NR == FNR { page[++wanted] = $0; next }
        { line[++printed] = $0 }
        END { exit !rest(1, 1) }
    ' "$1" "$2"
}

one_rank=no
mpirun() {
    if [ "$one_rank" = yes ] && [ "$1" = -np ]; then
        set -- -np 1 "${@:3}"
    fi
    command mpirun "$@"
}

failures=0 commands=0
wrong() { # WHAT FILE
    echo "${page#"$root"/}:$line: $1"
    sed 's/^/    /' "$2"
    failures=$((failures + 1))
}

# compare: the file `shown` with what the last command has printed.
compare() {
    mask <"$folder/shown" >"$folder/shown.masked"
    mask <"$folder/printed" >"$folder/printed.masked"
    matches "$folder/shown.masked" "$folder/printed.masked" && return 0
    diff -U 99 "$folder/shown.masked" "$folder/printed.masked" >"$folder/difference" || true
    wrong "'$command' prints otherwise:" "$folder/difference"
}

# run: the command, in this shell, as what it sets counts for those that follow.
run() {
    local began=$SECONDS status
    set +e
    eval "$command" >"$folder/printed" 2>&1 </dev/null
    status=$?
    set -eu
    commands=$((commands + 1))
    [ $((SECONDS - began)) -lt 3 ] || echo "$command: $((SECONDS - began)) s"
    [ "$status" = "$wanted" ] || wrong "'$command' ends with $status in place of $wanted:" "$folder/printed"
}

# type_block TEXT STATUS
type_block() {
    local session=no row=0 total
    total=$(wc -l <"$1")
    ! grep -q '^\$ ' "$1" || session=yes
    mapfile -t rows <"$1"
    while [ $row -lt "$total" ]; do
        line=$((first + row))
        command=${rows[row]}
        [ $session = no ] || [[ $command == '$ '* ]] || fail "$page:$line: a line before the first '\$ '"
        [ $session = no ] || command=${command#'$ '}
        while [[ ${rows[row]} == *\\ ]]; do
            row=$((row + 1))
            command=${command%\\}${rows[row]#"${rows[row]%%[! ]*}"}
        done
        row=$((row + 1))
        : >"$folder/shown"
        while [ $session = yes ] && [ $row -lt "$total" ] && [[ ${rows[row]} != '$ '* ]]; do
            echo "${rows[row]}" >>"$folder/shown"
            row=$((row + 1))
        done
        sed -i -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$folder/shown" # empty lines at its end
        wanted=0
        [ $row -lt "$total" ] || wanted=${2:-0}
        run
        [ ! -s "$folder/shown" ] || compare
    done
}

# said WHAT ABOUT: what is said of a block, or nothing.
said() {
    sed -n "s/^$1:* *//p" "$2"
}

for about in "$folder"/blocks/*.about; do
    [ -e "$about" ] || continue
    text=${about%.about}.text
    first=$(said line "$about") line=$first
    reason=$(said 'not run' "$about")
    [ -n "${DPTRAIN_PAGES_LONG:-}" ] || reason=$reason$(said long "$about")
    for name in $(said needs "$about"); do
        if [ -r "$SHARED_DATA/$name" ]; then
            cp "$SHARED_DATA/$name" .
        elif ! command -v "$name" >/dev/null; then
            reason="no $name here"
        fi
    done
    if grep -qx text "$about"; then
        continue
    elif [ -n "$reason" ]; then
        echo "${page#"$root"/}:$line: not run: $reason"
    elif grep -qx prints "$about"; then
        cp "$text" "$folder/shown"
        compare
    elif grep -q ^file: "$about"; then
        cp "$text" "$(said file "$about")"
    else
        one_rank=no
        [ -n "${DPTRAIN_PAGES_LONG:-}" ] || [ -z "$(said 'one rank' "$about")" ] || one_rank=yes
        command=$(said before "$about") wanted=0
        [ -z "$command" ] || run
        type_block "$text" "$(said status "$about")"
    fi
done
echo "$commands commands, $failures that do not what the page says, in $SECONDS s"
[ $failures = 0 ]
