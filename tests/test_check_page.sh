#!/usr/bin/env bash
# Shows that check_page.sh can fail: pages that show what their commands print, and pages that do not.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_page.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect STATUS WHAT: check_page.sh ends so with the page on standard input, and what it says has the lines of
# SAYS.
expect() {
    local status=0
    cat >"$folder/page.md"
    "$check" "$folder/page.md" >"$folder/said.txt" 2>&1 || status=$?
    [ "$status" = "$1" ] && grep -qF -- "${SAYS:-commands}" "$folder/said.txt" && return 0
    echo "FAILED: $2: status $status in place of $1, or not '${SAYS:-}': $(cat "$folder/said.txt")"
    failed=$((failed + 1))
}

SAYS="5 commands, 0 that" expect 0 "sessions and lists, in one shell" <<'END'
    X=1; cd data

Text.

    $ echo $X
    1
    $ basename \
          $PWD
    data

1. An item

       Y=2

2. Another

   ```
   echo $Y
   ```

Continued
    lines are no code.
END
SAYS="2 commands, 0 that" expect 0 "lines and texts that are left out, times and rates" <<'END'
    $ printf 'head\n  1 step\nlong  line here\ntime 3.5 s\nend\n'
    ...
    long ... here
    time 120 ms
    ...
    $ echo 10 0.1 0.020 1,000 1 min 3 s
    10 0.1 0.030 999,999 4.5 s
END
SAYS="0 commands, 0 that" expect 0 "what is no command, or not run" <<'END'
<!-- text -->

    a picture

<!-- not run: of no use -->

    false

<!-- long: hours -->

    false

<!-- needs: no-such-program-anywhere -->

    false
END
SAYS="page.md:3: not run: of no use" expect 0 "why a block is not run" <<'END'
<!-- not run: of no use -->

    false
END
SAYS="2 commands, 0 that" expect 0 "one rank" <<'END'
<!-- one rank: to see it -->

    $ mpirun -np 3 echo a
    a
    $ mpirun -np 1 sh -c 'echo $OMPI_COMM_WORLD_SIZE'
    1
END
SAYS="3 commands, 0 that" expect 0 "files, earlier commands, statuses, output apart" <<'END'
<!-- file: some.txt -->

    one

    two

<!-- before: cp some.txt other.txt -->

    cat other.txt

<!-- prints -->

    one

    two

<!-- status: 3 -->

    (exit 3)
END

SAYS="page.md:3: 'echo a' prints otherwise" expect 1 "another line" <<'END'
Text

    $ echo a
    b
END
SAYS="otherwise" expect 1 "a line that is not shown" <<'END'
    $ printf 'a\nb\n'
    a
END
SAYS="otherwise" expect 1 "a line that is not printed" <<'END'
    $ echo a
    a
    ...
    b
END
SAYS="otherwise" expect 1 "another number" <<'END'
    $ echo 'loss 2.1'
    loss 2.2
END
SAYS="otherwise" expect 1 "output apart" <<'END'
    echo a

<!-- prints -->

    b
END
SAYS="page.md:2: 'false' ends with 1 in place of 0" expect 1 "a command that fails" <<'END'
    true
    false
END
SAYS="ends with 0 in place of 3" expect 1 "a status" <<'END'
<!-- status: 3 -->

    true
END
SAYS="ends with" expect 1 "what only a worked-in checkout has" <<'END'
    cat names.h5
END
SAYS="a line before the first" expect 1 "a line that is neither a command nor its output" <<'END'
    a
    $ echo a
END

[ $failed = 0 ]
