/* libdptrain: asks a model that dptrain has trained: what comes next, how likely a text is, what it
 * makes up. For C and C++. Link with `pkg-config --libs dptrain`, or in CMake
 *
 *     find_package(dptrain CONFIG REQUIRED)
 *     target_link_libraries(program PRIVATE dptrain::dptrain)
 *
 * A model reads some tokens, its context, and gives each token of its vocabulary a probability to
 * be the next one:
 *
 *     dptrain_error error;
 *     dptrain_model *model = NULL;
 *     if (dptrain_open(&model, "runs/base", &error) != DPTRAIN_OK)
 *         fprintf(stderr, "%s\n", error.message);
 *
 * Tokens are characters or words and are numbered by ids, from 0 to vocab - 1. Id 0 is the
 * boundary: what stands before the first token and, unless the model was trained on one running
 * text, behind the last. All texts are UTF-8, all logarithms natural. Arrays are row-major; their
 * shapes are written as [rows, columns].
 *
 * Errors. What can fail returns a status, and stores it with a message, one line without an end of
 * line, where `error` is not NULL. What a function was to fill is then undefined unless it says
 * otherwise. Nothing is printed and no function ends the program.
 *
 * Texts are read as those were that the model was trained on: in small letters, or in a normal form
 * of Unicode, where its dataset was packed so.
 *
 * Threads. There is no state but that of a model, so any number of threads may work at once, each
 * with a model of its own. Functions that take a `const dptrain_model *` only read it: several
 * threads may call them for one model while none calls another function for it.
 *
 * Files may come from anywhere: a checkpoint is checked as a whole, its seal, shapes and hashes,
 * before anything of it is used. It should not be written over while dptrain_open reads it; dptrain
 * itself never does that, it replaces files.
 *
 * Versions. Structs that may grow are passed with the size that the program was compiled with;
 * fields are only ever added at their end.
 */
#ifndef DPTRAIN_DPTRAIN_H
#define DPTRAIN_DPTRAIN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DPTRAIN_API __attribute__((visibility("default")))
#define DPTRAIN_CHECKED __attribute__((warn_unused_result))
#else
#define DPTRAIN_API
#define DPTRAIN_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dptrain_status {
    DPTRAIN_OK = 0,
    DPTRAIN_ERR_INPUT = 2,    /* an argument or the content of a file is wrong */
    DPTRAIN_ERR_IO = 3,       /* the system refused: missing file, no permission */
    DPTRAIN_ERR_MEMORY = 4,   /* out of memory */
    DPTRAIN_ERR_INTERNAL = 70 /* a defect of the library */
} dptrain_status;

#define DPTRAIN_MESSAGE_SIZE 1024

typedef struct dptrain_error {
    dptrain_status status;
    char message[DPTRAIN_MESSAGE_SIZE]; /* names file and place; fit to be shown */
} dptrain_error;

/* The version of the library, "0.1.0". */
DPTRAIN_API const char *dptrain_version(void);

/* --- opening -------------------------------------------------------------------------------- */

typedef struct dptrain_model dptrain_model;

/* Opens a checkpoint file, or of a run folder its best checkpoint or, where it has none yet, its
 * newest. *model is the caller's, to be given back with dptrain_close; NULL where this fails. */
DPTRAIN_API dptrain_status dptrain_open(dptrain_model **model, const char *path,
                                        dptrain_error *error) DPTRAIN_CHECKED;

/* NULL is allowed. */
DPTRAIN_API void dptrain_close(dptrain_model *model);

