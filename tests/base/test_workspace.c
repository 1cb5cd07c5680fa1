#include "base/workspace.h"

#include "support/expect.h"

typedef struct thing {
    size_t count;
    char *bytes;
    double *reals;
    uint32_t *nothing;
    float *matrix;
} thing;

enum { BYTES = 3, REALS = 9, ROWS = 5, WIDTH = 7 };

static void reserve(thing *self, dp_workspace *room) {
    DP_RESERVE(room, self->bytes, BYTES);
    DP_RESERVE(room, self->reals, REALS);
    DP_RESERVE(room, self->nothing, 0);
    DP_RESERVE_ROWS(room, self->matrix, ROWS, WIDTH);
}

/* Each array begins on a cache line and can be filled without an effect on another. */
static void expect_arrays(thing *self) {
    const void *const arrays[] = {self->bytes, self->reals, self->nothing, self->matrix};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        assert_non_null(arrays[i]);
        expect_unsigned((uintptr_t)arrays[i] % DP_ALIGNMENT, 0);
    }
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        self->matrix[i] = 1.0f;
    memset(self->bytes, 0xFF, BYTES);
    for (size_t i = 0; i < REALS; i++) {
        expect_close(self->reals[i], 0.0, 0.0);
        self->reals[i] = 2.0;
    }
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        expect_close((double)self->matrix[i], 1.0, 0.0);
}

static dp_status create(thing **created, dp_error *error) {
    thing self = {.count = 4};
    dp_workspace room = {0};
    reserve(&self, &room);
    DP_TRY_BUILD(*created, &room, self);
    return DP_OK;
}

static void test_workspace_puts_an_object_before_its_arrays(void **state) {
    (void)state;
    dp_error error = {0};
    thing *self = NULL;
    expect_ok(create(&self, &error), &error);
    expect_unsigned(self->count, 4);
    assert_true(self->bytes >= (char *)(self + 1));
    expect_arrays(self);
    dp_memory_free(self);
}

static void test_workspace_places_arrays_in_any_memory(void **state) {
    (void)state;
    static _Alignas(DP_ALIGNMENT) char memory[1024];
    dp_error error = {0};
    thing self = {0};
    dp_workspace room = {0};
    reserve(&self, &room);
    assert_in_range(room.bytes, 1, sizeof memory);
    assert_null(self.reals);
    dp_workspace_place(&room, memory);
    assert_true(self.bytes >= memory &&
                (char *)(self.matrix + ROWS * WIDTH) <= memory + room.bytes);
    expect_arrays(&self);
    void *block = dp_workspace_allocate(&room, &error);
    expect_arrays(&self);
    dp_memory_free(block);
}

static void test_workspace_refuses_sizes_that_overflow(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{SIZE_MAX, 1}, {SIZE_MAX / 8, 4}, {SIZE_MAX / 16, 8}};
    dp_error error = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        thing self = {0};
        dp_workspace room = {0};
        DP_RESERVE_ROWS(&room, self.matrix, sizes[i][0], sizes[i][1]);
        DP_RESERVE(&room, self.bytes, 1); /* after it, nothing makes that good */
        assert_null(dp_workspace_allocate(&room, &error));
        assert_int_equal(error.status, DP_ERR_MEMORY);
    }
    thing self = {0};
    dp_workspace many = {0};
    for (int i = 0; i < 8; i++) /* each might be there, but not all */
        DP_RESERVE(&many, self.bytes, SIZE_MAX / 4);
    assert_null(dp_workspace_allocate(&many, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workspace_puts_an_object_before_its_arrays),
        cmocka_unit_test(test_workspace_places_arrays_in_any_memory),
        cmocka_unit_test(test_workspace_refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests_name("workspace", tests, NULL, NULL);
}
