/* token_question: the frame of commands that ask a checkpoint about tokens, `[PATH] WHAT`. */
#ifndef DP_CLI_TOKEN_QUESTION_H
#define DP_CLI_TOKEN_QUESTION_H

#include "options/options.h"
#include "parallel/comm.h"
#include "run/checkpoint.h"

/* Appends the answer, of at most `count` tokens, to what the user has written for WHAT: the rest of
 * a line that has begun with the checkpoint and what follows it, or the keys of a JSON object that
 * has been begun. Called on rank 0. */
typedef dp_status dp_token_answer(const dp_checkpoint *checkpoint, const char *text, uint64_t count,
                                  bool json, dp_text *out, dp_error *error);

/* --ckpt, --count and --json. */
extern const dp_option dp_token_question_options[];

/* Collective: what such a command does with its arguments. Rank 0 prints. */
dp_status dp_token_question_run(dp_comm *comm, int count, char **arguments, const char *what,
                                dp_token_answer *answer, dp_error *error) DP_CHECKED;

#endif
