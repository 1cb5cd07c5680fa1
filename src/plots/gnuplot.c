#include "plots/gnuplot.h"

#include "base/utf8.h"
#include "run/run_folder.h"
#include "style_gp.h"
#include "system/process.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

void dp_gnuplot_clear(dp_gnuplot_figure *figure) {
    dp_text_clear(&figure->values);
    dp_text_clear(&figure->data);
}

/* A quote is joined on: gnuplot 5.4 takes no string that begins with a doubled one. */
void dp_gnuplot_append_string(dp_text *script, const char *text) {
    uint32_t code_point = 0;
    char bytes[DP_UTF8_MAX_BYTES + 1];
    dp_text_append(script, "'");
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        dp_utf8_encode(code_point, bytes);
        dp_text_append(script, code_point == '\'' ? "'.\"'\".'" : bytes);
    }
    dp_text_append(script, "'");
}

/* Characters whose place is left empty where no font has them: joiners, marks of direction,
 * selectors of a variant. */
static bool is_ignorable(uint32_t code_point) {
    return (code_point >= 0x200Bu && code_point <= 0x200Fu) ||
           (code_point >= 0x2028u && code_point <= 0x202Eu) ||
           (code_point >= 0x2060u && code_point <= 0x206Fu) ||
           (code_point >= 0xFE00u && code_point <= 0xFE0Fu) || code_point == 0xFEFFu ||
           (code_point >= 0xE0000u && code_point <= 0xE0FFFu);
}

static bool is_plain(uint32_t code_point) {
    return code_point < 0x80u || is_ignorable(code_point);
}

static bool is_plain_text(const char *text) {
    uint32_t code_point = 0;
    bool plain = true;
    for (size_t length = 0; plain && (length = dp_utf8_next_shown(text, &code_point)) > 0;)
        plain = is_plain(code_point), text += length;
    return plain;
}

void dp_gnuplot_assign(dp_text *values, const char *variable, const char *format, ...) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    dp_text_append_arguments(&text, format, arguments);
    va_end(arguments);
    const bool plain = is_plain_text(dp_text_string(&text));
    dp_text_append_format(values, plain ? "%s = " : "%s = shown(", variable);
    dp_gnuplot_append_string(values, dp_text_string(&text));
    dp_text_append(values, plain ? "\n" : ")\n");
    values->failed |= text.failed;
}

/* --- the script ------------------------------------------------------------------------------- */

/* Appends those characters of the text that a font may lack, each once, to `signs`, and their
 * numbers to `letters`, "25a1 4e00 ...", in the same order. */
static void append_letters(const char *text, dp_text *letters, dp_text *signs) {
    uint32_t code_point = 0;
    char bytes[DP_UTF8_MAX_BYTES + 1];
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        if (is_plain(code_point))
            continue;
        dp_utf8_encode(code_point, bytes);
        if (strstr(dp_text_string(signs), bytes) != NULL)
            continue;
        dp_text_append(signs, bytes);
        dp_text_append_format(letters, "%s%" PRIx32, letters->length == 0 ? "" : " ", code_point);
    }
}

/* The sign that stands for what no font has comes first among the letters. */
#define STAND_IN "\xE2\x96\xA1"

static void append_script(dp_text *script, const dp_gnuplot_figure *figure) {
    const char *name = figure->name;
    DP_OWNED(dp_text_clear) dp_text letters = {0};
    DP_OWNED(dp_text_clear) dp_text signs = {0};
    append_letters(STAND_IN, &letters, &signs);
    append_letters(dp_text_string(&figure->values), &letters, &signs);
    dp_text_append_format(script,
                          "# Draws %s.png and %s.svg from %s.tsv: gnuplot %s.gp in this folder.\n"
                          "name = '%s'\ndata = '%s.tsv'\nwidth = %u\nheight = %u\n"
                          "letters = '%s'\nsigns = '%s'\n",
                          name, name, name, name, name, name, figure->width, figure->height,
                          dp_text_string(&letters), dp_text_string(&signs));
    dp_text_append(script, style_gp);
    dp_text_append(script, dp_text_string(&figure->values));
    dp_text_append(script, figure->script);
    dp_text_append(script, "\nset output\nif (kind eq \"png\") reread\n");
    script->failed |= letters.failed || signs.failed;
}

static dp_status write_file(const char *folder, const char *name, const char *ending,
                            const dp_text *text, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s%s", folder, name, ending));
    return dp_file_write_text(path, text, error);
}

dp_status dp_gnuplot_write(const dp_gnuplot_figure *figure, const char *folder, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text script = {0};
    DP_TRY(dp_text_check(&figure->values, error));
    DP_TRY(dp_run_folder_check_figure(folder, figure->name, error));
    append_script(&script, figure);
    /* The script first, by which the rest is known as ours. */
    DP_TRY(write_file(folder, figure->name, ".gp", &script, error));
    return write_file(folder, figure->name, ".tsv", &figure->data, error);
}

/* --- the program ------------------------------------------------------------------------------ */

/* The last line with something on it: where gnuplot says what is wrong. Cuts `said`. */
static const char *last_line(char *said) {
    for (size_t length = strlen(said); length > 0 && strchr("\n\r \t", said[length - 1]); length--)
        said[length - 1] = '\0';
    const char *line = strrchr(said, '\n');
    return line == NULL ? said : line + 1;
}

static dp_status fail_without_gnuplot(const char *name, const char *folder, dp_error *error) {
    return dp_fail(error, DP_ERR_IO,
                   "no %s.png and %s.svg, as there is no gnuplot in PATH: install it (Debian, "
                   "Ubuntu: apt-get install gnuplot-nox) and try again; the script and the data "
                   "are %s/%s.gp and %s.tsv",
                   name, name, folder, name, name);
}

dp_status dp_gnuplot_run(const char *name, const char *folder, dp_error *error) {
    /* -d: not the settings in the user's home, which would change the pictures */
    char program[] = "gnuplot", plain[] = "-d", script_name[DP_PATH_SIZE];
    char *const arguments[] = {program, plain, script_name, NULL};
    char said[DP_PROCESS_SAID_SIZE];
    int ended = 0;
    DP_TRY(dp_path_format(script_name, error, "%s.gp", name));
    int failed = dp_process_run(folder, arguments, said, &ended);
    bool exited = WIFEXITED(ended);
    /* 127 is also what a program ends with whose libraries find no room; but then it says so. */
    if (failed == ENOENT || (exited && WEXITSTATUS(ended) == 127 && said[0] == '\0'))
        return fail_without_gnuplot(name, folder, error);
    if (failed != 0)
        return dp_fail_errno(error, failed, "cannot run gnuplot on %s/%s", folder, script_name);
    if (!exited)
        return dp_fail(error, DP_ERR_IO, "gnuplot on %s/%s was ended by signal %d", folder,
                       script_name, WTERMSIG(ended));
    if (WEXITSTATUS(ended) != 0)
        return dp_fail(error, DP_ERR_IO, "gnuplot refuses %s/%s: %s", folder, script_name,
                       last_line(said));
    return DP_OK;
}

dp_status dp_gnuplot_draw(const dp_gnuplot_figure *figure, const char *folder, dp_error *error) {
    DP_TRY(dp_gnuplot_write(figure, folder, error));
    return dp_gnuplot_run(figure->name, folder, error);
}
