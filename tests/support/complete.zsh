# zsh -f complete.zsh FOLDER PROGRAM WORD...: what the completion in FOLDER offers for the last word, without
# what zsh's own functions would do with it. "files" stands for files.
compadd() {
    local word=''
    while [[ $1 != -- ]]; do shift; done
    shift
    for word; do [[ $word != $PREFIX* ]] || print -rn -- "$word "; done
}
compset() { PREFIX=${PREFIX##${~@[-1]}}; }
_files() { print -rn -- "files "; }
words=("${(@)argv[2,-1]}") CURRENT=$(($# - 1)) PREFIX=$argv[-1]
source $argv[1]/_$argv[2]
