#include "cli/manual.h"

#include "base/memory.h"
#include "options/completion.h"
#include "options/roff.h"

#include "config_5.h"
#include "dptrain_1.h"

#include <ctype.h>

#define PROGRAM "dptrain"
#define CONFIG_PAGE "dptrain-config"

static void append_overview(dp_command_list list, dp_text *page) {
    dp_roff_begin(page, PROGRAM, 1,
                  "data-parallel training of neural probabilistic language models");
    const char *rest = dp_text_append_before(page, dptrain_1, "@COMMANDS@\n");
    for (size_t i = 0; i < list.count; i++) {
        DP_OWNED(dp_text_clear) dp_text term = {0};
        dp_text_append_format(&term, PROGRAM "-%s(1)", list.commands[i]->name);
        dp_roff_entry(page, dp_text_string(&term), NULL, list.commands[i]->purpose);
    }
    rest = dp_text_append_before(page, rest, "@STATUSES@\n");
    for (const dp_exit_status *line = dp_exit_statuses; line->status != NULL; line++)
        dp_roff_entry(page, line->status, NULL, line->meaning);
    dp_text_append(page, rest);
}

static void append_config(dp_text *page) {
    dp_roff_begin(page, CONFIG_PAGE, 5, "what can be set about a run of dptrain");
    const char *rest = dp_text_append_before(page, config_5, "@KEYS@\n");
    dp_roff_options(page, dp_config_options);
    dp_text_append(page, rest);
}

static void append_command(const dp_command *command, const char *name, dp_text *page) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    dp_roff_begin(page, name, 1, command->purpose);
    dp_text_append_format(&text, PROGRAM " %s %s [options]\n", command->name, command->arguments);
    dp_text_append(page, ".SH SYNOPSIS\n.PP\n.nf\n.RS 4\n");
    dp_roff_text(page, dp_text_string(&text));
    dp_text_append(page, ".RE\n.fi\n.SH DESCRIPTION\n");
    dp_text_clear(&text);
    dp_text_append_format(&text, "%c%s.\n%s", toupper((unsigned char)command->purpose[0]),
                          command->purpose + 1, command->details == NULL ? "" : command->details);
    dp_roff_paragraph(page, dp_text_string(&text));
    if (dp_options_keys(command->options) != NULL)
        dp_roff_paragraph(page, "The keys of CONFIG, and of section.key=value behind it, are those "
                                "of " CONFIG_PAGE "(5).");
    if (command->options->key != NULL)
        dp_text_append(page, ".SH OPTIONS\n");
    dp_roff_options(page, command->options);
    dp_text_append(page, ".SH EXAMPLES\n.PP\n.nf\n.RS 4\n");
    dp_roff_text(page, command->examples);
    dp_text_append(page, ".RE\n.fi\n.SH SEE ALSO\n");
    dp_roff_paragraph(page, PROGRAM "(1), which also lists the exit statuses; " CONFIG_PAGE "(5)");
    page->failed = page->failed || text.failed;
}

static dp_status write_pages(dp_command_list list, const char *folder, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text page = {0};
    append_overview(list, &page);
    DP_TRY(dp_roff_save(&page, folder, "man/man1", PROGRAM ".1", error));
    append_config(&page);
    DP_TRY(dp_roff_save(&page, folder, "man/man5", CONFIG_PAGE ".5", error));
    for (size_t i = 0; i < list.count; i++) {
        char name[DP_PATH_SIZE], file[DP_PATH_SIZE];
        DP_TRY(dp_path_format(name, error, PROGRAM "-%s", list.commands[i]->name));
        DP_TRY(dp_path_format(file, error, "%s.1", name));
        append_command(list.commands[i], name, &page);
        DP_TRY(dp_roff_save(&page, folder, "man/man1", file, error));
    }
    return DP_OK;
}

static dp_status write_completion(dp_command_list list, const char *folder, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text topics = {0};
    DP_OWNED(dp_memory_release) dp_completion_command *commands = NULL;
    DP_TRY_NEW(commands, list.count + 1);
    for (size_t i = 0; i < list.count; i++) {
        const dp_command *command = list.commands[i];
        commands[i] = (dp_completion_command){
            .name = command->name, .purpose = command->purpose, .options = command->options};
        dp_text_append_format(&topics, "%s ", command->name);
    }
    dp_text_append(&topics, "keys pack_dataset");
    DP_TRY(dp_text_check(&topics, error));
    commands[list.count] = (dp_completion_command){.name = "help",
                                                   .purpose = "about a command",
                                                   .options = dp_options_none,
                                                   .words = dp_text_string(&topics)};
    return dp_completion_save(PROGRAM, commands, list.count + 1, folder, error);
}

dp_status dp_manual_write(dp_command_list list, const char *folder, dp_error *error) {
    DP_TRY(write_pages(list, folder, error));
    return write_completion(list, folder, error);
}
