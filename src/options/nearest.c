#include "options/nearest.h"

#include "base/size.h"

#include <ctype.h>
#include <string.h>

#define FAR SIZE_MAX
#define NAME_SIZE 64

/* What a mismatch costs; a letter to edit costs 2. */
#define SHORTENED 1 /* one word begins with the other */
#define NOT_GIVEN 1 /* a word of the name is left out */
#define UNKNOWN 3   /* a word that the name does not have */
#define ELSEWHERE 1 /* another section */

/* What others call it, or who knows another program, and our name. */
static const char *const synonyms[][2] = {
    {"alpha", "lr"},
    {"batches", "train.batch_size"},
    {"bs", "train.batch_size"},
    {"checkpoint", "ckpt"},
    {"checkpoint_dir", "run.dir"},
    {"checkpoint_interval", "checkpoint.every"},
    {"clip", "clip_norm"},
    {"clip_grad", "clip_norm"},
    {"context", "block_size"},
    {"context_length", "block_size"},
    {"context_size", "block_size"},
    {"ctx_len", "block_size"},
    {"d_model", "embedding_dim"},
    {"dataset", "data.path"},
    {"dropout", "dropout_hidden"},
    {"early_stopping", "eval.patience"},
    {"emb_size", "embedding_dim"},
    {"embed_dim", "embedding_dim"},
    {"embedding_size", "embedding_dim"},
    {"epoch", "steps"},
    {"epochs", "steps"},
    {"eps", "epsilon"},
    {"eta", "lr"},
    {"eval_every", "eval.every"},
    {"eval_interval", "eval.every"},
    {"generate", "sample"},
    {"grad_clip", "clip_norm"},
    {"gradient_clip", "clip_norm"},
    {"hidden_size", "hidden_dim"},
    {"hidden_units", "hidden_dim"},
    {"iterations", "steps"},
    {"iters", "steps"},
    {"l2", "weight_decay"},
    {"learning_rate", "lr"},
    {"log_interval", "log_every"},
    {"lr_scheduler", "lr_schedule"},
    {"max_grad_norm", "clip_norm"},
    {"max_iters", "steps"},
    {"max_steps", "steps"},
    {"max_vocab_size", "max_vocab"},
    {"model", "ckpt"},
    {"n_ctx", "block_size"},
    {"n_emb", "embedding_dim"},
    {"n_embd", "embedding_dim"},
    {"n_epochs", "steps"},
    {"n_hidden", "hidden_dim"},
    {"n_samples", "count"},
    {"ngram", "block_size"},
    {"num_epochs", "steps"},
    {"num_samples", "count"},
    {"out", "output"},
    {"out_dir", "run.dir"},
    {"output_dir", "run.dir"},
    {"rate", "lr"},
    {"restart", "fresh"},
    {"save_dir", "run.dir"},
    {"save_every", "checkpoint.every"},
    {"save_interval", "checkpoint.every"},
    {"seq_len", "block_size"},
    {"sequence_length", "block_size"},
    {"time_limit", "max_time"},
    {"tokenizer", "unit"},
    {"vocab_size", "max_vocab"},
    {"warmup_steps", "lr_warmup"},
    {"wd", "weight_decay"},
    {"window", "block_size"},
};

/* Decided before there is a config: how a text becomes a dataset. */
static const char *const of_dataset[][2] = {
    {"block_size", "--block-size of pack_dataset"},
    {"max_vocab", "--max-vocab of pack_dataset"},
    {"min_count", "--min-count of pack_dataset"},
    {"unit", "--unit of pack_dataset"},
};

