# More dimensions of the boot profiler's matrix, and its output for papers and other programs.
load helpers

# sector NAME: a boot sector of tests/guests/sector as $T/guest.qcow2, with a marker file. It boots in a tenth of a
# second.
sector() {
    "$ROOT/tests/guests/sector/build" "$1" "$T/guest.qcow2"
    printf 'progress kernel ^sec\nhint swap ^sector\nready there ^sector\n' >"$T/markers"
    chmod 644 "$T/guest.qcow2" "$T/markers"
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_VGA=none QEMU_DRIVE="$T/guest.qcow2"
}

profile() {
    "${ENV[@]}" "$VM" profile --warm-up 0 --markers "$T/markers" --until there --timeout 300 "$@"
}

@test "topologies, emulators, caches and TCG's threads are dimensions of the matrix; cells match by their values" {
    sector IDLE
    run -0 profile --cpus '1;2;sockets=2,cores=1' --archs i386,x86_64 --samples 1 --out "$T/p"
    jq -e '.cells == ["cpu_1_i386", "cpu_2_i386", "cpu_sockets-2-cores-1_i386", "cpu_1_x86-64", "cpu_2_x86-64",
        "cpu_sockets-2-cores-1_x86-64"] and
        (."cpu_sockets-2-cores-1_i386" | .cpus == 2 and .arch == "i386" and (.topology | contains("sockets=2"))) and
        (."cpu_2_i386".topology != ."cpu_sockets-2-cores-1_i386".topology) and
        (."cpu_sockets-2-cores-1_x86-64".speedup.ratio > 0) and
        all(.cells[] as $c | .[$c].samples[]; .status == "ok")' "$T/p/results.json"
    run -0 profile --cpus 2 --caches writeback,unsafe --aio threads --threads multi,single --samples 1 --out "$T/q"
    jq -e '[.cells[] as $c | .[$c] | "\(.cache) \(.threads) \(.aio)"] == ["writeback multi threads",
        "unsafe multi threads", "writeback single threads", "unsafe single threads"]' "$T/q/results.json"
    # The two cells differ only in the threads; the cells of p had no such option.
    run -65 vm profile compare "$T/p" "$T/q"
    assert_line --partial 'no cell in common'
    jq '(.cells[] as $c | .[$c].threads) = "multi"' "$T/p/results.json" >"$T/multi.json"
    run -0 vm profile compare "$T/multi.json" "$T/q"
    assert_line --regexp '^cpu_2_x86-64 .*; in B it is cpu_2_writeback_multi$'
}

@test "a thread for the disk, and pinning of virtual processors to host processors" {
    sector IDLE
    ENV+=(QEMU_DISK_BUS=virtio QEMU_EXTRA_ARGS='-name of-the-user')
    run -0 profile --cpus 1 --iothreads 0,1 --samples 1 --out "$T/io"
    jq -e '.cells == ["cpu_1_no-iothread", "cpu_1_iothread"] and .cpu_1_iothread.iothreads == "1" and
        all(.cells[] as $c | .[$c].samples[]; .status == "ok")' "$T/io/results.json"
    # More processors than the host has are left alone.
    run -0 profile --cpus "1,$(($(nproc) + 1))" --pin --samples 1 --out "$T/pin"
    jq -e --arg more "cpu_$(($(nproc) + 1))" '.run.pin and .cpu_1.samples[0].pinned == 1 and
        .[$more].samples[0].pinned == 0' "$T/pin/results.json"
    grep -q '^1 samples were not pinned: ' "$T/pin/report.txt"
    ENV+=(QEMU_DISK_BUS=ahci)
    run -78 profile --cpus 1 --iothreads 1 --out "$T/x"
    assert_line --partial '--iothreads 1: the disk is not attached by virtio-blk'
    run -78 profile --cpus 1 --threads single --accels kvm --out "$T/x"
    run -64 profile --cpus 1 --pin --jobs 2 --out "$T/x"
    assert_line --partial '--pin and --jobs'
    run -64 profile --threads many --out "$T/x"
    assert_line --partial 'not a value for --threads: many'
    run -78 profile --cpus 'sockets=x' --out "$T/x"
    assert_line --partial 'QEMU_SMP=sockets=x'
    [ ! -e "$T/x" ]
}

