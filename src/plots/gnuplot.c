#define _GNU_SOURCE /* environ, memfd_create, posix_spawn_file_actions_addchdir_np */
#include "plots/gnuplot.h"

#include "base/utf8.h"
#include "style_gp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
    append_script(&script, figure);
    DP_TRY(write_file(folder, figure->name, ".tsv", &figure->data, error));
    return write_file(folder, figure->name, ".gp", &script, error);
}

/* --- the program ------------------------------------------------------------------------------ */

#define SAID_MAX 4096

/* Starts gnuplot in the folder, with what it says going to `out`. Returns an errno value. */
static int start(const char *folder, char *script_name, int out, pid_t *process) {
    /* -d: not the settings in the user's home, which would change the pictures */
    char program[] = "gnuplot", plain[] = "-d";
    char *arguments[] = {program, plain, script_name, NULL};
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    if ((failed = posix_spawn_file_actions_addchdir_np(&actions, folder)) == 0 &&
        (failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
        (failed = posix_spawn_file_actions_adddup2(&actions, out, 1)) == 0 &&
        (failed = posix_spawn_file_actions_adddup2(&actions, out, 2)) == 0)
        failed = posix_spawnp(process, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Runs the script to its end. Returns an errno value of starting it; *ended is what waitpid says,
 * `said` the last part of what gnuplot does: there it is told what is wrong. */
static int run_script(const char *folder, char *script_name, char said[SAID_MAX + 1], int *ended) {
    const int out = memfd_create("gnuplot", MFD_CLOEXEC);
    pid_t process = 0;
    if (out < 0)
        return errno;
    const int failed = start(folder, script_name, out, &process);
    while (failed == 0 && waitpid(process, ended, 0) < 0 && errno == EINTR)
        continue;
    const off_t length = lseek(out, 0, SEEK_END);
    const ssize_t count = pread(out, said, SAID_MAX, length > SAID_MAX ? length - SAID_MAX : 0);
    said[count > 0 ? count : 0] = '\0';
    close(out);
    return failed;
}

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
    char script_name[DP_PATH_SIZE], said[SAID_MAX + 1];
    int ended = 0;
    DP_TRY(dp_path_format(script_name, error, "%s.gp", name));
    int failed = run_script(folder, script_name, said, &ended);
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