/* What a model is. Texts are the model's. */
typedef struct dptrain_description {
    const char *path;        /* of the checkpoint file */
    const char *unit;        /* what a token is: "char" or "word" */
    int stream;              /* 1: trained on one running text, which has no boundaries */
    size_t vocab;            /* tokens, at least 2 */
    size_t block_size;       /* tokens of context, at least 1 */
    size_t embedding_dim;    /* features of a token, at least 1 */
    size_t hidden_dim;       /* tanh units; 0: none, the model is direct */
    int direct;              /* 1: features are connected to the output */
    size_t parameters;       /* trained numbers */
    const char *weights;     /* their hash, "xxh3:<16 hex digits>": equal where all bits are */
    uint64_t step;           /* at which the checkpoint was written */
    uint64_t best_step;      /* at which its run had the lowest dev loss until then; 0: unknown */
    double best_loss;        /* that loss, a token; without meaning where best_step is 0 */
    uint64_t without_better; /* evaluations since best_step */
    const char *dataset_sha256; /* identity of the dataset it was trained on, hex */
    const char *build;          /* what computed it */
    const char *config;         /* of the run, in the form of a config file */
    const char *packed_with;    /* options of pack_dataset that made the dataset; "": not known */
    int lowercase;         /* 1: texts were turned into small letters, and what is asked will be */
    const char *normalize; /* the normal form that they got, and will get: "none", "nfc", "nfkc" */
} dptrain_description;

/* Fills *description, of which `size` is the sizeof. */
DPTRAIN_API void dptrain_describe(const dptrain_model *model, dptrain_description *description,
                                  size_t size);

/* A tensor of the model, as a view. Element (row, column) is
 * values[row * row_stride + column * column_stride]. */
typedef struct dptrain_tensor {
    const char *name; /* C, W1, b1, W2, b2 or Wd */
    int rank;         /* 1 or 2; a vector has one row */
    size_t rows, columns;
    const float *values; /* the model's */
    size_t row_stride, column_stride;
} dptrain_tensor;

/* Fills *tensor, of which `size` is the sizeof, with the i-th tensor that the model has, i from 0
 * on. Returns 0 behind the last, else 1. */
DPTRAIN_API int dptrain_get_tensor(const dptrain_model *model, size_t i, dptrain_tensor *tensor,
                                   size_t size);

/* --- tokens --------------------------------------------------------------------------------- */

#define DPTRAIN_BOUNDARY ((uint32_t)0)

/* What dptrain_encode gives for a token that the model knows nothing of. */
#define DPTRAIN_UNKNOWN ((uint32_t)0xFFFFFFFFu)

/* The token of an id, the model's; NULL where there is none. It is valid UTF-8, but may hold
 * control characters. */
DPTRAIN_API const char *dptrain_token(const dptrain_model *model, uint32_t id);

/* Sets *id to that of the token text[0, length) as a whole. DPTRAIN_ERR_INPUT where there is none.
 */
DPTRAIN_API dptrain_status dptrain_find(const dptrain_model *model, const char *text, size_t length,
                                        uint32_t *id, dptrain_error *error) DPTRAIN_CHECKED;

/* The ids of the tokens of text[0, length): characters one after the other, or words with blanks
 * between. Returns how many there are and writes the first `capacity` of them to ids. A word that
 * the vocabulary lacks is that of "<unk>", where it has one; all else that it lacks is
 * DPTRAIN_UNKNOWN. *unknown, where not NULL, is how many were lacking in all, "<unk>" among them.
 */
DPTRAIN_API size_t dptrain_encode(const dptrain_model *model, const char *text, size_t length,
                                  uint32_t *ids, size_t capacity, size_t *unknown);

/* Sets context [block_size] to the last tokens of text[0, length), the oldest first, behind
 * boundaries where the text has fewer. DPTRAIN_ERR_INPUT names a token that the model does not
 * know. */
DPTRAIN_API dptrain_status dptrain_context(const dptrain_model *model, const char *text,
                                           size_t length, uint32_t *context,
                                           dptrain_error *error) DPTRAIN_CHECKED;

/* --- questions ------------------------------------------------------------------------------ */

/* probabilities [vocab] of the token behind context [block_size], which sum to 1.
 * DPTRAIN_ERR_INPUT where an id is not below vocab. */
DPTRAIN_API dptrain_status dptrain_next(dptrain_model *model, const uint32_t *context,
                                        double *probabilities,
                                        dptrain_error *error) DPTRAIN_CHECKED;

