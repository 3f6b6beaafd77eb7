# Bisecting a kernel by its console output: git bisect run, make, vm script --boot.
load helpers

# A repository of a small multiboot kernel in $T/kernel with seven commits. Number 3 does not build, number 5 breaks
# the kernel. The script for `git bisect run` is that of docs/lab.md.
repository() {
    mkdir "$T/kernel"
    cd "$T/kernel"
    git init -q -b main
    git config user.name 'A. Kernel Writer'
    git config user.email writer@example.org
    cat >kernel.S <<'END'
	.section .multiboot, "a"
	.long 0x1badb002, 0, -0x1badb002
	.text
	.globl _start
_start:	mov $text, %esi
1:	lodsb
	test %al, %al
	jz 2f
	mov $0x3f8, %dx
	outb %al, %dx
	jmp 1b
2:	cli
	lidt idt
	int3
3:	hlt
	jmp 3b
idt:	.word 0
	.long 0
text:	.asciz "kernel: memory, timer\nlogin: "
END
    cat >Makefile <<'END'
kernel: kernel.S
	gcc -m32 -c -o kernel.o kernel.S
	ld -m elf_i386 -Ttext 0x100000 --section-start .multiboot=0xff000 -o $@ kernel.o
END
    printf 'kernel\nkernel.o\n' >.gitignore
    cat >boot.vm <<'END'
timeout 20
fail panic
expect timer
expect login:
END
    sed -i 's/^\tint3$/\tnop/' kernel.S
    commit first
    sed -i 's/memory/64 MiB/' kernel.S
    commit 'say how much'
    sed -i 's/\tcli$/\tcil/' kernel.S
    commit 'wait with interrupts off'
    sed -i 's/\tcil$/\tcli/' kernel.S
    commit 'mend the build'
    sed -i 's/^\ttest %al, %al$/\tcmp $0x2c, %al/; s/^\tnop$/\tint3/' kernel.S
    commit 'stop at a comma'
    sed -i 's/64 MiB/128 MiB/' kernel.S
    commit 'say more'
    echo '# to do' >>kernel.S
    commit 'a note'
}

commit() {
    git add -A
    git commit -qm "$1"
}

@test "git bisect run finds the commit that broke a kernel" {
    repository
    host_env VM_GUEST=generic QEMU_RAM=32 QEMU_NET=none VM_IMAGE_DIR="$T/images" QEMU_KERNEL="$T/kernel/kernel"
    printf '#!/bin/sh\nmake -s kernel || exit 125\nexec %s script --boot boot.vm\n' \
        "$(printf '%q ' "${ENV[@]}") $VM" >"$T/try"
    chmod 755 "$T/try"
    git bisect start HEAD HEAD~6
    run -0 git bisect run "$T/try"
    assert_output --partial 'is the first bad commit'
    assert_equal "$(git show -s --format=%s refs/bisect/bad)" 'stop at a comma'
    # The output of the broken one: it ran, and its fault is not a clean end.
    assert_output --partial 'the guest panicked: triple fault at EIP='
    git bisect reset >/dev/null 2>&1
    # A commit that does not build or boot is skipped.
    git checkout -q main~4
    run -125 "$T/try"
    git checkout -q main
    echo nothing >kernel
    touch kernel
    run -125 "$T/try"
    assert_output --partial 'vm: error: the guest was not started'
}

@test "vm script --boot: a good one, a bad one and a second guest; nothing is left behind" {
    repository
    git checkout -q main~3
    make -s kernel
    host_env VM_GUEST=generic QEMU_RAM=32 QEMU_NET=none QEMU_KERNEL="$T/kernel/kernel"
    run -0 vm script --boot boot.vm
    assert_output --partial 'login: '
    printf 'timeout 1\nexpect never\n' >"$T/never"
    run -1 vm script --quiet --boot "$T/never"
    run -64 vm script --boots "$T/never"
    # git bisect run would take 64 or 66 as bad.
    printf 'timeout 1\nexpekt never\n' >"$T/wrong"
    run -125 vm script --boot "$T/wrong"
    assert_line --partial "vm: error: $T/wrong:2: unknown step"
    run -64 vm script "$T/wrong"
    printf '\0' >"$T/binary"
    run -125 vm script --boot "$T/binary"
    run -125 vm script --boot "$T/none"
    assert_line "vm: error: $T/none: No such file or directory"
    run -125 vm script --boot --junit "$T/none/report.xml" "$T/never"
    [ ! -e "$T/run/control.sock" ]
    host_vm VM_START_PAUSED=1
    wait_until 30 vm status
    run -64 vm script --boot boot.vm
    assert_output --partial 'a guest runs here already'
    run -0 vm stop
}

@test "docker run IMAGE script --boot: one container is one test" {
    repository
    git checkout -q main~3
    make -s kernel
    chmod 755 "$T/kernel"
    CONTAINERS=("$ID-good" "$ID-bad")
    try() {
        docker run --name "$ID-$1" "${SAFE[@]}" -v "$T/kernel:/kernel:ro" -e VM_GUEST=generic -e QEMU_RAM=32 \
            -e QEMU_KERNEL=/kernel/kernel "$IMAGE" script --boot /kernel/boot.vm
    }
    run -0 try good
    git checkout -q main
    make -s kernel
    run -69 try bad
    assert_output --partial 'triple fault'
}
