#!/usr/bin/env bash
# Shows that check_rooms.sh can fail: a house of three rooms, in which one sees what it must not.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_rooms.sh
tree=$(mktemp -d "$PWD/rooms.XXXXXX")
trap 'rm -rf "$tree"' EXIT
passed=0 failed=0

# plant LINKS-OF-LOW LINKS-OF-MIDDLE FLAGS-OF-LOW FLAGS-OF-MIDDLE: and `high`, which sees both
plant() {
    rm -rf "${tree:?}"/*
    local room
    for room in low middle high; do
        mkdir -p "$tree/src/$room" "$tree/rooms/$room"
        ln -s "$tree/src/$room" "$tree/rooms/$room/$room"
        touch "$tree/src/$room/$room.h"
    done
    printf 'dp_add_room(%s SOURCES\n    a.c\n    LINK %s)\n' low "${1:-m}" middle "${2:-m}" \
        high "dp_low dp_middle" >"$tree/src/CMakeLists.txt"
    command() {
        printf '  "command": "cc %s -o src/CMakeFiles/dp_%s.dir/%s/a.c.o -c a.c",\n' "$2" "$1" "$1"
    }
    {
        command low "-I$tree/rooms/low $3"
        command middle "-I$tree/rooms/middle $4"
        command high "-I$tree/rooms/high -I$tree/rooms/middle -I$tree/rooms/low"
    } >"$tree/compile_commands.json"
}

expect() { # STATUS TEXT
    local said status=0
    said=$("$check" "$tree" "$tree" 2>&1) || status=$?
    if [ "$status" = "$1" ] && [[ $said == *"$2"* ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: status $status and '$said', not $1 and '$2'" >&2
    fi
}

plant "" dp_low "" "-I$tree/rooms/low"
expect 0 "3 rooms in 3 folders"
plant "" "" "" "-I$tree/rooms/low"
expect 1 "room middle is linked with 'middle' and sees 'low middle'"
plant "" dp_low "" ""
expect 1 "room middle is linked with 'low middle' and sees 'middle'"
plant dp_middle "" "-I$tree/rooms/middle" ""
expect 1 "room low sees middle, which comes later"
plant "" dp_low "-I$tree/rooms/middle" "-I$tree/rooms/low"
expect 1 "an include of middle/middle.h in room low: accepted"
plant "" dp_low "" "-I$tree/rooms/low"
sed -i /dp_high/d "$tree/compile_commands.json"
expect 1 "2 of 3 rooms are compiled"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