/* How likely a text is. Its tokens are those of dptrain_encode and, unless the model is of a
 * stream, the boundary at its end. */
typedef struct dptrain_text_score {
    double log_probability; /* sum over all tokens of ln P(token | the ones before it); -infinity
                               where one is DPTRAIN_UNKNOWN, which has no probability */
    uint64_t tokens;        /* so many */
    uint64_t unknown;       /* of them not in the vocabulary */
    double known_log_probability; /* of the others: the same sum without unknown tokens */
} dptrain_text_score;

/* Scores text[0, length) from its beginning, any length of it. In a context, a token that is
 * DPTRAIN_UNKNOWN counts as a boundary. `size` is the sizeof *score. */
DPTRAIN_API dptrain_status dptrain_score(dptrain_model *model, const char *text, size_t length,
                                         dptrain_text_score *score, size_t size,
                                         dptrain_error *error) DPTRAIN_CHECKED;

/* Scores count texts at once, texts[i][0, lengths[i]), each as dptrain_score does and to the same
 * bits: faster than one by one where they are short. scores [count], of which `size` is the sizeof
 * of one. */
DPTRAIN_API dptrain_status dptrain_score_texts(dptrain_model *model, const char *const *texts,
                                               const size_t *lengths, size_t count,
                                               dptrain_text_score *scores, size_t size,
                                               dptrain_error *error) DPTRAIN_CHECKED;

/* What a token adds to the score of its text. */
typedef struct dptrain_token_score {
    double log_probability; /* -infinity where id is DPTRAIN_UNKNOWN */
    uint64_t rank;          /* 1 for the likeliest token behind this context; 0 where unknown */
    uint32_t id;
    size_t begin, length; /* bytes of the text that are the token, or with a normal form the piece
                             of it that the token comes of; none of the boundary at its end */
} dptrain_token_score;

/* Scores each token of a text. *count is how many it has, of which the first `capacity` are written
 * to tokens; `size` is the sizeof of one. A text has at most length + 1. */
DPTRAIN_API dptrain_status dptrain_score_tokens(dptrain_model *model, const char *text,
                                                size_t length, dptrain_token_score *tokens,
                                                size_t capacity, size_t size, size_t *count,
                                                dptrain_error *error) DPTRAIN_CHECKED;

/* How texts are drawn. Fill it with dptrain_sampling_init, then change what you like. */
typedef struct dptrain_sampling {
    size_t size;        /* set by dptrain_sampling_init */
    uint64_t seed;      /* 42 */
    double temperature; /* 1: as likely as the model says; below: likelier tokens; 0: the likeliest
                           only. At least 0 */
    const char *prompt; /* "": what each text begins with, ended by a 0; not kept */
    uint64_t length;    /* 0: tokens behind the prompt at most; 0 is 1,000, or 40 of a stream */
} dptrain_sampling;

/* `size` is the sizeof *sampling. */
DPTRAIN_API void dptrain_sampling_init(dptrain_sampling *sampling, size_t size);

/* Draws the text of this index, which depends on model, sampling and index alone: its prompt (of
 * one with boundaries in it what stands behind the last) and then token by token, with a blank
 * between words, until the boundary is drawn. *text is ended by a 0 and the model's, valid until
 * this is called again. DPTRAIN_ERR_INPUT where the prompt has a token that the model does not
 * know, and *text is NULL. */
DPTRAIN_API dptrain_status dptrain_sample(dptrain_model *model, const dptrain_sampling *sampling,
                                          uint64_t index, const char **text,
                                          dptrain_error *error) DPTRAIN_CHECKED;

/* cosines [vocab] of the angle between the features of token `id` and those of each token: 1 in the
 * same direction. DPTRAIN_ERR_INPUT where id is not below vocab. */
DPTRAIN_API dptrain_status dptrain_similarity(const dptrain_model *model, uint32_t id,
                                              double *cosines,
                                              dptrain_error *error) DPTRAIN_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
