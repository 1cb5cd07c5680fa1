#include "request.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define FIELD(name) offsetof(dp_request, packing.name)
#define SPLIT_DEFAULT DP_PACKING_SPLIT_DEFAULT
#define SEED_DEFAULT_TEXT "42"

static const dp_option OPTIONS[] = {
    {.key = "output",
     .alias = 'o',
     .type = DP_OPTION_TEXT,
     .offset = FIELD(output),
     .initial = "",
     .unit = "FILE",
     .help = "dataset to write [the text's name with .h5, here]"},
    {.key = "block_size",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(block_size),
     .initial = "3",
     .minimum = 1,
     .maximum = DP_BLOCK_SIZE_MAX,
     .unit = "N",
     .help = "tokens of context in a row"},
    {.key = "split",
     .type = DP_OPTION_REAL_LIST,
     .offset = FIELD(split),
     .initial = SPLIT_DEFAULT,
     .minimum = 0,
     .maximum = 1,
     .unit = "A,B,C",
     .help = "shares of the words for train, dev and test"},
    {.key = "seed",
     .type = DP_OPTION_UNSIGNED,
     .offset = FIELD(seed),
     .initial = SEED_DEFAULT_TEXT,
     .minimum = 0,
     .maximum = 18446744073709551615.0,
     .unit = "N",
     .help = "of the shuffle before the split, as in Python's random"},
    {.key = "boundary",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(boundary),
     .initial = DP_PACKING_BOUNDARY_DEFAULT,
     .unit = "C",
     .help = "the character that stands for the ends of a word"},
    {.key = "train",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(inputs[DP_SPLIT_TRAIN]),
     .initial = "",
     .unit = "FILE",
     .help = "ready-made training split, kept in its order"},
    {.key = "dev",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(inputs[DP_SPLIT_DEV]),
     .initial = "",
     .unit = "FILE",
     .help = "ready-made development split"},
    {.key = "test",
     .type = DP_OPTION_TEXT,
     .offset = FIELD(inputs[DP_SPLIT_TEST]),
     .initial = "",
     .unit = "FILE",
     .help = "ready-made test split"},
    {.key = "help",
     .alias = 'h',
     .type = DP_OPTION_SWITCH,
     .offset = offsetof(dp_request, help),
     .initial = "no",
     .help = "print this and end"},
    {.key = "version",
     .type = DP_OPTION_SWITCH,
     .offset = offsetof(dp_request, version),
     .initial = "no",
     .help = "print the version and end"},
    {.key = "write_to",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(dp_request, write_to),
     .initial = "",
     .unit = "DIR",
     .help = "write man page and completion below this folder and end",
     .flags = DP_OPTION_HIDDEN},
};

static const dp_option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0]};

dp_option_table dp_request_table(void) {
    return TABLE;
}

void dp_request_help(dp_text *out) {
    dp_text_append(out, "usage: pack_dataset TEXT [options]\n"
                        "       pack_dataset --train FILE --dev FILE --test FILE -o FILE "
                        "[options]\n\n"
                        "Packs a text of one word a line into a dataset for dptrain: contexts of\n"
                        "characters and the character that follows. One text is shuffled and\n"
                        "split; three are taken as they are.\n\n");
    dp_options_help(TABLE, out);
    dp_text_append(out,
                   "\nTexts are UTF-8. Blanks at the ends of lines and empty lines are "
                   "skipped.\n"
                   "Exit status: 0 done, 2 the arguments or a text are wrong, 3 a file cannot\n"
                   "be read or written, 4 out of memory, 128+N ended by signal N.\n");
}

/* --- checks ----------------------------------------------------------------------------------- */

static dp_status check_shares(const dp_option_real_list *split, dp_error *error) {
    const double tolerance = 1e-6; /* thirds may be written with six digits */
    if (split->count != DP_SPLIT_COUNT)
        return dp_fail(error, DP_ERR_INPUT,
                       "split has %zu numbers: must be three, such as " SPLIT_DEFAULT,
                       split->count);
    double sum = dp_packing_share_sum(dp_packing_share_sum(split->values[0], split->values[1]),
                                      split->values[2]);
    if (fabs(sum - 1.0) > tolerance)
        return dp_fail(error, DP_ERR_INPUT,
                       "split %g,%g,%g sums to %.9g: must be 1, such as " SPLIT_DEFAULT,
                       split->values[0], split->values[1], split->values[2], sum);
    return DP_OK;
}

