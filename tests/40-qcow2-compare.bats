# Our verdict on broken qcow2 images against QEMU's: every field of every kind of image (tests/qcow2-compare).
load helpers

agrees() {
    run -0 "$ROOT/tests/qcow2-compare" "$VM" "$T" "$@"
    refute_line --regexp '^not ok'
}

@test "headers of version 3" { agrees v3; }
@test "headers of version 2" { agrees v2; }
@test "features: extended L2, zstd, lazy refcounts, preallocation" { agrees extended zstd lazy prealloc; }
@test "cluster sizes and refcount widths" { agrees large small refcount1 refcount64; }
@test "snapshots" { agrees snapshots; }
@test "bitmaps" { agrees bitmaps; }
@test "backing files" { agrees backing; }
