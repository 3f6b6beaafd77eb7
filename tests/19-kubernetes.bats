# deploy/kubernetes/: rendered by kubectl and kustomize, checked against the published API, and run by rootless
# `podman kube play`; all of these are Debian 13's, in a container. Network: the package mirror.
# Not tested: a cluster. Podman has no StatefulSet (tests/kubernetes/manifests.py makes pods and claims as the
# controller would), runs probes by systemd's timers (here they are run one by one), and supports no preStop (its
# command is run here), NetworkPolicy or PodDisruptionBudget.
load helpers
load podman

setup_file() {
    export WARM=hurd-vm:bats-$$-kubernetes
    make -s -C "$ROOT" image GUEST=mach-mini WARM=1 NAME="${WARM#*:}" TAG="${TAG:-latest}" \
        SETTINGS='QEMU_ACCEL=tcg' >"$BATS_FILE_TMPDIR/bake" 2>&1 3>&- &
    local bake=$!
    podman_host hv$$-kubernetes kubectl kustomize python3-kubernetes python3-yaml
    wait "$bake" || {
        cat "$BATS_FILE_TMPDIR/bake" >&2
        return 1
    }
    podman_load "$IMAGE" "$WARM"
    # The changes of a site, in a kustomization of its own: images and settings.
    as_user mkdir -p site profile
    as_user sh -c 'cat >site/kustomization.yaml' <<END_OF_FILE
resources: [../../../src/deploy/kubernetes/base]
namespace: hurd-vm
images:
  - {name: hurd-vm, newName: localhost/hurd-vm}
configMapGenerator:
  - name: hurd-settings
    behavior: merge
    literals: [QEMU_ACCEL=tcg, QEMU_RAM=128]
  - name: guest-settings
    behavior: merge
    literals: [QEMU_RAM=128]
patches:
  - target: {kind: StatefulSet}
    patch: |-
      - {op: replace, path: /spec/template/spec/containers/0/image, value: localhost/$IMAGE}
  - target: {kind: Deployment}
    patch: |-
      - {op: replace, path: /spec/template/spec/containers/0/image, value: localhost/$WARM}
END_OF_FILE
    as_user sh -c 'cat >profile/kustomization.yaml' <<END_OF_FILE
resources: [../../../src/deploy/kubernetes/overlays/profile]
namespace: hurd-vm
configMapGenerator:
  - name: profile-settings
    behavior: merge
    literals: [QEMU_ACCEL=tcg, SHARDS=2, PROFILE=--cpus 1 --samples 4 --warm-up 0 --until kernel]
images:
  - {name: hurd-vm, newName: localhost/hurd-vm, newTag: ${IMAGE#*:}}
patches:
  - target: {kind: Job, name: profile}
    patch: |-
      - {op: replace, path: /spec/completions, value: 2}
END_OF_FILE
    as_user sh -c 'kubectl kustomize site >site.yaml; kubectl kustomize profile >profile.yaml'
}

teardown_file() {
    podman_host_gone
    docker rmi "$WARM" >/dev/null 2>&1 || :
}

teardown() {
    [ -n "$BATS_TEST_COMPLETED" ] || as_user podman logs --tail 40 -l || :
    as_user sh -c 'podman pod rm -f -a -t 5; podman volume rm -f -a' >/dev/null 2>&1 || :
    vm_teardown
}

manifests() {
    as_user python3 -B /src/tests/kubernetes/manifests.py "$@"
}

# run_probe CONTAINER KIND NAME PROBE: run the manifest's probe command in the container, as the kubelet does.
run_probe() {
    local -a command
    mapfile -t command < <(manifests probe "$2" "$3" "$4" <"$T/site.yaml")
    as_user podman exec "$1" "${command[@]}"
}

site() {
    as_user cat site.yaml >"$T/site.yaml"
}

# The exit status of a container that has ended, and its last line about the guest.
ended_cleanly() {
    run -0 as_user podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"
    assert_output 'exited 0'
}

@test "kubectl and kustomize render base, overlay and component identically, and every object matches the API" {
    local dir
    for dir in base overlays/kvm overlays/profile; do
        run -0 as_user kubectl kustomize "/src/deploy/kubernetes/$dir"
        echo "$output" >"$T/rendered"
        as_user kustomize build "/src/deploy/kubernetes/$dir" | diff "$T/rendered" -
        run -0 manifests schema <"$T/rendered"
        run -0 manifests restricted <"$T/rendered"
    done
    run -0 as_user kubectl kustomize /src/deploy/kubernetes/overlays/kvm
    assert_equal "$(grep -c '^ *devices.kubevirt.io/kvm: "1"$' <<<"$output")" 2
    site
    run -0 manifests schema <"$T/site.yaml"
}

@test "docs/deploy.md: a kustomization of a site's own" {
    as_user mkdir -p page
    sed -n '/^```yaml$/,/^```$/p' "$ROOT/docs/deploy.md" | sed '/^```/d; s#\[\.\./hurd-vm/#[../../../src/#' |
        as_user sh -c 'cat >page/kustomization.yaml'
    as_user kubectl kustomize page >"$T/page.yaml"
    run -0 manifests schema <"$T/page.yaml"
    run -0 manifests restricted <"$T/page.yaml"
    run -0 manifests object StatefulSet hurd <"$T/page.yaml"
    assert_line --partial 'image: registry.example/hurd-vm:hurd'
    assert_line '  replicas: 5'
    run -0 grep -E 'QEMU_RAM|VM_STOP:' "$T/page.yaml"
    assert_line --partial 'QEMU_RAM: "2048"'
    assert_line --partial 'VM_STOP: suspend'
}

@test "the checks of the manifests find errors" {
    as_user kubectl kustomize /src/deploy/kubernetes/base >"$T/base"
    local from to says
    while IFS='|' read -r from to says; do
        sed "s#$from#$to#" "$T/base" >"$T/wrong"
        run ! cmp -s "$T/base" "$T/wrong"
        run -1 manifests "${says%%:*}" <"$T/wrong"
        assert_output --partial "${says#*:}"
    done <<'END_OF_LIST'
terminationGracePeriodSeconds: 180|terminationGracePeriod: 180|schema:unknown field terminationGracePeriod
failureThreshold: 300|failureThreshold: "300"|schema:'300' is no int
serviceName: hurd|replicas: 2|schema:`service_name`
kind: PodDisruptionBudget|kind: PodDisruptionBudgets|schema:policy/v1 has no PodDisruptionBudgets
runAsNonRoot: true|runAsNonRoot: false|restricted:may be root
type: RuntimeDefault|type: Unconfined|restricted:no seccomp profile
emptyDir:|hostPath:|restricted:volume
readOnlyRootFilesystem: true|readOnlyRootFilesystem: false|restricted:the root file system
VM_STOP_TIMEOUT: "150"|VM_STOP_TIMEOUT: "175"|restricted:terminationGracePeriodSeconds is not above
END_OF_LIST
}

@test "the StatefulSet's pod: probes, no privileges, a disk that the next pod gets, a clean stop" {
    site
    manifests pod StatefulSet hurd 1 <"$T/site.yaml" >"$T/pod.yaml"
    run -0 as_user podman kube play - <"$T/pod.yaml"
    C=hurd-1-vm
    wait_until 60 run_probe "$C" StatefulSet hurd startupProbe
    run -0 run_probe "$C" StatefulSet hurd readinessProbe
    run -0 run_probe "$C" StatefulSet hurd livenessProbe
    # The probe as podman has read it from the manifest.
    run -0 as_user podman healthcheck run "$C"
    run -0 as_user podman exec "$C" sh -c 'cat /proc/1/status; mkdir /x 2>&1; cd /disk && echo mine >mine && ls'
    assert_line --regexp '^Uid:.107.107.107.107$'
    assert_line --regexp '^CapEff:.0000000000000000$'
    assert_line --regexp '^CapBnd:.0000000000000000$'
    assert_line --regexp '^NoNewPrivs:.1$'
    assert_line --regexp '^Seccomp:.2$'
    assert_line --partial 'Read-only file system'
    assert_line overlay
    # A paused guest is not ready, and a waiting readiness probe reports that at once.
    run_probe "$C" StatefulSet hurd readinessProbe
    run_probe "$C" StatefulSet hurd readinessProbe
    run_probe "$C" StatefulSet hurd readinessProbe >"$T/held" 2>&1 3>&- &
    local held=$!
    as_user podman exec "$C" vm monitor stop
    local status=0
    wait "$held" || status=$?
    assert_equal "$status" 1
    run cat "$T/held"
    assert_output --partial paused
    as_user podman exec "$C" vm monitor cont
    run -0 run_probe "$C" StatefulSet hurd readinessProbe

    run_probe "$C" StatefulSet hurd preStop
    as_user podman pod stop hurd-1
    ended_cleanly "$C"
    run -0 as_user podman logs "$C"
    assert_line 'vm: the guest powered off'
    # The controller creates the pod again, with the same claim.
    as_user podman pod rm -f hurd-1
    run -0 as_user podman kube play - <"$T/pod.yaml"
    wait_until 60 run_probe "$C" StatefulSet hurd startupProbe
    run -0 as_user podman exec "$C" cat /disk/mine
    assert_output mine
    # VM_STOP=suspend: the third pod resumes the guest of the second one.
    as_user podman pod rm -f hurd-1
    sed -i 's/^\( *\)VM_STATE_DIR: .*/&\n\1VM_STOP: suspend/' "$T/pod.yaml"
    as_user podman kube play - <"$T/pod.yaml"
    wait_until 60 run_probe "$C" StatefulSet hurd startupProbe
    as_user podman pod stop hurd-1
    ended_cleanly "$C"
    as_user podman pod rm -f hurd-1
    as_user podman kube play - <"$T/pod.yaml"
    wait_until 60 run_probe "$C" StatefulSet hurd startupProbe
    run -0 as_user podman logs "$C"
    assert_line --partial 'vm: resumed from /disk/state/'
}

@test "the Deployment's pod: resumed from the state in the image, its probes succeed, a clean stop" {
    site
    manifests pod Deployment guest <"$T/site.yaml" | as_user podman kube play -
    C=guest-0-vm
    wait_until 60 run_probe "$C" Deployment guest startupProbe
    run -0 run_probe "$C" Deployment guest readinessProbe
    run -0 run_probe "$C" Deployment guest livenessProbe
    run -0 as_user podman logs "$C"
    assert_line --partial 'vm: resumed from /usr/share/vm/state/mach-mini.qcow2.warm'
    run -0 as_user podman exec "$C" vm exec uname
    assert_output --partial 'GNU Mach 1.8'
    as_user podman pod stop guest-0
    ended_cleanly "$C"
}

@test "the Indexed Job's pods and the merge: two shards, of which one is killed and created again" {
    as_user cat profile.yaml >"$T/profile.yaml"
    manifests schema <"$T/profile.yaml"
    local index
    manifests pod Job profile-merge <"$T/profile.yaml" | as_user podman kube play -
    manifests pod Job profile 0 <"$T/profile.yaml" >"$T/shard-0.yaml"
    manifests pod Job profile 1 <"$T/profile.yaml" >"$T/shard-1.yaml"
    as_user podman kube play - <"$T/shard-0.yaml"
    wait_until 30 as_user podman exec profile-0-vm test -e /profile/shard-1/results.json
    as_user podman pod rm -f -t 0 profile-0
    for index in 0 1; do as_user podman kube play - <"$T/shard-$index.yaml"; done
    wait_until 90 pod_ended profile-merge-0-vm
    for index in profile-0 profile-1 profile-merge-0; do ended_cleanly "$index-vm"; done
    run -0 as_user podman run --rm -v profile:/profile:ro --entrypoint cat "localhost/$IMAGE" /profile/report/results.json
    assert_equal "$(jq -c '[.partial, .cells, .cpu_1.statistics.n, ([.cpu_1.samples[].round] | sort)]' <<<"$output")" \
        '[false,["cpu_1"],4,[1,2,3,4]]'
}

pod_ended() {
    [ "$(as_user podman inspect -f '{{.State.Status}}' "$1")" = exited ]
}

@test "a shard with a wrong option ends with status 64, and the merge names the shard" {
    as_user sed 's/--cpus 1 /--cpus none /' profile.yaml >"$T/profile.yaml"
    manifests pod Job profile-merge <"$T/profile.yaml" | as_user podman kube play -
    manifests pod Job profile 1 <"$T/profile.yaml" | as_user podman kube play -
    wait_until 30 pod_ended profile-merge-0-vm
    run -0 as_user podman inspect -f '{{.State.ExitCode}}' profile-1-vm profile-merge-0-vm
    assert_output $'64\n1'
    run -0 as_user podman logs profile-merge-0-vm
    assert_output --partial '/profile/shard-2.failed: this shard has failed'
    run -0 as_user podman logs profile-1-vm
    assert_output --partial '--cpus'
}

@test "a wrong setting ends the pod with status 78, and its log names the setting" {
    site
    manifests pod StatefulSet hurd <"$T/site.yaml" | sed 's/QEMU_RAM: .128.$/QEMU_RAM: much/' >"$T/pod.yaml"
    as_user podman kube play - <"$T/pod.yaml"
    wait_until 30 pod_failed
    run -0 as_user podman logs hurd-0-vm
    assert_line --partial 'QEMU_RAM'
}

pod_failed() {
    [ "$(as_user podman inspect -f '{{.State.ExitCode}}' hurd-0-vm)" = 78 ]
}
