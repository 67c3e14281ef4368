"""Describes the extension ``harness.native._core`` to cffi (API mode)."""

from __future__ import annotations

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(
    """
    int gai_worker_main(void);
    """
)
ffibuilder.set_source(
    "harness.native._core",
    '#include "serve.h"\n',
    sources=["csrc/core.c", "csrc/libc.c", "csrc/view.c", "csrc/serve.c", "csrc/dispatch.c"],
    include_dirs=["csrc"],
    depends=["csrc/core.h", "csrc/view.h", "csrc/serve.h"],
    extra_compile_args=["-std=c11"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
