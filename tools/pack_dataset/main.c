/* pack_dataset: packs a text, by characters or by words, into a dataset file for dptrain. */
#include "base/timer.h"
#include "options/completion.h"
#include "options/option_arguments.h"
#include "options/roff.h"
#include "pack/packing.h"
#include "request.h"
#include "system/filesystem.h"
#include "system/launch.h"
#include "system/output.h"
#include "system/termination.h"

#include "help_txt.h"
#include "pack_dataset_1.h"

#include <stdio.h>
#include <sys/stat.h>

static uint64_t file_size(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 ? (uint64_t)information.st_size : 0;
}

static void append_count(dp_text *out, const char *before, uint64_t count, const char *after) {
    dp_text_append_format(out, "%s%s%s", before, DP_COUNT_TEXT(count), after);
}

static void append_summary(dp_text *out, const dp_request *request, const dp_packing *packing,
                           double seconds) {
    dp_text_append_format(out, "%s: ", request->packing.output);
    const bool of_words = request->packing.unit == DP_UNIT_WORD, stream = request->packing.stream;
    append_count(out, "", packing->words, of_words || !stream ? " words" : " characters");
    if (of_words || stream)
        append_count(out, " in ", packing->lines, " lines");
    if (of_words || !stream)
        append_count(out, " (", packing->empty_lines, " empty lines skipped)");
    append_count(out, ", V = ", packing->vocab, "");
    if (packing->unknown > 0)
        append_count(out, ", ", packing->unknown, " times " DP_UNKNOWN_WORD);
    dp_text_append(out, "\n");
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        dp_text_append_format(out, "  %-6s", dp_split_name((dp_split)split));
        append_count(out, "", packing->rows[split], " rows");
        if (request->packing.weight_column != NULL)
            append_count(out, ", with their weights ", packing->examples[split], "");
        dp_text_append(out, "\n");
    }
    if (packing->unknown_tokens[0] != '\0')
        dp_text_append_format(out, "  %s\n", packing->unknown_tokens);
    if (packing->skipped > 0)
        append_count(out, "  ", packing->skipped, " lines with such tokens left out\n");
    if (packing->dropped > 0)
        append_count(out, "  ", packing->dropped, " repeats dropped\n");
    if (packing->overlap[0] != '\0')
        dp_text_append_format(out, "  %s\n", packing->overlap);
    append_count(out, "  ", file_size(request->packing.output), " bytes");
    dp_text_append_format(out, " in %s, %.1f MB/s of text\n", DP_DURATION_TEXT(seconds),
                          1e-6 * (double)packing->text_bytes / seconds);
}

/* Of the texts, and of where the dataset is. */
static dp_status append_doubts(dp_text *out, const dp_packing *packing, const char *path,
                               dp_error *error) {
    char folder[DP_PATH_SIZE];
    const char *doubts[DP_FILESYSTEM_DOUBTS];
    DP_TRY(dp_path_folder(path, folder, error));
    DP_TRY(dp_filesystem_doubts(folder, doubts, error));
    for (size_t i = 0; i < packing->warning_count; i++)
        dp_text_append_format(out, "warning: %s\n", packing->warnings[i]);
    for (const char **doubt = doubts; *doubt != NULL; doubt++)
        dp_text_append_format(out, "warning: %s: %s\n", path, *doubt);
    return DP_OK;
}

static void append_help(dp_text *out) {
    const char *rest = dp_text_append_before(out, help_txt, "@OPTIONS@\n");
    dp_options_help(dp_request_options, out);
    dp_text_append(out, rest);
}

static dp_status print(const dp_text *text, dp_error *error) {
    DP_TRY(dp_text_check(text, error));
    fputs(dp_text_string(text), stdout);
    return dp_output_finish(error);
}

/* Man page and completion, to where man and the shells look below `folder`. */
static dp_status write_manual(const char *folder, dp_error *error) {
    static const dp_completion_command command = {
        .name = "", .purpose = "", .options = dp_request_options};
    DP_OWNED(dp_text_clear) dp_text text = {0};
    dp_roff_begin(&text, "pack_dataset", 1, "packs a text into a dataset for dptrain");
    const char *rest = dp_text_append_before(&text, pack_dataset_1, "@OPTIONS@\n");
    dp_roff_options(&text, dp_request_options);
    dp_text_append(&text, rest);
    DP_TRY(dp_roff_save(&text, folder, "man/man1", "pack_dataset.1", error));
    return dp_completion_save("pack_dataset", &command, 1, folder, error);
}

static dp_status run(const dp_request *request, dp_termination *termination, dp_text *out,
                     dp_error *error) {
    dp_packing packing;
    double start = dp_timer_now();
    if (request->help) {
        append_help(out);
    } else if (request->version) {
        dp_text_append(out, "pack_dataset " DP_VERSION "\n");
    } else if (request->write_to[0] != '\0') {
        DP_TRY(write_manual(request->write_to, error));
    } else {
        dp_output_outlive_reader("pack_dataset");
        DP_TRY(dp_packing_run(&packing, &request->packing, termination, error));
        if (request->verbose)
            dp_options_show(dp_request_options, request, out);
        append_summary(out, request, &packing, dp_timer_now() - start);
        dp_text_cut(out, request->quiet ? 0 : out->length);
        DP_TRY(append_doubts(out, &packing, request->packing.output, error));
    }
    return print(out, error);
}

int main(int argument_count, char **arguments) {
    dp_request request;
    dp_termination termination = {0};
    dp_text out = {0};
    dp_error error;
    dp_output_begin();
    if (!dp_launch_is_first()) /* what it does is done once, and well for the others */
        return 0;
    int skipped = argument_count > 0 ? 1 : 0; /* the program's name */
    dp_status status =
        dp_request_parse(&request, argument_count - skipped, arguments + skipped, &error);
    if (status == DP_OK)
        status = run(&request, &termination, &out, &error);
    dp_text_clear(&out);
    if (status == DP_OK)
        return 0;
    fprintf(stderr, "pack_dataset: %s\n", error.message);
    int signal_number = dp_termination_pending(&termination);
    return signal_number != 0 ? 128 + signal_number : (int)status;
}
