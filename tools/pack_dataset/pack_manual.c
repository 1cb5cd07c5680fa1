#include "pack_manual.h"

#include "options/completion.h"
#include "options/roff.h"
#include "pack/word_vocabulary.h"

#define PROGRAM "pack_dataset"

static void append_page(dp_option_table options, dp_text *page) {
    dp_roff_begin(page, PROGRAM, 1, "packs a text into a dataset for dptrain");
    dp_roff_heading(page, "SYNOPSIS");
    dp_roff_example(page, "pack_dataset TEXT [options]\n"
                          "pack_dataset --train FILE --dev FILE --test FILE -o FILE [options]\n");
    dp_roff_heading(page, "DESCRIPTION");
    dp_roff_paragraph(page,
                      "Packs a text into a dataset: contexts of tokens and the token that "
                      "follows. Tokens are the characters of a text of one word a line or, with "
                      "--unit word, words between blanks. One text is shuffled by lines, as "
                      "Python's random shuffles, and split, or cut as a stream; three are taken "
                      "as they are.\n\n"
                      "Texts are UTF-8. Blanks at the ends of lines and empty lines are skipped.");
    dp_roff_heading(page, "WORDS");
    dp_roff_paragraph(
        page,
        "With --unit word, tokens are what stands between blanks: ASCII's space, tab, vertical "
        "tab, form feed, carriage return and newline. The vocabulary is the boundary and the words "
        "by descending count, those of equal count in the order of their first appearance. What "
        "--min_count and --max_vocab leave out becomes " DP_UNKNOWN_WORD
        ", which has its place by the sum of their counts; a " DP_UNKNOWN_WORD
        " in the text is the same token. So is, in a stream, " DP_END_OF_LINE ".\n\n"
        "Without --stream each line is a sequence, from boundary to boundary. With it, the text is "
        "one sequence and is cut in order, by --split_tokens or by the shares of --split; each "
        "split begins with boundaries as its context.\n\n"
        "--lowercase turns each character into the one that Unicode gives as its lower case, as "
        "the C library's towlower does in the locale C.UTF-8.");
    dp_roff_heading(page, "OPTIONS");
    dp_roff_options(page, options);
    dp_roff_heading(page, "EXIT STATUS");
    dp_roff_entry(page, "0", NULL, "done");
    dp_roff_entry(page, "2", NULL, "the arguments or a text are wrong");
    dp_roff_entry(page, "3", NULL, "a file cannot be read or written");
    dp_roff_entry(page, "4", NULL, "out of memory");
    dp_roff_entry(page, "128+N", NULL, "ended by signal N");
    dp_roff_heading(page, "SEE ALSO");
    dp_roff_paragraph(page, "dptrain(1)");
}

dp_status dp_pack_manual_write(dp_option_table options, const char *folder, dp_error *error) {
    dp_status status = DP_OK;
    const dp_completion_command command = {.name = "", .options = options};
    dp_text page = {0}, script = {0};
    append_page(options, &page);
    DP_OR_DONE(dp_roff_save(&page, folder, PROGRAM, 1, error));
    dp_completion_write(PROGRAM, &command, 1, &script);
    DP_OR_DONE(dp_completion_save(&script, folder, PROGRAM, error));
done:
    dp_text_clear(&script);
    dp_text_clear(&page);
    return status;
}
