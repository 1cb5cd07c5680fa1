cmake_minimum_required(VERSION 3.22)
# Writes OUT with the revision of SOURCE as git knows it, "" where that is none; leaves it alone where that is
# as it was, so that nothing is built again for it.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=7 --exclude=*
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define DP_REVISION \"@revision@\"\n" @ONLY)
