/* Lookups of many kinds, with the memory running out at every possible place, under the leak
 * checker: nothing may be lost, and each failure must be a whole record or a clean refusal.
 * Linked with --wrap=realloc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

static int left;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
    return left-- > 0 ? __real_realloc(old, size) : NULL;
}

int main(void)
{
    /* AI_CANONNAME with a long name makes the record outgrow its first allocation. */
    char name[800];
    memset(name, '0', sizeof name);
    memcpy(name + sizeof name - 2, "1", 2);
    const struct gai_query queries[] = {
        {"127.0.0.1", "80", 0, 0, 0, 0, 0},
        {name, NULL, 0, 0, 0, 0x0004 | 0x0002, 0},
        {"fe80::1%lo", NULL, 0, 0, 0, 0, 0},
        {NULL, NULL, 0, 0, 0, 0, 0},
        {"x", NULL, 99, 0, 0, 0, 0},
        {NULL, "80", 0, 0, 0, 1, 0},
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        for (int allowed = 0; allowed < 4; allowed++) {
            struct gai_buffer buffer = {0};
            left = allowed;
            int result = gai_lookup(&queries[i], &buffer);
            int eai = result == 0 ? (int)gai_get32(buffer.data + 1) : 0;
            printf("%zu %d %d %d %zu\n", i, allowed, result, eai, buffer.length);
            gai_buffer_free(&buffer);
        }
    }
    struct gai_buffer buffer = {0};
    left = 100;
    for (int i = 0; i < 1000; i++)
        if (gai_lookup(&queries[0], &buffer) != 0)
            return 1;
    printf("appended %zu\n", buffer.length);
    gai_buffer_free(&buffer);
    if (gai_buffer_reserve(&buffer, SIZE_MAX) == 0)
        return 1;
    gai_buffer_free(&buffer);
    return 0;
}