/* Takes the one text from the arguments. */
static dp_status take_text(dp_packing_request *request, int count, char **arguments,
                           dp_error *error) {
    dp_status status = DP_OK;
    char stem[DP_PATH_SIZE];
    if (count == 0)
        return dp_fail(error, DP_ERR_INPUT, "which text? pack_dataset TEXT (see --help)");
    if (count > 1)
        return dp_fail(error, DP_ERR_INPUT,
                       "one text only, not also '%.200s' (ready-made splits: --train, --dev and "
                       "--test)",
                       arguments[1]);
    DP_TRY(dp_path_format(request->inputs[0], error, "%s", arguments[0]));
    DP_TRY(check_shares(&request->split, error));
    if (request->output[0] == '\0') {
        DP_TRY(dp_path_stem(arguments[0], stem, error));
        DP_TRY(dp_path_format(request->output, error, "%s.h5", stem));
    }
done:
    return status;
}

static bool is_default_split(const dp_option_real_list *split) {
    return split->count == 3 && split->values[0] == 0.8 && split->values[1] == 0.1 &&
           split->values[2] == 0.1;
}

static dp_status check_ready_made(dp_packing_request *request, int count, char **arguments,
                                  dp_error *error) {
    if (count > 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "either one text or --train, --dev and --test, not also '%.200s'",
                       arguments[0]);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (request->inputs[split][0] == '\0')
            return dp_fail(error, DP_ERR_INPUT,
                           "--%s is missing: ready-made splits need --train, --dev and --test",
                           dp_split_name((dp_split)split));
    }
    if (request->output[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT, "--output is missing: ready-made splits need it");
    if (!is_default_split(&request->split) || request->seed != DP_PACKING_SEED_DEFAULT)
        return dp_fail(error, DP_ERR_INPUT,
                       "--split and --seed are for one text: ready-made splits are kept as they "
                       "are");
    request->seed = 0; /* nothing is shuffled */
    return DP_OK;
}

/* Replacing the output must not destroy a text or something that is no file. */
static dp_status check_output(const dp_packing_request *request, dp_error *error) {
    struct stat output, input;
    if (stat(request->output, &output) != 0)
        return DP_OK; /* new, or writing it will say what is wrong */
    if (S_ISDIR(output.st_mode))
        return dp_fail(error, DP_ERR_INPUT, "output '%.200s' is a directory; name a file in it",
                       request->output);
    if (!S_ISREG(output.st_mode))
        return dp_fail(error, DP_ERR_INPUT, "output '%.200s' is not a regular file",
                       request->output);
    for (int i = 0; i < DP_SPLIT_COUNT; i++) {
        if (request->inputs[i][0] != '\0' && stat(request->inputs[i], &input) == 0 &&
            input.st_dev == output.st_dev && input.st_ino == output.st_ino)
            return dp_fail(error, DP_ERR_INPUT,
                           "output '%.200s' is the text itself; name another file with -o",
                           request->output);
    }
    return DP_OK;
}

dp_status dp_request_parse(dp_request *request, int count, char **arguments, dp_error *error) {
    dp_status status = DP_OK;
    dp_packing_request *packing = &request->packing;
    int texts = 0;
    memset(request, 0, sizeof *request);
    DP_TRY(dp_options_init(TABLE, request, error));
    DP_TRY(dp_options_parse_arguments(TABLE, request, count, arguments, &texts, error));
    if (request->help || request->version || request->write_to[0] != '\0')
        goto done;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        packing->ready_made = packing->ready_made || packing->inputs[split][0] != '\0';
    if (packing->ready_made)
        DP_TRY(check_ready_made(packing, texts, arguments, error));
    else
        DP_TRY(take_text(packing, texts, arguments, error));
    DP_TRY(check_output(packing, error));
done:
    return status;
}
