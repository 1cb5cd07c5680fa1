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

void dp_gnuplot_assign(dp_text *values, const char *variable, const char *format, ...) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    dp_text_append_arguments(&text, format, arguments);
    va_end(arguments);
    dp_text_append_format(values, "%s = ", variable);
    dp_gnuplot_append_string(values, dp_text_string(&text));
    dp_text_append(values, "\n");
    values->failed |= text.failed;
}

/* --- the script ------------------------------------------------------------------------------- */

/* Characters that the fonts of any desktop or server have (DejaVu, Liberation): European alphabets,
 * punctuation, signs. */
static bool is_common(uint32_t code_point) {
    return code_point < 0x590u || (code_point >= 0x1E00u && code_point < 0x2C00u) ||
           code_point == DP_UTF8_REPLACEMENT;
}

/* Appends the other characters of the text as a fontconfig set, "4e00 4e01": some of them, which
 * stand for the rest of their scripts. */
static void append_uncommon(dp_text *set, const char *text) {
    enum { MOST = 64 };
    size_t count = 0;
    uint32_t code_point = 0;
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        if (!is_common(code_point) && count++ < MOST)
            dp_text_append_format(set, "%s%" PRIx32, count == 1 ? "" : " ", code_point);
    }
}

static void append_script(dp_text *script, const dp_gnuplot_figure *figure) {
    const char *name = figure->name;
    dp_text_append_format(script,
                          "# Draws %s.png and %s.svg from %s.tsv: gnuplot %s.gp in this folder.\n"
                          "name = '%s'\ndata = '%s.tsv'\nwidth = %u\nheight = %u\nletters = '",
                          name, name, name, name, name, name, figure->width, figure->height);
    append_uncommon(script, dp_text_string(&figure->values));
    dp_text_append(script, "'\n");
    dp_text_append(script, dp_text_string(&figure->values));
    dp_text_append(script, style_gp);
    dp_text_append(script, figure->script);
    dp_text_append(script, "\nset output\nif (kind eq \"png\") reread\n");
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
    if (failed == ENOENT || (exited && WEXITSTATUS(ended) == 127))
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
