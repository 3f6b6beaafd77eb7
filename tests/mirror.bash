# mirror.bash - a mirror of Debian's images by TLS, behind a proxy that stands for the internet, and a signing key.

# tls_certificate NAME: a certificate for the host NAME (or IP:ADDRESS) in $T/tls.pem, its key in $T/key.pem.
tls_certificate() {
    local name=DNS:$1
    case $1 in *[!0-9.]*) ;; *) name=IP:$1 ;; esac
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=$name" \
        -keyout "$T/key.pem" -out "$T/tls.pem" 2>/dev/null
}

# tls_server DIRECTORY HOST [URL]: tests/file-server with TLS for HOST; its port is in $T/port.
tls_server() {
    tls_certificate "$2"
    "$ROOT/tests/file-server" "$1" "$T/port" "$T/requests" "$T/tls.pem" "$T/key.pem" ${3:+"$3"} 3>&- &
    PIDS+=($!)
    wait_until 10 test -e "$T/port"
}

# mirror_behind_proxy DIRECTORY: https://mirror.invalid serves DIRECTORY, for who uses PROXY; what was asked of that is in
# $T/asked. Believed with CURL_CA_BUNDLE=$T/tls.pem.
mirror_behind_proxy() {
    tls_server "$1" mirror.invalid
    "$ROOT/tests/proxy" "$T/proxy" "$T/asked" 127.0.0.1 "$(cat "$T/port")" 3>&- &
    PIDS+=($!)
    wait_until 10 test -e "$T/proxy"
    PROXY=http://127.0.0.1:$(cat "$T/proxy")
}

# signing_key: a key of this test's own, its public part in $T/ring.gpg; sign FILE makes FILE.sign.
signing_key() {
    export GNUPGHOME=$T/gnupg
    mkdir -m 700 "$GNUPGHOME"
    gpg --batch --quiet --passphrase '' --quick-generate-key 'Test <test@example.org>' ed25519 sign never
    gpg --export >"$T/ring.gpg"
}

sign() { gpg --batch --yes --quiet --armor --detach-sign --output "$1.sign" "$1"; }
