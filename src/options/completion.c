#include "options/completion.h"

#include "completion_bash.h"
#include "completion_zsh.h"
#include "options/roff.h"

#include <string.h>

/* --- bash and zsh: functions that tell what there is, and one that completes by them ---------- */

/* The part that is the same for all programs; PROGRAM stands for the name.
 *
 * bash cuts words at "=", so NAME=VALUE arrives as three. What _PROGRAM_values says of a name is a
 * list of words, or LIST and words that may be joined by commas, or FILE, or ANY; nothing: no value
 * follows. */
static void append_common(const char *program, const char *common, dp_text *script) {
    const char *rest = common;
    while ((rest = dp_text_append_before(script, rest, "PROGRAM")) != NULL)
        dp_text_append(script, program);
}

static bool names_a_file(const dp_option *option) {
    static const char *const units[] = {"FILE", "PATH", "DIR"};
    bool file = false;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && option->unit != NULL; i++)
        file = file || strcmp(option->unit, units[i]) == 0;
    return dp_option_takes_path(option) && file;
}

/* A case of _PROGRAM_values for each option that takes a value. */
static void append_values(const char *command, dp_option_table table, dp_text *script) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if (option->type == DP_OPTION_SWITCH && strchr(option->key, '.') == NULL)
            continue;
        dp_text_append_format(script, "    %s:%s", command, option->key);
        if (option->alias != 0)
            dp_text_append_format(script, " | %s:_%c", command, option->alias);
        dp_text_append(script, ") echo ");
        if (option->type == DP_OPTION_CHOICES)
            dp_text_append(script, "LIST ");
        if (option->choices != NULL)
            dp_options_append_choices(option, " ", script);
        else if (option->type == DP_OPTION_SWITCH)
            dp_text_append(script, "yes no");
        else
            dp_text_append(script, names_a_file(option) ? "FILE" : "ANY");
        dp_text_append(script, " ;;\n");
    }
}

static void append_options(const dp_completion_command *command, dp_text *script) {
    for (const dp_option *option = command->options; option->key != NULL; option++) {
        if ((option->flags & DP_OPTION_HIDDEN) != 0 || strcmp(option->key, "help") == 0)
            continue;
        dp_option_append_name(option, script);
        dp_text_append(script, " ");
    }
    dp_text_append(script, "--help");
}

static void append_arguments(const dp_completion_command *command, dp_text *script) {
    const dp_option_table keys = dp_options_keys(command->options);
    if (keys == NULL) {
        dp_text_append(script, command->words == NULL ? "FILE" : command->words);
        return;
    }
    dp_text_append(script, "CONFIG");
    for (const dp_option *option = keys; option->key != NULL; option++)
        dp_text_append_format(script, " %s=", option->key);
}

/* A function of the script: what `append` has of a command, for each. */
static void append_cases(const char *program, const char *function,
                         const dp_completion_command *commands, size_t count,
                         void (*append)(const dp_completion_command *, dp_text *),
                         dp_text *script) {
    dp_text_append_format(script, "_%s_%s() {\n    case $1 in\n", program, function);
    for (size_t i = 0; i < count; i++) {
        dp_text_append_format(script, "    '%s') echo ", commands[i].name);
        append(&commands[i], script);
        dp_text_append(script, " ;;\n");
    }
    dp_text_append(script, "    esac\n}\n");
}

/* In the words that both shells have. */
static void append_functions(const char *program, const dp_completion_command *commands,
                             size_t count, dp_text *script) {
    dp_text_append_format(script, "_%s_commands() {\n    echo", program);
    for (size_t i = 0; i < count && commands[i].name[0] != '\0'; i++)
        dp_text_append_format(script, " %s", commands[i].name);
    dp_text_append_format(script, "\n}\n_%s_command() {\n    case $1 in\n    ", program);
    for (size_t i = 0; i < count; i++)
        dp_text_append_format(script, "%s'%s'", i == 0 ? "" : " | ", commands[i].name);
    dp_text_append_format(script, ") echo \"$1\" ;;\n    *) echo '%s' ;;\n    esac\n}\n",
                          commands[0].name);
    append_cases(program, "options", commands, count, append_options, script);
    append_cases(program, "arguments", commands, count, append_arguments, script);
    dp_text_append_format(script, "_%s_values() {\n    case $1:$2 in\n", program);
    for (size_t i = 0; i < count; i++) {
        const dp_option_table keys = dp_options_keys(commands[i].options);
        append_values(commands[i].name, commands[i].options, script);
        if (keys != NULL)
            append_values(commands[i].name, keys, script);
    }
    dp_text_append(script, "    esac\n}\n");
}

/* --- fish: a line an option, with its help ---------------------------------------------------- */

static void append_quoted(const char *text, dp_text *script) {
    dp_text_append(script, "'");
    for (; *text != '\0'; text++) {
        dp_text_append(script, strchr("'\\", *text) != NULL ? "\\" : "");
        dp_text_append_bytes(script, text, 1);
    }
    dp_text_append(script, "'");
}

/* "complete -c PROGRAM -n '__PROGRAM_is NAME'", which all lines about a command begin with. */
static void append_about(const char *program, const char *command, dp_text *script) {
    dp_text_append_format(script, "complete -c %s -n \"__%s_is '%s'\"", program, program, command);
}

