# The fields of qcow2 images: each invalid one with its exact message, fix and exit status; and our verdict
# compared with QEMU's on every field of every kind of image (tests/qcow2-compare).
load helpers
load images

@test "header: magic, version, lengths and features" {
    poked 0 51464900 '@ is not a qcow2 image, but of no known format' \
        'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    poked 4 00000001 '@ is a qcow image of version 1; 2 and 3 can be used' "$TRUST"
    poked 4 00000004 '@: version (at byte 4) is 4, must be 2 or 3' "$BROKEN"
    poked 20 00000008 '@: cluster_bits (at byte 20) is 8, must be 9 to 21' "$BROKEN"
    poked 20 00000016 '@: cluster_bits (at byte 20) is 22, must be 9 to 21' "$BROKEN"
    local length='must be a multiple of 8 from 104 to the cluster size'
    poked 100 00000060 "@: header_length (at byte 100) is 96, $length" "$BROKEN"
    poked 100 00000069 "@: header_length (at byte 100) is 105, $length" "$BROKEN"
    poked 100 00010008 "@: header_length (at byte 100) is 65544, $length" "$BROKEN"
    poked 96 00000007 '@: refcount_order (at byte 96) is 7, must be 0 to 6' "$BROKEN"
    poked 79 20 '@: incompatible_features (at byte 72) has the unknown bits 0x20' "$BROKEN"
    poked 72 80 '@: incompatible_features (at byte 72) has the unknown bits 0x8000000000000000' "$BROKEN"
    poked 79 02 '@: its corrupt bit (at byte 72) is set; QEMU found it damaged before' \
        'make a copy, then: qemu-img check -r all FILE'
    poked 79 08 '@: compression_type (at byte 104) is 0 and feature bit 3 is set' "$BROKEN"
    poked 104 01 '@: compression_type (at byte 104) is 1 and feature bit 3 is not set' "$BROKEN"
    poked 104 02 '@: compression_type (at byte 104) is 2, must be 0 (zlib) or 1 (zstd)' "$BROKEN"
    poked 32 00000001 '@: it is encrypted: crypt_method (at byte 32) is 1' "$TRUST"
    poked 32 00000002 '@: it is encrypted: crypt_method (at byte 32) is 2' "$TRUST"
    poked 32 00000003 '@: crypt_method (at byte 32) is 3, must be 0' "$BROKEN"
}

@test "header: sizes and offsets of tables" {
    poked 24 8000000000000000 '@: size (at byte 24) is 9223372036854775808, must be below 2^63' "$BROKEN"
    poked 24 0000008000000000 \
        '@: l1_size (at byte 36) is 1, must be at least 1024 for a disk of 549755813888 bytes' "$BROKEN"
    poked 36 00000000 '@: l1_size (at byte 36) is 0, must be at least 1 for a disk of 67108864 bytes' "$BROKEN"
    poked 36 00400001 '@: l1_size (at byte 36) is 4194305, must be at most 4194304' "$BROKEN"
    local bytes=40 name='the L1 table (at byte 40)' size=8
    for _ in L1 refcounts; do
        poked $bytes 0000000000000000 "@: $name is at offset 0, where the header is" "$BROKEN"
        poked $bytes 0000000000030200 \
            "@: $name at offset 197120 is not at a multiple of the cluster size 65536" "$BROKEN"
        poked $bytes 8000000000000000 \
            "@: $name at offset 9223372036854775808, $size bytes, ends beyond 2^63" "$BROKEN"
        poked $bytes 0000000000150000 \
            "@ is truncated: $name ends at byte $((0x150000 + size)), and the file has 1376256" "$BROKEN"
        bytes=48 name='the refcount table (at byte 48)' size=65536
    done
    poked 56 00000000 '@: refcount_table_clusters (at byte 56) is 0, must be 1 to 128' "$BROKEN"
    poked 56 00000081 '@: refcount_table_clusters (at byte 56) is 129, must be 1 to 128' "$BROKEN"
    poked 60 00010001 '@: nb_snapshots (at byte 60) is 65537, must be at most 65536' "$BROKEN"
    poked 60 00000001 '@: the snapshot table (at byte 64) is at offset 0, where the header is' "$BROKEN"
    poked 60 000000010000000000150000 \
        '@ is truncated: the snapshot table (at byte 64) ends at byte 1376296, and the file has 1376256' "$BROKEN"
    poked 64 0000000000000001 \
        '@: the snapshot table (at byte 64) at offset 1 is not at a multiple of the cluster size 65536' "$BROKEN"
    poked 0x30000 8000000000040200 \
        '@: entry 0 of the L1 table, 262656, is not at a multiple of the cluster size 65536' "$BROKEN"
    poked 0x10000 0000000000150000 \
        '@ is truncated: entry 0 of the refcount table points to byte 1376256, and the file has 1376256' "$AGAIN"
}

