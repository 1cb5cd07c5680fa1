#include "cli/manual.h"

#include "base/memory.h"
#include "cli/exit_status.h"
#include "engine/config.h"
#include "options/completion.h"
#include "options/roff.h"

#include <ctype.h>
#include <string.h>

#define PROGRAM "dptrain"
#define CONFIG_PAGE "dptrain-config"

/* --- dptrain(1) ----------------------------------------------------------------------------- */

static void append_exit_status(dp_text *page) {
    dp_roff_heading(page, "EXIT STATUS");
    for (const dp_exit_status *line = dp_exit_statuses; line->status != NULL; line++)
        dp_roff_entry(page, line->status, NULL, line->meaning);
}

static void append_files(dp_text *page) {
    dp_roff_heading(page, "FILES");
    dp_roff_entry(page, "runs/NAME/config.ini", NULL, "every setting of a run, resolved");
    dp_roff_entry(page, "runs/NAME/metrics.csv", NULL,
                  "step, losses, learning rate, weight hash and speed, a row a logging point");
    dp_roff_entry(page, "runs/NAME/log.txt", NULL, "what the terminal showed");
    dp_roff_entry(page, "runs/NAME/summary.json", NULL, "the end of a finished run");
    dp_roff_entry(page, "runs/NAME/checkpoints/step-00010000.h5", NULL, "the newest checkpoints");
    dp_roff_entry(page, "runs/NAME/best.h5", NULL, "the best checkpoint on dev");
}

static void append_environment(dp_text *page) {
    dp_roff_heading(page, "ENVIRONMENT");
    dp_roff_entry(page, "TERM", NULL,
                  "where it is \"dumb\" or not set, training shows no line of progress below its "
                  "report, as it does not in a pipe or a file; colours are never used");
    dp_roff_entry(page, "OMPI_MCA_mca_base_param_files", NULL,
                  "names the settings of Open MPI that dptrain runs best with: "
                  "configs/openmpi-mca-params.conf, set by scripts/env.sh");
}

static void append_overview(dp_command_list list, dp_text *page) {
    dp_roff_begin(page, PROGRAM, 1,
                  "data-parallel training of neural probabilistic language models");
    dp_roff_heading(page, "SYNOPSIS");
    dp_roff_example(page, "dptrain CONFIG [section.key=value ...] [options]\n"
                          "dptrain COMMAND [arguments] [options]\n"
                          "mpirun -np N dptrain ...\n");
    dp_roff_heading(page, "DESCRIPTION");
    dp_roff_paragraph(page,
                      "Trains models of the kind embedding table, tanh hidden layer, softmax "
                      "(Bengio et al. 2003) on one rank or many. The same config and dataset give "
                      "the same bits at any number of ranks, interrupted or not.");
    dp_roff_heading(page, "COMMANDS");
    for (size_t i = 0; i < list.count; i++) {
        dp_text term = {0};
        dp_text_append_format(&term, PROGRAM "-%s(1)", list.commands[i]->name);
        dp_roff_entry(page, dp_text_string(&term), NULL, list.commands[i]->purpose);
        dp_text_clear(&term);
    }
    dp_roff_entry(page, "dptrain help", "[TOPIC]",
                  "about a command, or about 'keys': all that a config can say");
    append_exit_status(page);
    append_files(page);
    append_environment(page);
    dp_roff_heading(page, "EXAMPLES");
    dp_roff_example(page, "pack_dataset data/names.txt\n"
                          "mpirun -np 8 dptrain configs/base.ini train.lr=0.05\n"
                          "dptrain eval --ckpt runs/base\n"
                          "dptrain sample --ckpt runs/base -n 20\n");
    dp_roff_heading(page, "SEE ALSO");
    dp_roff_paragraph(page, CONFIG_PAGE "(5), pack_dataset(1), mpirun(1)");
}

/* --- dptrain-COMMAND(1) --------------------------------------------------------------------- */

