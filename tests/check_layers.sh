#!/usr/bin/env bash
# check_layers.sh [TREE]: the rules of docs/architecture.md that neither compiler nor linker checks.
#
#   - a library that we adapt is included by its adapter only
#   - x_internal.h is included by x*.c and x*.h only
#   - file names are unique in the tree, and a .c and its .h lie in the same room
#   - a room has 3 to 12 files, a .c and its .h counted once, and at most 12 % of the lines
#   - a function has at most 60 lines and 8 parameters
#   - nobody calls a function of <math.h> whose last bits IEEE 754 leaves to the C library
#   - nothing outside tests and bench names a place on somebody's machine
#
# Who may see whom is no such rule: src/CMakeLists.txt says it, and the compiler finds no other header.
#
# Prints each offence as FILE:LINE: what, and fails if there is any.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

list_sources() {
    find include src tools tests bench -type f -name '*.[ch]' 2>/dev/null | LC_ALL=C sort || true
}

# Reads "FILE:LINE:#include ...".
check_includes() {
    awk -F: '
    BEGIN {
        # who may include what comes from outside: pattern, and the file
        only["^mpi(-ext|io)?\\.h$"] = "src/parallel/comm_internal.h"
        only["^(cblas|openblas_config|lapacke|f77blas)\\.h$"] = "src/kernels/linalg.c"
        only["^(hdf5|hdf5_hl|H5[A-Za-z]*)\\.h$"] = "src/formats/h5writer.c"
        only["^xxhash\\.h$"] = "src/base/digest.c"
        only["^utf8proc\\.h$"] = "src/data/unicode.c"
        only["^openssl/.*$"] = "src/data/sha256.c"
    }
    function complain(what) { print $1 ":" $2 ": " what }
    {
        file = $1
        included = $0
        sub(/^[^"<]*["<]/, "", included)
        sub(/[">].*$/, "", included)
        split(file, part, "/")
        for (pattern in only)
            if (included ~ pattern && file != only[pattern] && part[1] != "bench" &&
                part[1] != "tests")
                complain("only " only[pattern] " may include " included)
        stem = included
        if (sub(/_internal\.h$/, "", stem) && index(file, "src/" stem) != 1)
            complain("only src/" stem "* may include " included)
        if (included ~ /(^|\/)\.\.\//) complain("includes by a way up: " included)
    }'
}

# Reads file names.
check_names() {
    awk '
    {
        n = split($0, part, "/")
        base = part[n]
        folder = $0
        sub(/\/[^\/]*$/, "", folder)
        sub(/^(src|include)\//, "", folder)
        stem = base
        sub(/\.[ch]$/, "", stem)
        if (base == "main.c") next
        if (base in seen) print $0 ":1: has the name of " seen[base]
        else if (stem in home && home[stem] != folder)
            print $0 ":1: belongs to " seen_stem[stem] " by its name, but lies in another room"
        seen[base] = $0
        home[stem] = folder
        seen_stem[stem] = $0
    }'
}

# Reads file names. A tree of less than 5,000 lines has no shares.
check_rooms() {
    xargs wc -l | awk '
    $2 ~ /^(src|tools|include)\// {
        total += $1
        split($2, part, "/")
        if (part[1] != "src" || part[3] == "") next
        room = part[1] "/" part[2]
        lines[room] += $1
        stem = $2
        sub(/\.[ch]$/, "", stem)
        if (!(stem in seen)) files[room]++
        seen[stem] = 1
    }
    END {
        for (room in files) {
            if (files[room] < 3 || files[room] > 12) print room ":1: has " files[room] " files"
            if (total >= 5000 && lines[room] > 0.12 * total)
                print room ":1: has " lines[room] " of " total " lines"
        }
    }'
}

# Reads file names. A declaration begins in the first column and ends with a brace or a semicolon; a
# function ends with a brace in the first column.
check_functions() {
    # shellcheck disable=SC2016 # fields of awk
    xargs awk '
    function complain(what) { print FILENAME ":" begin ": " name " has " what }
    function count_parameters(text,   i, c, depth, count) {
        count = 1
        for (i = index(text, "("); i <= length(text); i++) {
            c = substr(text, i, 1)
            if (c == "(") depth++
            if (c == ")" && --depth == 0) return count
            if (c == "," && depth == 1) count++
        }
        return 0
    }
    FNR == 1 { declaration = ""; name = "" }
    { line = $0; gsub(/\/\*[^*]*\*\//, "", line); sub(/\/\*.*/, "", line) }
    /^}/ { if (name != "" && FNR - begin >= 60) complain(FNR - begin + 1 " lines"); name = "" }
    declaration == "" && /^[A-Za-z_]/ && !/^(typedef|struct|enum|union|extern "C")/ { begin = FNR; declaration = " " }
    declaration != "" {
        declaration = declaration line " "
        if (line !~ /[{;][ \t]*$/) next
        if (declaration ~ /^[^=]*\(/) {
            name = declaration
            sub(/\(.*/, "", name)
            sub(/.*[ *]/, "", name)
            if (count_parameters(declaration) > 8) complain(count_parameters(declaration) " parameters")
        }
        if (line !~ /{[ \t]*$/) name = ""
        declaration = ""
    }'
}

# Reads file names. What base/real.h has in its place gives the same bits everywhere.
check_mathematics() {
    # shellcheck disable=SC2016 # fields of awk
    xargs awk '
    BEGIN {
        inexact = "(^|[^[:alnum:]_>.])(a?(cos|sin|tan)h?|atan2|sincos|exp(2|10|m1)?|log(2|10|1p|b)?|pow|cbrt|" \
                  "hypot|erfc?|[lt]gamma|[jy][01n])[fl]?[ \t]*\\("
    }
    FNR == 1 { within = 0 }
    {
        line = $0
        if (within && !sub(/^.*\*\//, "", line)) next
        gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
        within = sub(/\/\*.*/, "", line)
        sub(/\/\/.*/, "", line)
        if (match(line, inexact)) {
            name = substr(line, RSTART, RLENGTH)
            gsub(/[^[:alnum:]]/, "", name)
            print FILENAME ":" FNR ": calls " name ", which has other last bits elsewhere: base/real.h"
        }
    }' || true
}

check_places() {
    grep -rnIE '\.\./shared|(^|[^[:alnum:]_./$}])/(work|home|root|mnt|Users)/' . \
        --exclude-dir=.git --exclude=.git --exclude-dir='build*' --exclude-dir=runs --exclude-dir=tests \
        --exclude-dir=bench | sed -E 's|^\./([^:]*:[0-9]+:).*|\1 names a place on one machine|' || true
}

mapfile -t sources < <(list_sources)
if [ ${#sources[@]} = 0 ]; then
    echo "no sources in $PWD" >&2
    exit 1
fi
offences=$({
    grep -HnE '^[[:space:]]*#[[:space:]]*include' "${sources[@]}" | check_includes || true
    printf '%s\n' "${sources[@]}" | check_names
    printf '%s\n' "${sources[@]}" | check_rooms
    printf '%s\n' "${sources[@]}" | grep -E '^(src|tools|include)/' | check_functions
    printf '%s\n' "${sources[@]}" | grep -E '^(src|tools|include)/' | check_mathematics
    check_places
} | LC_ALL=C sort)
if [ -n "$offences" ]; then
    printf '%s\n' "$offences" >&2
    exit 1
fi
echo "${#sources[@]} files keep to the layers"