@test "the pictures compile in LaTeX, follow Vega-Lite's schema, and name every series" {
    sector IDLE
    run -0 profile --cpus 1,2,4 --ram 64,96 --samples 3 --out "$T/p"
    # An outlier, names that TeX would take for its own, and a cell without any sample.
    jq '.run.guest = "a_b & 50%" | .cpu_1_64.samples[0].total_ms = 9999 |
        .cpu_4_96.samples |= map(.status = "timeout")' "$T/p/results.json" >"$T/odd.json"
    mv "$T/odd.json" "$T/p/results.json"
    run -0 vm profile report "$T/p"
    cat >"$T/doc.tex" <<'END'
\documentclass{article}
\usepackage{pgfplots} \usepgfplotslibrary{statistics} \pgfplotsset{compat=1.17}
\begin{document}
\noindent\input{p/timeline} \clearpage \noindent\input{p/boxes} \clearpage \noindent\input{p/speedup}
\end{document}
END
    cd "$T"
    run -0 pdflatex -interaction=nonstopmode -halt-on-error doc.tex
    assert_output --regexp 'Output written on doc.pdf \(3 pages'
    refute_output --partial 'Overfull'
    for words in '1 CPU, 64 MiB' '4 CPUs, 96 MiB'; do
        for picture in timeline.tex boxes.tex timeline.svg boxes.svg; do grep -qF "$words" "p/$picture"; done
    done
    # Both memory sizes have a line in the speed-up with all their points.
    assert_equal "$(grep -c '^\\addplot+' p/speedup.tex)" 2
    grep -qF '\addlegendentry{96 MiB}' p/speedup.tex
    assert_equal "$(grep -c '<circle.* times as fast' p/speedup.svg)" 5
    jq -e '."$schema" == "https://vega.github.io/schema/vega-lite/v5.json" and (.vconcat | length) == 3 and
        all(.vconcat[]; (.data.values | length) > 0) and (.vconcat[1].data.values | length) == 15 and
        ([.vconcat[0].data.values[] | .ends >= .begins] | all)' p/charts.vl.json
    grep -qF '| 2 CPUs, 64 MiB | 3 | 0 |' p/report.md
    grep -qF -- '- The slowest phase is ' p/report.md
    vm profile compare p p --svg >"$T/compared.svg"
    xmllint --noout "$T/compared.svg"
    assert_equal "$(grep -c '<circle.*mean' "$T/compared.svg")" 10
}

@test "milestones, hints, and the file names of the papers" {
    sector IDLE
    printf '{"cpu_1": 1}' >"$T/baseline"
    run -0 profile --cpus 1 --samples 2 --baseline "$T/baseline" --names paper --out "$T/p"
    grep -qE '^  T\+[0-9.]+s  first kernel message +median .*, 2 samples$' "$T/p/milestones.txt"
    grep -qxF '  warning: swap, in 2 of 2 boots' "$T/p/milestones.txt"
    jq -e '.cpu_1.whitepaper_comparison.status == "NEEDS_VALIDATION" and (.cpu_1 | has("comparison") | not)' \
        "$T"/p/phase-7-5-results-*Z.json
    cmp "$T"/p/phase-7-5-report-*Z.txt "$T/p/report.txt"
    set -- "$T"/p/boot-1cpu-*Z.log
    assert_equal $# 2
    grep -q sector "$1"
    # Each row of the CSV has its host and what was seen on the way.
    assert_equal "$(python3 -c 'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
print([(row["host"], row["hints"], float(row["total_ms"]) > 0) for row in rows])' "$T/p/results.csv")" \
        "[('$(uname -n)', 'swap', True), ('$(uname -n)', 'swap', True)]"
    # Such a file is a report, too.
    run -0 vm profile compare "$T/p" "$T"/p/phase-7-5-results-*Z.json
    # What the Alpine paper saw is told by the markers of linux.
    printf '%s\n' ' * Starting mdev ... [ ok ]' 'swapon: /dev/vda2: Invalid argument' 'mdev: unknown user' >"$T/console"
    vm markers --match linux <"$T/console" >"$T/matched"
    assert_equal "$(cat "$T/matched")" $'1 progress mdev\n2 hint swap\n3 hint mdev'
}