static void append_command(const dp_command *command, const char *name, dp_text *page) {
    dp_text text = {0};
    dp_roff_begin(page, name, 1, command->purpose);
    dp_roff_heading(page, "SYNOPSIS");
    dp_text_append_format(&text, PROGRAM " %s %s [options]\n", command->name, command->arguments);
    dp_roff_example(page, dp_text_string(&text));
    dp_text_clear(&text);
    dp_roff_heading(page, "DESCRIPTION");
    dp_text_append_format(&text, "%c%s.\n%s", toupper((unsigned char)command->purpose[0]),
                          command->purpose + 1, command->details == NULL ? "" : command->details);
    dp_roff_paragraph(page, dp_text_string(&text));
    if (command->config != NULL)
        dp_roff_paragraph(page, "The keys of CONFIG, and of section.key=value behind it, are those "
                                "of " CONFIG_PAGE "(5).");
    if (command->options->key != NULL) {
        dp_roff_heading(page, "OPTIONS");
        dp_roff_options(page, command->options);
    }
    dp_roff_heading(page, "SEE ALSO");
    dp_roff_paragraph(page, PROGRAM "(1), which also lists the exit statuses; " CONFIG_PAGE "(5)");
    page->failed = page->failed || text.failed;
    dp_text_clear(&text);
}

/* --- dptrain-config(5) ---------------------------------------------------------------------- */

static void append_config(dp_text *page) {
    dp_roff_begin(page, CONFIG_PAGE, 5, "what can be set about a run of dptrain");
    dp_roff_heading(page, "DESCRIPTION");
    dp_roff_paragraph(
        page, "A config is a text of sections and keys. A value comes from the default, "
              "then from the config, then from section.key=value on the command line; the "
              "run folder and each checkpoint keep all of them.\n\n"
              "Comments begin with ; or # on a line of their own, or with a blank and ; "
              "behind a value. A line further in goes on with the value above it, unless it "
              "is a value or a section itself. A value that begins and ends with a quote is "
              "all that stands between the two.");
    dp_roff_heading(page, "KEYS");
    dp_roff_options(page, dp_config_options);
    dp_roff_heading(page, "EXAMPLES");
    dp_roff_example(page, "[data]\npath = names.h5\n[train]\nlr = 0.1\nlr_milestones = 100000\n");
    dp_roff_heading(page, "SEE ALSO");
    dp_roff_paragraph(page, PROGRAM "-train(1), pack_dataset(1)");
}

/* --- all of it ------------------------------------------------------------------------------ */

static dp_status write_page(dp_text *page, const char *folder, const char *name, int section,
                            dp_error *error) {
    dp_status status = dp_roff_save(page, folder, name, section, error);
    dp_text_clear(page);
    return status;
}

static dp_status write_pages(dp_command_list list, const char *folder, dp_error *error) {
    dp_text page = {0};
    append_overview(list, &page);
    DP_TRY(write_page(&page, folder, PROGRAM, 1, error));
    append_config(&page);
    DP_TRY(write_page(&page, folder, CONFIG_PAGE, 5, error));
    for (size_t i = 0; i < list.count; i++) {
        char name[DP_PATH_SIZE];
        DP_TRY(dp_path_format(name, error, PROGRAM "-%s", list.commands[i]->name));
        append_command(list.commands[i], name, &page);
        DP_TRY(write_page(&page, folder, name, 1, error));
    }
    return DP_OK;
}

static dp_status write_completion(dp_command_list list, const char *folder, dp_error *error) {
    dp_status status = DP_OK;
    dp_text script = {0}, topics = {0};
    dp_completion_command *commands = NULL;
    DP_NEW_OR_DONE(commands, list.count + 1);
    for (size_t i = 0; i < list.count; i++) {
        const dp_command *command = list.commands[i];
        commands[i] = (dp_completion_command){
            .name = command->name, .options = command->options, .keys = command->config};
        dp_text_append_format(&topics, "%s ", command->name);
    }
    dp_text_append(&topics, "keys");
    DP_OR_DONE(dp_text_check(&topics, error));
    commands[list.count] = (dp_completion_command){
        .name = "help", .options = dp_options_none, .words = dp_text_string(&topics)};
    dp_completion_write(PROGRAM, commands, list.count + 1, &script);
    DP_OR_DONE(dp_completion_save(&script, folder, PROGRAM, error));
done:
    dp_memory_free(commands);
    dp_text_clear(&topics);
    dp_text_clear(&script);
    return status;
}

dp_status dp_manual_write(dp_command_list list, const char *folder, dp_error *error) {
    dp_status status = write_pages(list, folder, error);
    return status == DP_OK ? write_completion(list, folder, error) : status;
}
