# shellcheck shell=sh
# disk-map.sh - finds the partitions of a raw disk in its bytes; read with `.`.
#
# MBR (with logical partitions: a chain of further MBRs), GPT (UEFI specification, 5.3), or a disk without
# partitions. Its work is bounded for any contents; it needs neither root nor a loop device.

# le FILE OFFSET BYTES: a little-endian number.
le() {
    od -An -v -tu1 -j "$2" -N "$3" "$1" |
        awk 'BEGIN { weight = 1 } { for (i = 1; i <= NF; i++) { n += $i * weight; weight *= 256 } }
            END { printf "%.0f", n }'
}

# mbr_entry FILE TABLE INDEX: sets type, start (in sectors).
mbr_entry() {
    type=$(le "$1" $(($2 + 446 + $3 * 16 + 4)) 1)
    start=$(le "$1" $(($2 + 446 + $3 * 16 + 8)) 4)
}

signed() { [ "$(hex "$1" $(($2 + 510)) 2)" = 55aa ]; }

# logical FILE START: the chain in an extended partition; a link is relative to its beginning.
logical() {
    table=$2
    number=5
    while [ "$number" -lt 64 ] && signed "$1" $((table * 512)); do
        mbr_entry "$1" $((table * 512)) 0
        [ "$type" = 0 ] || echo "$number $(((table + start) * 512))"
        number=$((number + 1))
        mbr_entry "$1" $((table * 512)) 1
        if [ "$type" = 0 ] || [ "$start" = 0 ]; then break; fi
        table=$(($2 + start))
    done
}

gpt() {
    entries=$(($(le "$1" 584 8) * 512))
    count=$(le "$1" 592 4)
    size=$(le "$1" 596 4)
    [ "$count" -le 128 ] || count=128
    number=1
    while [ "$number" -le "$count" ]; do
        start=$(le "$1" $((entries + (number - 1) * size + 32)) 8)
        [ "$start" = 0 ] || echo "$number $((start * 512))"
        number=$((number + 1))
    done
}

# partitions FILE: `number offset` in bytes, one a line; number 0 is the disk itself.
partitions() {
    echo '0 0'
    if [ "$(hex "$1" 512 8)" = 4546492050415254 ]; then
        gpt "$1"
        return
    fi
    signed "$1" 0 || return 0
    for index in 0 1 2 3; do
        mbr_entry "$1" 0 "$index"
        case $type in
        0) ;;
        5|15|133) logical "$1" "$start" ;;
        *) echo "$((index + 1)) $((start * 512))" ;;
        esac
    done
}
