#!/usr/bin/env bash
# check_rooms.sh BUILD [SOURCE]: each room sees the rooms that its LINK line in src/CMakeLists.txt names,
# those that these name, and no other, as the compiler is called in BUILD: which headers it finds is asked
# of the preprocessor, and that it refuses one of a room that is not linked. No room sees a later one.
#
# Prints each offence, and fails if there is any.
set -euo pipefail
build=$(cd "$1" && pwd)
cd "${2:-$(dirname "${BASH_SOURCE[0]}")/..}"
probe=$(mktemp "${TMPDIR:-/tmp}/rooms.XXXXXX")
trap 'rm -f "$probe"' EXIT

# "TARGET FOLDER LINKED-TARGET...", in the order of the file.
mapfile -t rooms < <(awk '
    /^dp_add_room\(/ { target = substr($1, 13); folder = $2 == "FOLDER" ? $3 : target; inside = 1; links = "" }
    inside && $1 == "LINK" {
        for (i = 2; i <= NF; i++) { sub(/\)$/, "", $i); if ($i ~ /^dp_/) links = links " " substr($i, 4) }
        print target, folder links
        inside = 0
    }' src/CMakeLists.txt)
declare -A folder_of links_of place_of
folders=()
for room in "${rooms[@]}"; do
    read -r target folder links <<<"$room"
    folder_of[$target]=$folder links_of[$target]=$links
    [ -n "${place_of[$folder]:-}" ] || { folders+=("$folder") && place_of[$folder]=${#folders[@]}; }
done

# The folders that a target and those below it are in.
closure() {
    local link
    echo "${folder_of[$1]}"
    for link in ${links_of[$1]}; do
        closure "$link"
    done
}

# A line "sees FOLDER" for each header that is found.
for folder in "${folders[@]}"; do
    for header in "src/$folder"/*.h; do
        printf '#if __has_include("%s")\nsees %s\n#endif\n' "${header#src/}" "$folder"
    done
done >"$probe"

offences=0 asked=0
complain() {
    echo "$*" >&2
    offences=$((offences + 1))
}

# "TARGET COMPILER FLAG...": what finds headers in the calls of the compiler, once for each target.
while read -r target compiler flags; do
    asked=$((asked + 1))
    folder=${folder_of[$target]}
    # shellcheck disable=SC2086 # flags
    sees=$("$compiler" -std=c11 $flags -x c -E - <"$probe" | sed -n 's/^sees //p' | sort -u | xargs)
    linked=$(closure "$target" | sort -u | xargs)
    [ "$sees" = "$linked" ] || complain "room $target is linked with '$linked' and sees '$sees'"
    for other in $sees; do
        [ "${place_of[$other]}" -le "${place_of[$folder]}" ] ||
            complain "room $target sees $other, which comes later"
    done
    for other in "${folders[@]}"; do
        [[ " $linked " != *" $other "* ]] || continue
        header=$(find "src/$other" -name '*.h' | head -n 1)
        # shellcheck disable=SC2086
        ! said=$(echo "#include \"${header#src/}\"" |
            LC_ALL=C "$compiler" -std=c11 $flags -x c -fsyntax-only - 2>&1) || said=accepted
        grep -qE 'No such file|file not found' <<<"$said" ||
            complain "an include of ${header#src/} in room $target: $said"
        break
    done
done < <(sed -n 's/^ *"command": "\(.*\)",*$/\1/p' "$build/compile_commands.json" | awk '
    match($0, /CMakeFiles\/dp_[a-z0-9_]*\.dir\/[a-z0-9_]*\/[a-z0-9_]*\.c\.o/) {
        target = substr($0, RSTART + 14)
        sub(/\.dir.*/, "", target)
        flags = ""
        for (i = 2; i <= NF; i++) if ($i ~ /^-I/) flags = flags " " $i
        if (!(target in seen)) print target, $1 flags
        seen[target] = 1
    }' | while read -r target rest; do
    [ -z "${folder_of[$target]:-}" ] || echo "$target $rest"
done)
[ $asked = ${#rooms[@]} ] || complain "$asked of ${#rooms[@]} rooms are compiled in $build"
[ $offences = 0 ] || exit 1
echo "${#rooms[@]} rooms in ${#folders[@]} folders see what they are linked with"