@test "header: backing name and extensions" {
    local where='must be from 112, behind the header, to 65536, in the first cluster'
    poked 8 000000000000000800000001 "@: backing_file_offset (at byte 8) is 8, $where" "$BROKEN"
    poked 8 000000000001000100000001 "@: backing_file_offset (at byte 8) is 65537, $where" "$BROKEN"
    local size='must be at most 1023 and end in the first cluster'
    poked 8 000000000000030000000400 "@: backing_file_size (at byte 16) is 1024, $size" "$BROKEN"
    poked 8 000000000000fff000000020 "@: backing_file_size (at byte 16) is 32, $size" "$BROKEN"
    poked 8 000000000000030000000004 "@: the backing file's name has a zero byte" "$BROKEN"
    poked 8 000000000000012000000000 \
        '@: header extension 0x6803f857 of 384 bytes at byte 112 leaves the header' "$BROKEN"
    poked 116 ffffffff \
        '@: header extension 0x6803f857 of 4294967295 bytes at byte 112 leaves the header' "$BROKEN"
    poked 112 e2792aca "@: the backing format's name has 384 bytes, must have at most 15" "$BROKEN"
    poked 112 23852875 '@: its bitmaps extension has 384 bytes, must have 24' "$BROKEN"
    poked 112 0537be77 '@: it is encrypted' "$TRUST"
}

@test "external data files are refused: by each of the three marks, and one made by qemu-img" {
    local text='by which an image can read any file of the host'
    poked 112 44415441 "@: it names an external data file, $text" "$TRUST"
    poked 79 04 "@: its data lie in an external file, $text" "$TRUST"
    poked 95 02 "@: its data lie in an external file, $text" "$TRUST"
    image -o "data_file=$T/images/data,data_file_raw=on"
    refused 65 "$F: its data lie in an external file, $text" "$TRUST"
    refused 65 "$F: its data lie in an external file, $text" "$TRUST" VM_FORCE=1
}

@test "truncated downloads, cut at every part of the file; an empty file; a file of zeros" {
    cut_at 0 '@ is empty' "$AGAIN"
    cut_at 3 '@ is not a qcow2 image, but of no known format' 'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    cut_at 71 '@ is truncated in the header: 71 bytes of 72' "$BROKEN"
    cut_at 103 '@ is truncated in the header: 103 bytes of 104' "$BROKEN"
    cut_at 0x10000 '@ is truncated: the L1 table (at byte 40) ends at byte 196616, and the file has 65536' "$BROKEN"
    cut_at 0x30007 '@ is truncated: the L1 table (at byte 40) ends at byte 196616, and the file has 196615' "$BROKEN"
    cut_at 0x40000 '@ is truncated: entry 0 of the L1 table points to byte 262144, and the file has 262144' "$AGAIN"
    local data="$AGAIN; after a crash of the host: VM_FORCE=1"
    cut_at 0x50000 '@ is truncated: entry 0 of L2 table 0 points to byte 327680, and the file has 327680' "$data"
    cut_at 0x140000 '@ is truncated: entry 15 of L2 table 0 points to byte 1310720, and the file has 1310720' "$data"
    accepted VM_FORCE=1
    truncate -s 0 "$F"
    truncate -s 1M "$F"
    refused 65 "$F is not a qcow2 image: its first 36864 bytes are zeros" "$AGAIN"
}

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
