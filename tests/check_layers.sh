#!/usr/bin/env bash
# check_layers.sh [TREE]: the rules of docs/architecture.md that a compiler does not check.
#
#   - a file includes its own layer and those below it: base < adapters < data, model, parallel <
#     train < cli; data, model and parallel do not see each other
#   - a library that we adapt is included by its adapter only
#   - tools/pack_dataset uses base, adapters/h5file and data only: no MPI, no BLAS
#   - file names are unique in the tree, and a .c and its .h lie in the same layer
#   - nothing outside tests and bench names a place on somebody's machine
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
        rank["base"] = 0; rank["adapters"] = 1
        rank["data"] = rank["model"] = rank["parallel"] = 2
        rank["train"] = 3; rank["cli"] = 4

        # who may include what comes from outside: pattern, and the file
        only["^mpi(-ext|io)?\\.h$"] = "src/parallel/comm.c"
        only["^(cblas|openblas_config|lapacke|f77blas)\\.h$"] = "src/adapters/linalg.c"
        only["^(hdf5|hdf5_hl|H5[A-Za-z]*)\\.h$"] = "src/adapters/h5file.c"
        only["^ini\\.h$"] = "src/base/ini.c"
        only["^(xxhash\\.h|openssl/.*)$"] = "src/base/digest.c"
    }
    function complain(what) { print $1 ":" $2 ": " what }
    {
        file = $1
        included = $0
        sub(/^[^"<]*["<]/, "", included)
        quoted = $0 ~ /include[ \t]*"/
        sub(/[">].*$/, "", included)

        split(file, part, "/")
        layer = part[1] == "src" || part[1] == "include" ? part[2] : ""
        slash = index(included, "/")
        target = slash > 0 ? substr(included, 1, slash - 1) : ""

        for (pattern in only)
            if (included ~ pattern && file != only[pattern] && part[1] != "bench" &&
                part[1] != "tests")
                complain("only " only[pattern] " may include " included)

        if (included ~ /(^|\/)\.\.\//) { complain("includes by a way up: " included); next }
        if (!quoted) next
        if (layer != "" && !(layer in rank)) { complain("is in no known layer"); next }

        if (layer != "" && target != "") {
            if (!(target in rank))
                complain(included " is in no known layer")
            else if (rank[target] > rank[layer])
                complain("layer " layer " includes " included " of a layer above it")
            else if (rank[target] == rank[layer] && target != layer)
                complain("layer " layer " includes " included " of a layer beside it")
        }
        if (part[1] == "tools" && target != "" && target != "base" && target != "data" &&
            included != "adapters/h5file.h")
            complain("a tool may include base, data and adapters/h5file.h, not " included)
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
            print $0 ":1: belongs to " seen_stem[stem] " by its name, but lies in another layer"
        seen[base] = $0
        home[stem] = folder
        seen_stem[stem] = $0
    }'
}

check_places() {
    grep -rnIE '\.\./shared|(^|[^[:alnum:]_./$}])/(work|home|root|mnt|Users)/' . \
        --exclude-dir=.git --exclude-dir='build*' --exclude-dir=runs --exclude-dir=tests \
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
    check_places
} | LC_ALL=C sort)
if [ -n "$offences" ]; then
    printf '%s\n' "$offences" >&2
    exit 1
fi
echo "${#sources[@]} files keep to the layers"
