/* options: a table of named values, bound to the fields of a struct.
 *
 * One entry says everything about an option: its key, where its value lives, its default, bounds,
 * choices, unit and help. The table then drives the defaults, the config file (option_file), the
 * command line (option_arguments), `--help` (there too), man pages (roff) and completion. What
 * the options mean is decided where the table is (`engine/config`, each subcommand).
 *
 * Config keys are "section.name"; keys without a dot are long options of a command. In a key that a
 * user gives '-' counts as '_'; what is shown has '-' in options ("--stop-at") and '_' in keys of
 * files.
 */
#ifndef DP_OPTIONS_OPTIONS_H
#define DP_OPTIONS_OPTIONS_H

#include "base/text.h"
#include "system/file.h"

#include <stddef.h>
#include <stdint.h>

#define DP_OPTION_LIST_MAX 16
#define DP_OPTION_SECTIONS_MAX 16

/* The C type of the field that each kind of option is bound to. */
typedef enum dp_option_type {
    DP_OPTION_UNSIGNED, /* uint64_t; with choices, the i-th of them is maximum + 1 + i */
    DP_OPTION_REAL,     /* double */
    DP_OPTION_DURATION, /* double, seconds ("90s", "30m", "2h", "1:30:00", "0") */
    DP_OPTION_PATH,     /* dp_option_path: what a config can hold, in up to DP_PATH_SIZE bytes; a
                           leading ~/ becomes the folder HOME */
    DP_OPTION_TEXT,     /* const char *: any text; borrows the argument, so not for files */
    DP_OPTION_SWITCH,   /* bool; on the command line it takes no value */
    DP_OPTION_CHOICE,   /* an enum: the index of the choice */
    /* lists: */
    DP_OPTION_CHOICES,       /* unsigned: bit i is set where choice i is listed ("train,dev") */
    DP_OPTION_UNSIGNED_LIST, /* dp_option_unsigned_list ("100000,200000"; may be empty) */
    DP_OPTION_REAL_LIST,     /* dp_option_real_list */
    DP_OPTION_PATH_LIST,     /* dp_option_path_list: a path each time it is given; not for files */
} dp_option_type;

typedef char dp_option_path[DP_PATH_SIZE];

typedef struct dp_option_unsigned_list {
    size_t count;
    uint64_t values[DP_OPTION_LIST_MAX];
} dp_option_unsigned_list;

typedef struct dp_option_real_list {
    size_t count;
    double values[DP_OPTION_LIST_MAX];
} dp_option_real_list;

typedef struct dp_option_path_list {
    size_t count;
    dp_option_path values[DP_OPTION_LIST_MAX];
} dp_option_path_list;

/* Flags of an entry. RESULT: another value gives another result, so that a run cannot be resumed
 * with it. */
#define DP_OPTION_RESULT 1u
/* For the build or for tests: works, but is not shown. */
#define DP_OPTION_HIDDEN 2u
/* Kept as a path is, but none: a leading ~/ stays. */
#define DP_OPTION_LITERAL 4u
/* A name of a file that has no section, not an option of a command line. */
#define DP_OPTION_COLUMN 8u

typedef struct dp_option {
    const char *key;
    char alias; /* short option, or 0 */
    dp_option_type type;
    size_t offset;       /* of the field in the struct */
    size_t given;        /* of a bool that tells whether it was given; 0: none */
    const char *initial; /* the default, as a user would write it */
    double minimum;      /* bounds of numbers and of the numbers in a list, both inclusive */
    double maximum;
    const char *const *choices; /* names, NULL behind the last; or NULL */
    const char *unit;           /* what a number counts or what a text names: "rows", "FILE" */
    const char *help;
    unsigned flags;
    const struct dp_option *keys; /* of the end of a table: what DP_OPTIONS_END_BEFORE says */
} dp_option;

/* The first of the options, which end with DP_OPTIONS_END. */
typedef const dp_option *dp_option_table;
#define DP_OPTIONS_END                                                                             \
    { .key = NULL }
/* The end of a command's options, where keys of another table may be set behind them:
 * `--section.key=value`. Of a name that is unknown, these are near ones too. */
#define DP_OPTIONS_END_BEFORE(table)                                                               \
    { .key = NULL, .keys = table }
extern const dp_option dp_options_none[]; /* an empty table */

/* A table has one of these an option. `holder` is the struct with the field, which must have the
 * option's type; `choices` are DP_NAMES(...). Whatever else an entry has may stand behind the help,
 * as in DP_SWITCH(holder, verbose, "verbose", "say more", .alias = 'v').
 *
 *     DP_UNSIGNED(holder, field, key, initial, minimum, maximum, unit, help), DP_REAL, ...
 *     DP_CHOICE(holder, field, key, initial, choices, unit, help), DP_CHOICES
 *     DP_PATH(holder, field, key, initial, unit, help), DP_TEXT, DP_PATH_LIST
 *     DP_SWITCH(holder, field, key, help) */
