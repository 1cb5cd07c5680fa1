/* A text or table for pack_dataset, behind two bytes that choose the options: it is refused, or the
 * dataset that comes of it is whole. */
#include "fuzz.h"
#include "pack/packing.h"

static void expect_whole(const char *path, const dp_packing *packing) {
    dp_error error = {0};
    dp_dataset dataset;
    fuzz_demand(dp_dataset_open(&dataset, path, &error) == DP_OK);
    fuzz_demand(dp_dataset_check(&dataset, 0, 1, &error) == DP_OK);
    fuzz_demand(dataset.vocabulary.count == packing->vocab);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        fuzz_demand(dp_dataset_rows(&dataset, (dp_split)split) == packing->rows[split]);
    dp_dataset_close(&dataset);
}

static void choose(dp_packing_request *request, const uint8_t *options) {
    static const char *const boundaries[] = {".", "a", "\xC3\xA9", "\n"};
    snprintf(request->boundary, sizeof request->boundary, "%s", boundaries[options[0] % 4]);
    request->folding = (dp_folding){(options[1] & 4u) != 0, (dp_normal_form)(options[1] / 128u)};
    request->stream = (options[1] & 8u) != 0;
    if ((options[0] & 0x30u) != 0) /* a column, by its number or name */
        request->column = (options[0] & 0x10u) != 0 ? "2" : "b";
    else
        request->more_count = (options[0] & 0x40u) != 0; /* the same text again */
    request->separator = (options[0] & 0x50u) == 0x10u ? '\t' : ',';
    if ((options[0] & 0x80u) == 0) {
        const bool weighs = (options[1] & 16u) != 0 && !request->stream;
        request->column = weighs ? "2" : request->column;
        request->weight_column = weighs ? "1" : NULL;
        request->unique = (options[1] & 32u) != 0 && !request->stream;
        return;
    }
    request->unit = DP_UNIT_WORD;
    request->words = (dp_packing_words){.min_count = 1u + (options[1] & 1u),
                                        .max_vocab = (options[1] & 2u) != 0 ? 5 : 0,
                                        .no_eol = (options[1] & 16u) != 0,
                                        .vocab_from = (options[1] & 32u) != 0 ? DP_VOCAB_FROM_TRAIN
                                                                              : DP_VOCAB_FROM_ALL};
    if ((options[1] & 64u) != 0)
        request->split_tokens = (dp_option_unsigned_list){.count = 2, .values = {5, 3}};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dp_packing_request request; /* large: paths */
    char text[DP_PATH_SIZE], output[DP_PATH_SIZE];
    const char *const more[] = {text};
    dp_packing packing;
    dp_error error = {0};
    if (size < 2)
        return 0;
    snprintf(text, sizeof text, "%s", fuzz_path("text"));
    snprintf(output, sizeof output, "%s", fuzz_path("packed"));
    fuzz_write(text, data + 2, size - 2);
    fuzz_demand(dp_packing_request_init(&request, text, output, 1 + data[0] / 4u % 4, &error) ==
                DP_OK);
    request.more = more;
    request.threads = 1 + size % 3;
    choose(&request, data);
    dp_status status = dp_packing_run(&packing, &request, NULL, &error);
    if (status == DP_OK)
        expect_whole(output, &packing);
    else
        fuzz_check_error(status, &error);
    unlink(output);
    unlink(text);
    return 0;
}
