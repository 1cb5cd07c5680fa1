/* gnuplot: pictures, drawn by the program of that name (gnuplot.info, 5.2 or later).
 *
 * A figure becomes four files in one folder: NAME.tsv, its numbers; NAME.gp, the script that draws
 * them; NAME.png and NAME.svg. Script and data stay, so that a picture can be drawn again, by hand
 * and in another style, with `cd FOLDER && gnuplot NAME.gp`; they are also what is left where
 * gnuplot is not installed. The program is found in PATH and run without a shell and without the
 * user's own gnuplot settings.
 *
 * How it is drawn stands in a file of commands beside the source of the figure, which the build
 * embeds. C gives it data and variables, and before these stands plots/style.gp. For each picture
 * gnuplot reads the script once, from its defaults. What differs from figure to figure in more than
 * a value is a string of commands for `eval`, as of plots/axis, or a macro.
 *
 *     #include "loss_gp.h"
 *     DP_OWNED(dp_gnuplot_clear)
 *     dp_gnuplot_figure figure = {.name = "loss", .width = 1000, .height = 600, .script = loss_gp};
 *     dp_gnuplot_assign(&figure.values, "run", "%s: best", user_text);
 *     dp_text_append(&figure.data, "# curve\n1\t2.5\n2\t2.25\n");
 *     DP_TRY(dp_gnuplot_draw(&figure, folder, error));
 *
 * Not collective; one rank draws.
 */
#ifndef DP_PLOTS_GNUPLOT_H
#define DP_PLOTS_GNUPLOT_H

#include "base/text.h"
#include "system/file.h"

typedef struct dp_gnuplot_figure {
    const char *name; /* of the files, without an ending: plain letters; borrowed */
    unsigned width;   /* of the SVG, in pixels; the PNG has 1.6 times as many */
    unsigned height;
    const char *script; /* commands; borrowed */
    dp_text values;     /* assignments to their variables, a line each */
    dp_text data; /* tab-separated; blocks begin with "# block" and end with two empty lines */
} dp_gnuplot_figure;

/* Releases the texts. */
void dp_gnuplot_clear(dp_gnuplot_figure *figure);

/* Appends the text as a gnuplot expression of it: quotes, backslashes, backquotes, braces and @
 * stand for themselves; control characters and bytes that are no UTF-8 become U+FFFD. */
void dp_gnuplot_append_string(dp_text *script, const char *text);

/* Appends "variable = <the text>", a line of the values; an array's element is a variable, too.
 * Letters that no font has are shown as an empty square in the PNG. */
void dp_gnuplot_assign(dp_text *values, const char *variable, const char *format, ...)
    DP_PRINTF(3, 4);

/* Writes NAME.tsv and NAME.gp into the folder, which must be there. DP_ERR_IO. */
dp_status dp_gnuplot_write(const dp_gnuplot_figure *figure, const char *folder,
                           dp_error *error) DP_CHECKED;

/* Draws what was written: NAME.png and NAME.svg. DP_ERR_IO where there is no gnuplot, with what to
 * install and where the files lie, or where it refuses, with its words. */
dp_status dp_gnuplot_run(const char *name, const char *folder, dp_error *error) DP_CHECKED;

/* Both in turn. */
dp_status dp_gnuplot_draw(const dp_gnuplot_figure *figure, const char *folder,
                          dp_error *error) DP_CHECKED;

#endif