#define DP_UNSIGNED(...) DP_OPTION_BOUNDED(UNSIGNED, uint64_t, __VA_ARGS__)
#define DP_REAL(...) DP_OPTION_BOUNDED(REAL, double, __VA_ARGS__)
#define DP_DURATION(...) DP_OPTION_BOUNDED(DURATION, double, __VA_ARGS__)
#define DP_UNSIGNED_LIST(...) DP_OPTION_BOUNDED(UNSIGNED_LIST, dp_option_unsigned_list, __VA_ARGS__)
#define DP_REAL_LIST(...) DP_OPTION_BOUNDED(REAL_LIST, dp_option_real_list, __VA_ARGS__)
#define DP_CHOICE(...) DP_OPTION_CHOSEN(CHOICE, unsigned, __VA_ARGS__)
#define DP_CHOICES(...) DP_OPTION_CHOSEN(CHOICES, unsigned, __VA_ARGS__)
#define DP_PATH(...) DP_OPTION_NAMED(PATH, dp_option_path, __VA_ARGS__)
#define DP_PATH_LIST(...) DP_OPTION_NAMED(PATH_LIST, dp_option_path_list, __VA_ARGS__)
#define DP_TEXT(...) DP_OPTION_NAMED(TEXT, const char *, __VA_ARGS__)
#define DP_SWITCH(holder, field, name, ...)                                                        \
    DP_OPTION_OF(SWITCH, bool, holder, field, name, "no", .help = __VA_ARGS__)

/* The names of an enum in its order, which a macro beside the enum lists: DP_SPLIT_NAMES. */
#define DP_NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

#define DP_OPTION_BOUNDED(kind, c_type, holder, field, name, value, low, high, named, ...)         \
    DP_OPTION_OF(kind, c_type, holder, field, name, value, .minimum = (low), .maximum = (high),    \
                 .unit = named, .help = __VA_ARGS__)
#define DP_OPTION_NAMED(kind, c_type, holder, field, name, value, named, ...)                      \
    DP_OPTION_OF(kind, c_type, holder, field, name, value, .unit = named, .help = __VA_ARGS__)
#define DP_OPTION_CHOSEN(kind, c_type, holder, field, name, value, names, named, ...)              \
    DP_OPTION_OF(kind, c_type, holder, field, name, value, .choices = names, .unit = named,        \
                 .help = __VA_ARGS__)
/* The _Generic has no answer for a field of another type. */
#define DP_OPTION_OF(kind, c_type, holder, field, name, value, ...)                                \
    {                                                                                              \
        .type = DP_OPTION_##kind, .key = name, .initial = value,                                   \
        .offset = _Generic(&((holder *)0)->field, c_type *                                         \
                           : offsetof(holder, field)),                                             \
        __VA_ARGS__                                                                                \
    }

/* Sets every field to its default. DP_ERR_INTERNAL where the table itself is wrong. */
dp_status dp_options_init(dp_option_table table, void *target, dp_error *error) DP_CHECKED;

/* Sets the field of `key` from text. An unknown key is an error that names the nearest one; a bad
 * value is one that says what is allowed. On failure the field keeps its value. */
dp_status dp_options_set(dp_option_table table, void *target, const char *key, const char *value,
                         dp_error *error) DP_CHECKED;

/* Splits "section.key=value", in which *value then points. */
#define DP_OPTION_KEY_SIZE 64
dp_status dp_options_split(const char *assignment, char key[DP_OPTION_KEY_SIZE], const char **value,
                           dp_error *error) DP_CHECKED;

/* Both halves of it: the option of the key of `length` bytes, or NULL, and its value. */
const dp_option *dp_options_find(dp_option_table table, const char *key, size_t length);
dp_status dp_option_give(const dp_option *option, void *target, const char *value,
                         dp_error *error) DP_CHECKED;

/* The keys that the end of the table names, or NULL. */
dp_option_table dp_options_keys(dp_option_table table);

/* Fails with "unknown key 'train.setps': did you mean 'train.steps'?", or with "unknown option
 * '--fersh': ..." where `given`, as it was typed, begins with '-'. */
dp_status dp_options_fail_unknown(dp_option_table table, const char *given,
                                  dp_error *error) DP_CHECKED;

/* Fails with "unknown section [trian]: did you mean [train]?", unless the table has it or it is "".
 */
dp_status dp_options_check_section(dp_option_table table, const char *section,
                                   dp_error *error) DP_CHECKED;

/* Appends the option as it is typed: "--stop-at", "train.lr". */
void dp_option_append_name(const dp_option *option, dp_text *out);

/* Part i of a value: of a list its i-th number, of choices their i-th, copied to *choice, and else
 * the field alone, as part 0. NULL behind the last. */
const void *dp_option_part(const dp_option *option, const void *target, size_t i, unsigned *choice);

/* Appends the value of one option as a user would write it, or one of its parts. */
void dp_option_format_part(const dp_option *option, const void *part, dp_text *out);
void dp_options_format(const dp_option *option, const void *target, dp_text *out);

/* Whether its values are paths. */
bool dp_option_takes_path(const dp_option *option);

/* Whether the values differ; appends "key: <value in a> there, <value in b> here" then, behind a
 * "; " where there is a text already. */
bool dp_option_compare(const dp_option *option, const void *a, const void *b, dp_text *differences);

/* Whether the option begins a section, as tables keep the options of a section together. */
bool dp_option_begins_section(dp_option_table table, const dp_option *option);

/* Appends the names of an option with choices. */
void dp_options_append_choices(const dp_option *option, const char *separator, dp_text *out);

/* Appends what an option accepts: "a whole number from 1 to 64". */
void dp_options_append_allowed(const dp_option *option, dp_text *out);

#endif
