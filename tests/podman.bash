# podman.bash - a Debian 13 as a container in which an ordinary user runs rootless Podman.

# podman_host NAME [PACKAGE...]: start it as NAME (HOST); PACKAGE...: more packages of Debian 13.
# ROOT is /src in it. podman_host_gone removes it.
podman_host() {
    local base
    HOST=$1
    export HOST
    base=$("$ROOT/scripts/base-image" guest)
    # The packages that all uses need are in a layer of their own, which the builder keeps.
    DOCKER_BUILDKIT=1 docker build -q -t "hurd-vm-podman:$HOST" - >/dev/null <<END_OF_FILE
FROM $base
RUN export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && \
    apt-get -qq install --no-install-recommends aardvark-dns catatonit crun netavark nftables passt podman \
    podman-compose uidmap >/dev/null && useradd -m user
${2:+RUN apt-get -qq install --no-install-recommends ${*:2} >/dev/null}
END_OF_FILE
    # New namespaces and mounts in them need all of these; the user gets none of them.
    docker run -d --init --name "$HOST" --cap-add SYS_ADMIN --cap-add NET_ADMIN \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device /dev/net/tun -v /home/user \
        -v "$ROOT:/src:ro" "hurd-vm-podman:$HOST" sleep infinity >/dev/null
    docker exec "$HOST" sh -c 'chown user: /home/user; chmod 666 /dev/net/tun
        mkdir -p /run/user/1000; chown user: /run/user/1000
        mknod /dev/kvm c 10 232; chmod 660 /dev/kvm'
}

# podman_load IMAGE...: the engine's images for the user; layers that they share are copied once.
podman_load() {
    docker save "$@" | as_user podman load -q
}

podman_host_gone() {
    docker rm -f -v "$HOST" >/dev/null 2>&1 || :
    docker rmi -f "hurd-vm-podman:$HOST" >/dev/null 2>&1 || :
}

# as_user COMMAND...: run in the container, in the user's home or PROJECT.
as_user() {
    docker exec -i -u user -e HOME=/home/user -e XDG_RUNTIME_DIR=/run/user/1000 -e PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
        -e TAG="${IMAGE#*:}" -w "/home/user/${PROJECT:-}" "$HOST" "$@"
}