size_t dp_nearest_distance(const char *a, const char *b) {
    enum { LIMIT = 64 };
    size_t rows[LIMIT + 1][LIMIT + 1];
    size_t length_a = strnlen(a, LIMIT);
    size_t length_b = strnlen(b, LIMIT);
    for (size_t i = 0; i <= length_a; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= length_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        for (size_t j = 1; j <= length_b; j++) {
            size_t replace = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            rows[i][j] = dp_size_min(replace, dp_size_min(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[i][j] = dp_size_min(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[length_a][length_b];
}

/* --- names and words ------------------------------------------------------------------------ */

/* What stands behind the section. */
static const char *without_section(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

/* The name's letters and digits alone, small: what is compared as a whole. */
static void squeeze(const char *name, char letters[NAME_SIZE]) {
    size_t length = 0;
    for (; *name != '\0' && length + 1 < NAME_SIZE; name++) {
        if (strchr("._-", *name) == NULL)
            letters[length++] = (char)tolower((unsigned char)*name);
    }
    letters[length] = '\0';
}

/* The next word of a name, small, and *at behind it; false where there is none. */
static bool next_word(const char **at, char word[NAME_SIZE]) {
    *at += strspn(*at, "._-");
    const size_t all = strcspn(*at, "._-"), length = dp_size_min(all, NAME_SIZE - 1);
    for (size_t i = 0; i < length; i++)
        word[i] = (char)tolower((unsigned char)(*at)[i]);
    word[length] = '\0';
    *at += all;
    return length > 0;
}

/* --- costs ---------------------------------------------------------------------------------- */

/* Words of three letters are too short to be misspelt: "dir" is not "dim". */
static size_t word_cost(const char *a, const char *b) {
    const size_t length_a = strlen(a), length_b = strlen(b);
    const size_t least = dp_size_min(length_a, length_b);
    const size_t edits = dp_nearest_distance(a, b);
    if (edits == 0)
        return 0;
    if (least >= 3 && strncmp(a, b, least) == 0)
        return SHORTENED;
    return edits <= dp_size_max(length_a, length_b) / 4 ? 2 * edits : FAR;
}

static size_t nearest_word(const char *word, const char *name) {
    char other[NAME_SIZE];
    size_t cost = FAR;
    while (next_word(&name, other))
        cost = dp_size_min(cost, word_cost(word, other));
    return cost;
}

static size_t count_words(const char *name) {
    char word[NAME_SIZE];
    size_t count = 0;
    while (next_word(&name, word))
        count++;
    return count;
}

/* Most of the letters given must be in words of the name. */
static size_t words_cost(const char *given, const char *name) {
    char word[NAME_SIZE];
    size_t cost = 0, found = 0, known = 0, unknown = 0;
    while (next_word(&given, word)) {
        const size_t nearest = nearest_word(word, name);
        cost += nearest == FAR ? UNKNOWN : nearest;
        found += nearest != FAR;
        *(nearest == FAR ? &unknown : &known) += strlen(word);
    }
    const size_t words = count_words(name);
    return known <= unknown ? FAR : cost + NOT_GIVEN * (words > found ? words - found : 0);
}

/* Whether the same letters stand in another order behind the first, as in "spets". */
static bool is_stirred(const char *a, const char *b) {
    int counts[256] = {0};
    for (; *a != '\0' && *a == *b; a++)
        b++;
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        counts[(unsigned char)*a]++;
        counts[(unsigned char)*b]--;
    }
    for (size_t i = 0; i < 256; i++) {
        if (counts[i] != 0)
            return false;
    }
    return *a == *b;
}

static size_t whole_cost(const char *given, const char *name) {
    char a[NAME_SIZE], b[NAME_SIZE];
    squeeze(given, a);
    squeeze(name, b);
    const size_t edits = dp_nearest_distance(a, b), longest = dp_size_max(strlen(a), strlen(b));
    const bool is_near = edits <= dp_size_max(1, longest / 4) || (a[0] == b[0] && is_stirred(a, b));
    return strlen(a) >= 2 && is_near ? 2 * edits : FAR;
}

static bool is_same(const char *a, const char *b) {
    char letters_a[NAME_SIZE], letters_b[NAME_SIZE];
    squeeze(a, letters_a);
    squeeze(b, letters_b);
    return strcmp(letters_a, letters_b) == 0;
}

static bool is_synonym(const char *given, const char *name) {
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++) {
        const char *const *pair = synonyms[i];
        if ((is_same(pair[0], given) || is_same(pair[0], without_section(given))) &&
            (strcmp(pair[1], name) == 0 || strcmp(pair[1], without_section(name)) == 0))
            return true;
    }
    return false;
}

/* Whether both names have a section, and not the same. */
static bool is_elsewhere(const char *given, const char *name) {
    const size_t length = strcspn(given, ".");
    return given[length] == '.' && strchr(name, '.') != NULL &&
           strncmp(given, name, length + 1) != 0;
}

static size_t cost_of(const char *given, const char *name) {
    const char *short_given = without_section(given), *short_name = without_section(name);
    size_t cost = FAR;
    if (given[0] == '\0')
        return FAR;
    if (is_same(given, name) || is_synonym(given, name))
        cost = 0;
    cost = dp_size_min(cost, whole_cost(short_given, short_name));
    cost = dp_size_min(cost, words_cost(short_given, short_name));
    return cost == FAR ? FAR : cost + (is_elsewhere(given, name) ? ELSEWHERE : 0);
}

void dp_nearest_offer(dp_nearest *self, const char *name) {
    const size_t cost = cost_of(self->given, name);
    if (cost == FAR || (self->count > 0 && cost > self->cost))
        return;
    if (self->count > 0 && cost < self->cost)
        self->count = 0;
    self->cost = cost;
    if (self->count < DP_NEAREST_MAX)
        self->names[self->count++] = name;
}

const char *dp_nearest_elsewhere(const char *given) {
    for (size_t i = 0; i < sizeof of_dataset / sizeof of_dataset[0]; i++) {
        const char *const *pair = of_dataset[i];
        if (is_same(pair[0], without_section(given)) || is_synonym(given, pair[0]))
            return pair[1];
    }
    return NULL;
}
