# Builds a program of the checkout that this layer is part of.
#
# Not externalsrc: it hashes the folder of the repository that bitbake builds in, builds included, and is parsed anew each
# time. The local fetcher hashes just these entries, so that what is built once comes from the shared state.

# aws-lc, the sound codec and the bindings of V4L2 are built by build scripts.
DEPENDS += "clang-native cmake-native"

inherit cargo doorway_crates doorway_version

# The tests too: the workspace's manifest names them, and cargo wants each member whole.
SRC_URI = "file://.cargo;subdir=doorway \
           file://Cargo.lock;subdir=doorway \
           file://Cargo.toml;subdir=doorway \
           file://board;subdir=doorway \
           file://firmware/Cargo.toml;subdir=doorway \
           file://firmware/core;subdir=doorway \
           file://firmware/doorway.toml;subdir=doorway \
           file://firmware/src;subdir=doorway \
           file://firmware/systemd;subdir=doorway \
           file://hil-tests/Cargo.toml;subdir=doorway \
           file://hil-tests/src;subdir=doorway \
           file://hil-tests/tests;subdir=doorway \
           file://signaling/proto;subdir=doorway \
           file://signaling/server;subdir=doorway \
           file://signaling/systemd;subdir=doorway \
           file://signaling/web/static;subdir=doorway \
           "

S = "${UNPACKDIR}/doorway"

# nooelint: oelint.vars.bbvars.FILESPATH - the sources are not beside a recipe, and nowhere else either
FILESPATH = "${DOORWAY_SOURCE}"
CARGO_LOCK_PATH = "${S}/Cargo.lock"

export LIBCLANG_PATH = "${STAGING_LIBDIR_NATIVE}"
BINDGEN_EXTRA_CLANG_ARGS = "${HOST_CC_ARCH}${TOOLCHAIN_OPTIONS} --target=${TARGET_SYS}"
export BINDGEN_EXTRA_CLANG_ARGS

# Split into the -dbg package by bitbake, not thrown away by cargo.
export CARGO_PROFILE_RELEASE_STRIP = "none"
export CARGO_PROFILE_RELEASE_DEBUG = "line-tables-only"

# .cargo/config.toml is looked for from the working folder upwards.
do_compile[dirs] = "${B} ${S}"

# What the daemon says that it was built from.
export DOORWAY_COMMIT
