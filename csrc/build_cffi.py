"""Describes the extension ``harness.native._core`` to cffi (API mode)."""

from __future__ import annotations

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(
    """
    struct gai_buffer { uint8_t *data; size_t length; size_t capacity; };
    struct gai_query {
        const char *name;
        const char *service;
        int32_t family;
        int32_t socktype;
        int32_t protocol;
        int32_t flags;
    };
    int gai_lookup(const struct gai_query *query, struct gai_buffer *buffer);
    void gai_buffer_free(struct gai_buffer *buffer);
    int gai_session_main(uint32_t session, int parent);
    int gai_worker_main(void);
    """
)
ffibuilder.set_source(
    "harness.native._core",
    '#include "core.h"\n#include "serve.h"\n',
    sources=["csrc/core.c", "csrc/view.c", "csrc/serve.c", "csrc/dispatch.c"],
    include_dirs=["csrc"],
    depends=["csrc/core.h", "csrc/view.h", "csrc/serve.h"],
    extra_compile_args=["-std=c11"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
