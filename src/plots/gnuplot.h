/* gnuplot: pictures, drawn by the program of that name (gnuplot.info, 5.0 or later).
 *
 * A figure becomes four files in one folder: NAME.tsv, its numbers; NAME.gp, the script that draws
 * them; NAME.png and NAME.svg. Script and data stay, so that a picture can be drawn again, by hand
 * and in another style, with `cd FOLDER && gnuplot NAME.gp`; they are also what is left where
 * gnuplot is not installed. The program is found in PATH and run without a shell and without the
 * user's own gnuplot settings.
 *
 *     dp_gnuplot_figure figure = {.name = "loss", .width = 1000, .height = 600};
 *     dp_gnuplot_assign(&figure.names, "run", &user_text);
 *     dp_text_append(&figure.data, "# curve\n1\t2.5\n2\t2.25\n");
 *     dp_text_append(&figure.commands, "plot data index 'curve' with lines title run\n");
 *     DP_OR_DONE(dp_gnuplot_draw(&figure, folder, error));
 *     done:
 *         dp_gnuplot_clear(&figure);
 *
 * Not collective; one rank draws.
 */
#ifndef DP_PLOTS_GNUPLOT_H
#define DP_PLOTS_GNUPLOT_H

#include "base/text.h"
#include "system/file.h"

/* The colours of our figures: light, told apart by those who are colour-blind, and of different
 * greys on paper. Curves differ in more than colour. */
#define DP_COLOUR_CLOUD "#a6cbe8" /* single minibatches and other crowds */
#define DP_COLOUR_LINE "#2f77b4"  /* what matters most */
#define DP_COLOUR_MARK "#e07b2e"  /* what is compared with it */
#define DP_COLOUR_QUIET "#777777" /* what goes along */
#define DP_COLOUR_INK "#333333"   /* text */

typedef struct dp_gnuplot_figure {
    const char *name; /* of the files, without an ending: plain letters; borrowed */
    unsigned width;   /* of the SVG, in pixels; the PNG has 1.6 times as many */
    unsigned height;
    dp_text names;    /* assignments of texts to variables, each a line; they come first */
    dp_text data;     /* tab-separated; blocks begin with "# block" and end with two empty lines */
    dp_text commands; /* that draw it, once for each format, from gnuplot's defaults and a style.
                         Variables for them: data, the name of the data file; marker, by which
                         point sizes are to be multiplied; large and small, fonts as of titles and
                         remarks. Texts are plain, not "enhanced" */
} dp_gnuplot_figure;

/* Releases the texts. */
void dp_gnuplot_clear(dp_gnuplot_figure *figure);

/* Appends the text as a gnuplot expression of it: quotes, backslashes, backquotes and braces
 * stand for themselves; control characters and bytes that are no UTF-8 become U+FFFD. Not to be
 * put into the commands, where gnuplot would count its braces, but into the names. */
void dp_gnuplot_append_string(dp_text *script, const char *text);

/* Appends "variable = <the text>", a line of the names; `variable` may be an element of an array. A
 * text that failed makes the names fail. */
void dp_gnuplot_assign(dp_text *names, const char *variable, const dp_text *text);

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
