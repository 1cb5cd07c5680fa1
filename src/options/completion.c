#include "options/completion.h"

#include "completion_bash.h"

#include <string.h>

/* The part that is the same for all programs; PROGRAM stands for the name.
 *
 * bash cuts words at "=", so NAME=VALUE arrives as three. What _PROGRAM_values says of a name is a
 * list of words, or LIST and words that may be joined by commas, or FILE, or ANY; nothing: no value
 * follows. */
static void append_common(const char *program, dp_text *script) {
    const char *rest = completion_bash;
    while ((rest = dp_text_append_before(script, rest, "PROGRAM")) != NULL)
        dp_text_append(script, program);
}

static bool names_a_file(const dp_option *option) {
    static const char *const units[] = {"FILE", "PATH", "DIR"};
    bool file = false;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && option->unit != NULL; i++)
        file = file || strcmp(option->unit, units[i]) == 0;
    return option->type == DP_OPTION_PATH && file;
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

void dp_completion_write(const char *program, const dp_completion_command *commands, size_t count,
                         dp_text *script) {
    dp_text_append_format(
        script, "# bash completion of %s " DP_VERSION ", made from its options.\n", program);
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
    append_common(program, script);
}
