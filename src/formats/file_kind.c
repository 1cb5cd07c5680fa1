#include "formats/file_kind.h"

#include "formats/h5reader.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_SIZE 65536 /* bytes of a text that are looked at */

static const char *const names[DP_FILE_KINDS] = {
    [DP_FILE_FOLDER] = "a folder",
    [DP_FILE_RUN] = "the folder of a run",
    [DP_FILE_CONFIG] = "a config",
    [DP_FILE_SWEEP] = "a sweep file",
    [DP_FILE_DATASET] = "a dataset",
    [DP_FILE_CHECKPOINT] = "a checkpoint",
    [DP_FILE_HDF5] = "an HDF5 file of another kind",
    [DP_FILE_METRICS] = "the metrics of a run",
    [DP_FILE_LOSSES] = "the losses of a run",
    [DP_FILE_SUMMARY] = "the summary of a run",
    [DP_FILE_LOG] = "the log of a run",
    [DP_FILE_REPORT] = "the report of a run",
    [DP_FILE_FIGURE] = "the script of a figure",
    [DP_FILE_RATES] = "a table of lrfind",
    [DP_FILE_RESULTS] = "a table of a sweep",
    [DP_FILE_TRACE] = "a trace",
    [DP_FILE_EMBEDDINGS] = "embeddings in word2vec's text format",
    [DP_FILE_TEXT] = "a text",
};

/* --- HDF5 ---------------------------------------------------------------------------------------
 */

static bool has_object(const dp_h5image *image, const char *object) {
    dp_h5value value;
    dp_error ignored;
    return dp_h5image_find(image, object, &value, &ignored) == DP_OK;
}

/* By its format, or where that cannot be read by what both must have. */
static dp_file_kind kind_of_hdf5(const char *path, bool is_of_known_form) {
    DP_OWNED(dp_h5reader_close) dp_h5reader file = {0};
    dp_error ignored;
    char format[64] = "";
    if (dp_h5reader_open(&file, path, &ignored) != DP_OK)
        return is_of_known_form ? DP_FILE_UNKNOWN : DP_FILE_HDF5; /* that is, damaged or not ours */
    const bool is_told =
        dp_h5reader_text_attribute(&file, "format", format, sizeof format, &ignored) == DP_OK;
    if (strcmp(format, DP_DATASET_FORMAT) == 0 ||
        (!is_told && has_object(&file.image, "/train/targets")))
        return DP_FILE_DATASET;
    return strcmp(format, DP_MODEL_FILE_FORMAT) == 0 ||
                   (!is_told && has_object(&file.image, "/params/C"))
               ? DP_FILE_CHECKPOINT
               : DP_FILE_HDF5;
}

/* --- texts --------------------------------------------------------------------------------------
 */

static const struct known_text {
    dp_file_kind kind;
    const char *beginning, *part; /* which both are in the head */
} known_texts[] = {
    {DP_FILE_METRICS, "step,loss,batch_loss,", ""},
    {DP_FILE_LOSSES, DP_LOSSES_HEADER, ""},
    {DP_FILE_RATES, "step,exponent,lr,loss,smooth\n", ""},
    {DP_FILE_RESULTS, "trial,", ",weights,failure\n"},
    {DP_FILE_RESULTS, "| trial ", " | dev | test |"},
    {DP_FILE_SUMMARY, "{\"step\":", "\"weights\":\"xxh3:"},
    {DP_FILE_LOG, "  data       ", ""},
    {DP_FILE_LOG, "notice: process ", ""}, /* a lock that was taken over */
    {DP_FILE_REPORT, "<!DOCTYPE html>", "dptrain</title>"},
    {DP_FILE_TRACE, "{\"traceEvents\":[", ""},
    {DP_FILE_FIGURE, "# Draws ", ": gnuplot "},
};

/* What is shorter than its beginning may be one that a crash has cut. */
static bool is_known(const struct known_text *known, const char *head, size_t size) {
    const size_t length = strlen(known->beginning);
    if (strncmp(head, known->beginning, size < length ? size : length) != 0)
        return false;
    return size < length || strstr(head, known->part) != NULL;
}

static bool begins_with(const char *line, const char *word) {
    return strncmp(line, word, strlen(word)) == 0;
}

/* What the lines of a text look like. */
typedef struct lines {
    bool has_section, has_sweep, has_value, has_other;
} lines;

static void look_at_line(const char *line, lines *seen) {
    const char *word = line + strspn(line, " \t");
    const bool is_section = *word == '[' && strchr(word, ']') != NULL;
    const bool is_value = strpbrk(word, "=:") != NULL;
    if (strchr("#;", *word) != NULL) /* also of nothing */
        return;
    seen->has_section |= is_section;
    seen->has_sweep |= begins_with(word, "[sweep]") || begins_with(word, "[trials]") ||
                       begins_with(word, "[grid]");
    seen->has_value |= is_value;
    seen->has_other |= !is_section && !is_value && word == line;
}