static void append_values_of(const dp_option *option, dp_text *script) {
    const bool is_list = option->type == DP_OPTION_CHOICES;
    if (option->type == DP_OPTION_SWITCH)
        return;
    if (option->choices == NULL) {
        dp_text_append(script, names_a_file(option) ? " -r -F" : " -x");
        return;
    }
    dp_text_append(script,
                   is_list ? " -x -a '(__fish_complete_list , \"printf %s\\\\n " : " -x -a '");
    dp_options_append_choices(option, " ", script);
    dp_text_append(script, is_list ? "\")'" : "'");
}

static void append_option(const char *program, const char *command, const dp_option *option,
                          dp_text *script) {
    DP_OWNED(dp_text_clear) dp_text name = {0};
    dp_option_append_name(option, &name);
    append_about(program, command, script);
    dp_text_append_format(script, " -l %s", dp_text_string(&name) + strlen("--"));
    if (option->alias != 0)
        dp_text_append_format(script, " -s %c", option->alias);
    append_values_of(option, script);
    dp_text_append(script, " -d ");
    append_quoted(option->help, script);
    dp_text_append(script, "\n");
    script->failed = script->failed || name.failed;
}

/* KEY= behind a config, and where that is there already a value of it, no file. */
static void append_assignment(const char *program, const char *command, const dp_option *option,
                              const char *value, dp_text *script) {
    dp_text_append_format(script, "complete -c %s -n \"__%s_is '%s'; and __%s_has_config", program,
                          program, command, program);
    if (value[0] != '\0')
        dp_text_append_format(script, "; and __%s_begins %s=\" -f", program, option->key);
    else
        dp_text_append(script, "\"");
    dp_text_append_format(script, " -a '%s=%s' -d ", option->key, value);
    append_quoted(option->help, script);
    dp_text_append(script, "\n");
}

static void append_key(const char *program, const char *command, const dp_option *option,
                       dp_text *script) {
    append_assignment(program, command, option, "", script);
    for (size_t i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
        append_assignment(program, command, option, option->choices[i], script);
}

static void append_fish_command(const char *program, const dp_completion_command *command,
                                dp_text *script) {
    const dp_option_table keys = dp_options_keys(command->options);
    if (command->name[0] != '\0') {
        dp_text_append_format(script, "complete -c %s -n __%s_is_first -a %s -d ", program, program,
                              command->name);
        append_quoted(command->purpose, script);
        dp_text_append(script, "\n");
    }
    if (command->words != NULL) {
        append_about(program, command->name, script);
        dp_text_append_format(script, " -f -a '%s'\n", command->words);
    }
    for (const dp_option *option = command->options; option->key != NULL; option++) {
        if ((option->flags & DP_OPTION_HIDDEN) == 0)
            append_option(program, command->name, option, script);
    }
    for (const dp_option *option = keys; keys != NULL && option->key != NULL; option++)
        append_key(program, command->name, option, script);
}

static void append_fish(const char *program, const dp_completion_command *commands, size_t count,
                        dp_text *script) {
    dp_text_append_format(script,
                          "function __%s_is_first\n    test (count (commandline -opc)) -eq 1\n"
                          "end\nfunction __%s_has_config\n"
                          "    string match -q '*.ini' -- (commandline -opc)\nend\n"
                          "function __%s_begins\n"
                          "    string match -q \"$argv[1]*\" -- (commandline -ct)\nend\n"
                          "function __%s_is\n    set -l words (commandline -opc)\n"
                          "    set -l command '%s'\n    if set -q words[2]; and contains -- "
                          "$words[2]",
                          program, program, program, program, commands[0].name);
    for (size_t i = 0; i < count; i++)
        dp_text_append_format(script, " '%s'", commands[i].name);
    dp_text_append(script, "\n        set command $words[2]\n    end\n"
                           "    contains -- \"$command\" $argv\nend\n");
    for (size_t i = 0; i < count; i++)
        append_fish_command(program, &commands[i], script);
}

#define NOTE "completion of %s " DP_VERSION ", made from its options.\n"

/* --- files ------------------------------------------------------------------------------------ */

dp_status dp_completion_save(const char *program, const dp_completion_command *commands,
                             size_t count, const char *folder, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text script = {0};
    char name[DP_PATH_SIZE];
    dp_text_append(&script, "# bash ");
    dp_text_append_format(&script, NOTE, program);
    append_functions(program, commands, count, &script);
    append_common(program, completion_bash, &script);
    DP_TRY(dp_roff_save(&script, folder, "bash-completion/completions", program, error));
    dp_text_append_format(&script, "#compdef %s\n# zsh ", program);
    dp_text_append_format(&script, NOTE, program);
    append_functions(program, commands, count, &script);
    append_common(program, completion_zsh, &script);
    DP_TRY(dp_path_format(name, error, "_%s", program));
    DP_TRY(dp_roff_save(&script, folder, "zsh/site-functions", name, error));
    dp_text_append(&script, "# fish ");
    dp_text_append_format(&script, NOTE, program);
    append_fish(program, commands, count, &script);
    DP_TRY(dp_path_format(name, error, "%s.fish", program));
    return dp_roff_save(&script, folder, "fish/vendor_completions.d", name, error);
}
