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
 * Versions are semantic (dptrain_version). Structs that may grow are passed with the size that the
 * program was compiled with, and fields are only ever added at their end; values of enums and
 * constants stay. So a program goes on with each later library of the same first number, which the
 * shared library's name has, without being compiled again.
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

/* An ensemble: a model whose probabilities are the mean of those of `count` members, in shares
 * [count] of 0 and above, which are brought to a sum of 1; NULL: all alike. It may be asked
 * whatever a model may, but has no tensors. Members are borrowed: they must stay open until the
 * ensemble is closed, and answer by themselves only while it does not. Their contexts may be of
 * different length: each sees as much as it reads. *ensemble is the caller's, to be given back with
 * dptrain_close; NULL where this fails. DPTRAIN_ERR_INPUT where they differ in vocabulary, of which
 * the message names the first tokens, unit, or how texts are read. */
DPTRAIN_API dptrain_status dptrain_ensemble(dptrain_model **ensemble, dptrain_model *const *members,
                                            const double *shares, size_t count,
                                            dptrain_error *error) DPTRAIN_CHECKED;

/* What a model is. Texts are the model's. Of an ensemble: `path` is those of its members, `weights`
 * a hash of theirs and of the shares, `parameters` those of all, `block_size` the largest; the rest
 * is of the first member. */
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
    size_t members;        /* of an ensemble; 0: it is none */
    uint64_t contract;     /* numerics contract it was computed by: its run goes on by no other */
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
 * on. Returns 0 behind the last, and always for an ensemble, else 1. */
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

/* --- token by token ---------------------------------------------------------------------------
 *
 * A text on its way: what a model must know of its tokens so far, and its score so far. It is the
 * program's, holds no memory and belongs to no model: an assignment copies it, as a search for the
 * likeliest text does with each that it goes on with:
 *
 *     dptrain_state text, longer;
 *     dptrain_state_begin(model, &text, sizeof text);
 *     dptrain_state_next(model, &text, sizeof text, 1, log_probabilities, &error);
 *     for (uint32_t id = 0; id < vocab; id++) {
 *         longer = text;
 *         dptrain_state_push(model, &longer, sizeof longer, id, log_probabilities, &error);
 *         keep_if_good(&longer);
 *     }
 */
#define DPTRAIN_CONTEXT_MAX 64

typedef struct dptrain_state {
    double log_probability; /* these four as in a dptrain_text_score, and to its bits where the
                               tokens of a text were pushed one by one, its end, too */
    double known_log_probability;
    uint64_t tokens;
    uint64_t unknown;
    uint32_t context[DPTRAIN_CONTEXT_MAX]; /* [block_size]: the last tokens, the oldest first, as
                                              dptrain_next takes them; behind them nothing */
} dptrain_state;

/* Begins a text. `size` is here and below the sizeof of a state. */
DPTRAIN_API void dptrain_state_begin(const dptrain_model *model, dptrain_state *state, size_t size);

/* log_probabilities [count, vocab] of the token behind each of `count` texts, faster than one by
 * one. DPTRAIN_ERR_INPUT where a context has an id that is not below vocab. */
DPTRAIN_API dptrain_status dptrain_state_next(dptrain_model *model, const dptrain_state *states,
                                              size_t size, size_t count, double *log_probabilities,
                                              dptrain_error *error) DPTRAIN_CHECKED;

/* Adds a token to a text, or with DPTRAIN_BOUNDARY ends it. log_probabilities [vocab] are what
 * dptrain_state_next said of this text; NULL: the model is asked for that of the token. `id` may be
 * DPTRAIN_UNKNOWN, which counts as in dptrain_score. DPTRAIN_ERR_INPUT where else an id is not
 * below vocab; the state then stays as it was. */
DPTRAIN_API dptrain_status dptrain_state_push(dptrain_model *model, dptrain_state *state,
                                              size_t size, uint32_t id,
                                              const double *log_probabilities,
                                              dptrain_error *error) DPTRAIN_CHECKED;

/* --- texts that a model makes up ------------------------------------------------------------- */

/* A set of texts: those that are not to be drawn. */
typedef struct dptrain_texts dptrain_texts;

/* *texts is the caller's, to be given back with dptrain_texts_destroy; NULL where this fails. */
DPTRAIN_API dptrain_status dptrain_texts_create(dptrain_texts **texts,
                                                dptrain_error *error) DPTRAIN_CHECKED;

/* NULL is allowed. */
DPTRAIN_API void dptrain_texts_destroy(dptrain_texts *texts);