/* With sections and other lines it is a config with a mistake, which reading it will name, or a
 * text. Cuts the head, of which the last line is not looked at where the file goes on. */
static dp_file_kind kind_of_lines(char *head, size_t size) {
    lines seen = {0};
    char *rest = NULL;
    for (char *line = strtok_r(head, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (size < HEAD_SIZE || *rest != '\0')
            look_at_line(line, &seen);
    }
    if (seen.has_other)
        return seen.has_section ? DP_FILE_UNKNOWN : DP_FILE_TEXT;
    if (seen.has_sweep)
        return DP_FILE_SWEEP;
    const bool is_all = size < HEAD_SIZE;
    return is_all && (seen.has_section || seen.has_value) ? DP_FILE_CONFIG : DP_FILE_UNKNOWN;
}

/* Two whole numbers are the first of several lines. */
static bool is_embeddings(const char *head) {
    static const char digits[] = "0123456789";
    const size_t tokens = strspn(head, digits), blanks = strspn(head + tokens, " \t");
    const char *rest = head + tokens + blanks;
    const size_t features = strspn(rest, digits);
    rest += features;
    rest += strspn(rest, " \t\r");
    return tokens > 0 && blanks > 0 && features > 0 && rest[0] == '\n' && rest[1] != '\0';
}

/* Cuts the head. */
static dp_file_kind kind_of_text(char *head, size_t size) {
    for (size_t i = 0; i < sizeof known_texts / sizeof known_texts[0]; i++) {
        if (is_known(&known_texts[i], head, size))
            return known_texts[i].kind;
    }
    for (size_t i = 0; i < size; i++) {
        if (iscntrl((unsigned char)head[i]) && !isspace((unsigned char)head[i]))
            return DP_FILE_UNKNOWN;
    }
    if (begins_with(head, "\xEF\xBB\xBF")) /* of byte order */
        memset(head, ' ', 3);
    return is_embeddings(head) ? DP_FILE_EMBEDDINGS : kind_of_lines(head, size);
}

/* --- a file
 * --------------------------------------------------------------------------------------- */

static bool ends_with(int file, off_t end, const char *word, off_t size) {
    char found[32];
    const size_t length = strlen(word);
    return end >= size && pread(file, found, length, end - size) == (ssize_t)length &&
           memcmp(found, word, length) == 0;
}

static dp_file_kind kind_of_file(const char *path, int file, off_t end) {
    char head[HEAD_SIZE + 1] = "";
    if (ends_with(file, end, DP_MODEL_FILE_SEAL_WORD, DP_MODEL_FILE_SEAL_SIZE))
        return DP_FILE_CHECKPOINT;
    if (ends_with(file, end, DP_DATASET_SEAL_WORD, DP_DATASET_SEAL_SIZE))
        return DP_FILE_DATASET;
    const ssize_t size = pread(file, head, HEAD_SIZE, 0);
    if (size <= 0)
        return size == 0 ? DP_FILE_EMPTY : DP_FILE_MISSING;
    return begins_with(head, "\x89HDF\r\n\x1A\n") ? kind_of_hdf5(path, head[8] == 0)
                                                  : kind_of_text(head, (size_t)size);
}

static dp_file_kind kind_of_folder(const char *path) {
    static const char *const of_runs[] = {"%s/checkpoints", "%s/metrics.csv"};
    char inside[DP_PATH_SIZE];
    dp_error ignored;
    for (size_t i = 0; i < 2; i++) {
        if (dp_path_format(inside, &ignored, of_runs[i], path) == DP_OK && dp_file_exists(inside))
            return DP_FILE_RUN;
    }
    return DP_FILE_FOLDER;
}

dp_file_kind dp_file_kind_of(const char *path) {
    struct stat information;
    DP_OWNED(dp_file_close) const int file = dp_file_open(path, O_RDONLY | O_NONBLOCK);
    if (file < 0 || fstat(file, &information) != 0)
        return DP_FILE_MISSING;
    if (S_ISDIR(information.st_mode))
        return kind_of_folder(path);
    return S_ISREG(information.st_mode) ? kind_of_file(path, file, information.st_size)
                                        : DP_FILE_MISSING;
}

/* --- one in place of another
 * ------------------------------------------------------------------------ */

/* What to do, with PATH in place of the path; of several for a wanted kind the first that fits. */
static const struct advice {
    dp_file_kind wanted, found; /* DP_FILE_KINDS: any */
    const char *text;
} advices[] = {
    {DP_FILE_CONFIG, DP_FILE_SWEEP, "'dptrain sweep PATH' runs it"},
    {DP_FILE_CONFIG, DP_FILE_DATASET, "a config names it, as in data.path=PATH behind the config"},
    {DP_FILE_CONFIG, DP_FILE_CHECKPOINT,
     "its run goes on by the command that began it, and 'dptrain info PATH' shows its config"},
    {DP_FILE_CONFIG, DP_FILE_RUN, "its config is PATH/config.ini"},
    {DP_FILE_CONFIG, DP_FILE_TEXT,
     "'pack_dataset PATH' makes a dataset of it, which a config names by data.path"},
    {DP_FILE_CONFIG, DP_FILE_KINDS, "give one such as configs/base.ini"},
    {DP_FILE_SWEEP, DP_FILE_CONFIG,
     "'dptrain PATH' trains it; a sweep file names it by config = PATH in [sweep]"},
    {DP_FILE_SWEEP, DP_FILE_KINDS, "give one such as configs/sweeps/notebook.ini"},
    {DP_FILE_DATASET, DP_FILE_TEXT, "'pack_dataset PATH' makes one of it"},
    {DP_FILE_DATASET, DP_FILE_KINDS, "give what pack_dataset has made of a text"},
    {DP_FILE_TEXT, DP_FILE_DATASET, "it is packed already"},
    {DP_FILE_TEXT, DP_FILE_KINDS, "give the text to be packed"},
    {DP_FILE_CHECKPOINT, DP_FILE_DATASET,
     "give a checkpoint or the folder of a run, such as runs/base; eval takes a dataset by --data"},
    {DP_FILE_CHECKPOINT, DP_FILE_CONFIG,
     "give a checkpoint or the folder of a run, which a config names by run.dir, or else is runs/ "
     "with the config's name"},
    {DP_FILE_CHECKPOINT, DP_FILE_EMBEDDINGS, "train.init_embeddings=PATH begins with them"},
    {DP_FILE_CHECKPOINT, DP_FILE_KINDS,
     "give a checkpoint or the folder of a run, such as runs/base"},
    {DP_FILE_EMBEDDINGS, DP_FILE_CHECKPOINT, "train.init_from=PATH begins with all its weights"},
    {DP_FILE_EMBEDDINGS, DP_FILE_RUN, "train.init_from=PATH begins with all its weights"},
    {DP_FILE_EMBEDDINGS, DP_FILE_KINDS,
     "give a text that says in its first line how many tokens follow, and how many numbers behind "
     "each"},
    {DP_FILE_RUN, DP_FILE_CONFIG,
     "give the folder of its run, its run.dir, or else runs/ with the config's name"},
    {DP_FILE_RUN, DP_FILE_KINDS, "give the folder that it is in, or another such as runs/base"},
};

static const char *find_advice(dp_file_kind wanted, dp_file_kind found) {
    size_t i = 0;
    while (advices[i].wanted != wanted ||
           (advices[i].found != found && advices[i].found != DP_FILE_KINDS))
        i++;
    return advices[i].text;
}

/* Whether one that is found to be this can be the wanted one. */
static bool may_be(dp_file_kind wanted, dp_file_kind found) {
    switch (wanted) {
    case DP_FILE_DATASET:
    case DP_FILE_CHECKPOINT: /* damaged ones; or the best of a run */
        return found == DP_FILE_HDF5 ||
               (wanted == DP_FILE_CHECKPOINT && (found == DP_FILE_RUN || found == DP_FILE_FOLDER));
    case DP_FILE_EMBEDDINGS: /* reading it will name the line */
        return found == DP_FILE_TEXT;
    case DP_FILE_RUN: /* one that has not begun */
        return found == DP_FILE_FOLDER;
    case DP_FILE_TEXT: /* of any kind */
        return found >= DP_FILE_METRICS || found < DP_FILE_DATASET;
    default:
        return false;
    }
}

const char *dp_file_kind_name(dp_file_kind kind) {
    return names[kind];
}

dp_status dp_file_kind_expect(const char *path, dp_file_kind wanted, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text advice = {0};
    const dp_file_kind found = dp_file_kind_of(path);
    if (found == wanted || names[found] == NULL || may_be(wanted, found))
        return DP_OK;
    const char *rest = find_advice(wanted, found);
    while ((rest = dp_text_append_before(&advice, rest, "PATH")) != NULL)
        dp_text_append(&advice, path);
    DP_TRY(dp_text_check(&advice, error));
    return dp_fail(error, DP_ERR_INPUT, "%s is %s, not %s: %s", path, names[found], names[wanted],
                   dp_text_string(&advice));
}

/* --- in place of what is there
 * -------------------------------------------------------------------- */

dp_status dp_file_kind_check_output(const char *path, dp_file_kind kind, dp_error *error) {
    const dp_file_kind found = dp_file_kind_of(path);
    if (dp_file_exists(path) && found != kind && found != DP_FILE_EMPTY)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s is %s, which %s does not replace: name another file", path,
                       names[found] != NULL ? names[found] : "of another kind", names[kind]);
    return dp_file_check_writable(path, error);
}