/* Adds text[0, length). *is_new, where not NULL, is 1 where it was not there yet, else 0. A text
 * that is there is always known; one that is not is taken for one with a probability of n / 2^64,
 * as of each the set holds a hash, in 16 bytes or fewer. */
DPTRAIN_API dptrain_status dptrain_texts_add(dptrain_texts *texts, const char *text, size_t length,
                                             int *is_new, dptrain_error *error) DPTRAIN_CHECKED;

/* How texts are drawn. Fill it with dptrain_sampling_init, then change what you like. */
typedef struct dptrain_sampling {
    size_t size;        /* set by dptrain_sampling_init */
    uint64_t seed;      /* 42 */
    double temperature; /* 1: as likely as the model says; below: likelier tokens; 0: the likeliest
                           only. At least 0 */
    const char *prompt; /* "": what each text begins with, ended by a 0; not kept */
    uint64_t length;    /* 0: tokens behind the prompt at most; 0 is 1,000, or 40 of a stream */
    /* Which tokens may be drawn: of those that the temperature leaves likely, */
    uint64_t top_k; /* 0: so many likeliest ones; 0 is all */
    double top_p;   /* 1: of them the likeliest whose probabilities first sum up to this; from 0,
                       the likeliest only, to 1, all */
    /* Which texts dptrain_draw takes: */
    uint64_t min_length, max_length; /* 0: ended, and so many tokens, those of the prompt among
                                        them; 0 is any. Not for a stream */
    dptrain_texts *unlike;           /* NULL: none of these; borrowed */
    int unique;                      /* 0; 1: `unlike` gets what is taken, so that it comes once */
} dptrain_sampling;

/* `size` is the sizeof *sampling. */
DPTRAIN_API void dptrain_sampling_init(dptrain_sampling *sampling, size_t size);

/* Draws the text of this index, which depends on model, sampling and index alone: its prompt (of
 * one with boundaries in it what stands behind the last) and then token by token, with a blank
 * between words, until the boundary is drawn. *text is ended by a 0 and the model's, valid until
 * this or dptrain_draw is called again. DPTRAIN_ERR_INPUT where the prompt has a token that the
 * model does not know, or a number is out of its range, and *text is NULL. */
DPTRAIN_API dptrain_status dptrain_sample(dptrain_model *model, const dptrain_sampling *sampling,
                                          uint64_t index, const char **text,
                                          dptrain_error *error) DPTRAIN_CHECKED;

/* What was drawn. */
typedef struct dptrain_drawn {
    const char *text;       /* as of dptrain_sample */
    uint64_t index;         /* of it */
    uint64_t tokens;        /* so many were drawn behind the prompt, the boundary at the end too */
    double log_probability; /* the sum of ln P(token | the ones before it) over these, P as the
                               model has it, whatever of it could be drawn */
} dptrain_drawn;

/* Texts that may not all be taken: draws those of index, index + 1, ... until `sampling` takes one,
 * and fills *drawn, of which `size` is the sizeof. The next one is searched from drawn->index + 1
 * on. DPTRAIN_ERR_INPUT as of dptrain_sample, and after DPTRAIN_DRAWS_MAX texts of which none was
 * taken. */
#define DPTRAIN_DRAWS_MAX 100000
DPTRAIN_API dptrain_status dptrain_draw(dptrain_model *model, const dptrain_sampling *sampling,
                                        uint64_t index, dptrain_drawn *drawn, size_t size,
                                        dptrain_error *error) DPTRAIN_CHECKED;

/* cosines [vocab] of the angle between the features of token `id` and those of each token: 1 in the
 * same direction. DPTRAIN_ERR_INPUT where id is not below vocab, and for an ensemble. */
DPTRAIN_API dptrain_status dptrain_similarity(const dptrain_model *model, uint32_t id,
                                              double *cosines,
                                              dptrain_error *error) DPTRAIN_CHECKED;

/* --- weights from elsewhere ----------------------------------------------------------------- */

/* Writes a checkpoint like that of `model` with other weights: values[i] are those of the i-th
 * tensor of dptrain_get_tensor, [rows, columns], of all `count` that it has. It stands at step 0
 * and has no state of an optimizer but zeros; its `build` says that it was imported; vocabulary,
 * config and the rest are the model's. A checkpoint at `path` is replaced as a whole, or stays as
 * it is; anything else there is refused. DPTRAIN_ERR_INPUT names a tensor whose values are not all
 * finite; and another count, an ensemble, a model whose file has changed since it was opened, and a
 * path whose name says another step. */
DPTRAIN_API dptrain_status dptrain_import(const dptrain_model *model, const float *const *values,
                                          size_t count, const char *path,
                                          dptrain_error *error) DPTRAIN_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
