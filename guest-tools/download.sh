# shellcheck shell=sh
# download.sh - bounded, resumable downloads for fetch-image; read with `.`, does nothing by itself.
#
# The caller sets url, file (its name in messages), expected (SHA-512, "" when there is none), work (directory of
# work files), archive (what is downloaded), max (bytes), retries and stall (seconds), and reads downloader
# (the process to kill when it ends early).
# shellcheck disable=SC2154

# Data that is not checked, first of all SHA512SUMS, must come over https if its address is https: a redirect to
# http would let anyone on the network path change it.
only_https() {
    case $url in https://*) [ -z "$expected" ] ;; *) false ;; esac
}

# led_away STATUS URL: report an error if curl refused such a redirect (1: a protocol that is not allowed).
led_away() {
    { [ "$1" = 1 ] && only_https; } || return 0
    die 69 "$2: it redirects from https to http: $(message)" \
        'give the expected checksum with --sha512, or the address of the redirect'
}

# curl_bounded BYTES ARGUMENTS...: write no file larger than that, whatever length the server announces; a larger
# file ends curl (ulimit -f counts blocks of 512 bytes).
curl_bounded() {
    ulimit -f $(($1 / 512 + 1))
    shift
    redirects='=http,https'
    ! only_https || redirects='=https'
    exec curl --silent --show-error --fail --location --max-redirs 10 --proto '=http,https,file' \
        --proto-redir "$redirects" --connect-timeout 30 "$@"
}

curl_safely() { (curl_bounded 10000000 "$@"); }

message() { sed 's/^curl: //' "$work/message" | sed q; }

# Reports an error if URL does not exist: then the cause is the address or the network, not the checksum.
must_be_there() {
    http=$(curl_safely --head --max-time 60 --output /dev/null --write-out '%{http_code}' "$url" \
        2>"$work/message") || case $? in
        22) case $http in
            404|410) die 66 "$url: HTTP status $http" 'check the address; old dated images are removed from servers' ;;
            esac ;;
        *) die 69 "$url: no connection: $(message)" \
            'this needs the internet: set https_proxy for a proxy, --mirror URL for a mirror, or give a downloaded file (VM_FETCH_OPTIONS, VM_FETCH_SOURCE)' ;;
        esac
}

# The value of a header in the last answer (answers with redirects come before it).
header() {
    awk -v want="$1" '
        /^HTTP\// { value = "" }
        { sub(/\r$/, "") }
        tolower(substr($0, 1, length(want) + 1)) == want ":" {
            value = substr($0, length(want) + 2); sub(/^ */, "", value) }
        END { print value }' "$work/headers" 2>/dev/null
}

# The whole length according to the current answer, empty if it does not contain it.
announced() {
    range=$(header content-range)
    if [ -n "$range" ]; then
        length=${range##*/}
    else
        length=$(header content-length)
    fi
    case $length in *[!0-9]*|?????????????????*) length='' ;; esac
    echo "$length"
}

progress() {
    awk -v n="$1" -v from="$2" -v s="$3" -v total="${4:-0}" -v terminal="$5" -v file="$file" 'BEGIN {
        rate = s > 0 ? (n - from) / s : 0
        if (total > 0) {
            left = rate > 0 ? sprintf("%d s left", (total - n) / rate + 0.5) : "stalled"
            part = n / total
            if (part > 1) part = 1
            text = sprintf("%d %% of %.1f MB", part * 100, total / 1e6)
            if (s > 0) # before, nothing is known of a rate
                text = sprintf("%s, %.2f MB/s, %s", text, rate / 1e6, left)
        } else
            text = sprintf("%.1f MB, %.2f MB/s", n / 1e6, rate / 1e6)
        if (terminal) {
            bar = ""
            for (i = 0; i < 24; i++) bar = bar (total > 0 && i < part * 24 ? "#" : ".")
            printf "\r[%s] %s\033[K", bar, text
        } else
            printf "fetching %s: %s\n", file, text
    }' >&2
}

watch_download() {
    begin=$(date +%s) from=$(size_of "$archive") said=-5 terminal=
    [ ! -t 2 ] || [ "${TERM:-dumb}" = dumb ] || terminal=1
    while sleep 0.5; kill -0 "$downloader" 2>/dev/null; do
        seconds=$(($(date +%s) - begin))
        [ $((seconds - said)) -ge "$([ -n "$terminal" ] && echo 1 || echo 5)" ] || continue
        said=$seconds
        progress "$(size_of "$archive")" "$from" "$seconds" "$(announced)" "$terminal"
    done
    [ -z "$terminal" ] || printf '\r\033[K' >&2
}

# One attempt, which continues the last one. The status is curl's, that of HTTP is in $http.
attempt() {
    set -- --speed-limit 1 --speed-time "$stall" --dump-header "$work/headers" \
        --write-out '%{http_code}' --output "$archive"
    if [ "$(size_of "$archive")" -gt 0 ]; then
        set -- "$@" --continue-at -
        # If the file has changed since, the server sends the new file completely.
        [ ! -s "$work/validator" ] || set -- "$@" --header "If-Range: $(cat "$work/validator")"
    fi
    rm -f "$work/headers"
    (curl_bounded "$max" "$@" "$url") >"$work/http" 2>"$work/message" &
    downloader=$!
    watch_download
    status=0
    wait "$downloader" || status=$?
    downloader=
    http=$(cat "$work/http")
    case $(header etag) in
    \"*) header etag >"$work/validator" ;;
    *) header last-modified >"$work/validator" ;;
    esac
    return "$status"
}

# Errors for which another attempt is useless (curl(1), EXIT CODES).
give_up() {
    led_away "$1" "$url"
    case $1 in
    22) case $http in
        408|425|429|5??) return 0 ;;
        404|410) die 66 "$url: HTTP status $http" 'check the address; old dated images are removed from servers' ;;
        *) die 69 "$url: HTTP status $http" 'check the address, or download the file yourself and give its name' ;;
        esac ;;
    23) die 73 "$archive cannot be written: $(message)" 'free some space there' ;;
    37) die 66 "$url cannot be read" 'check the path' ;;
    1|3|35|47|51|58|60|77) die 69 "$url: $(message)" 'check the address and this machine'\''s clock' ;;
    esac
}

too_large() {
    die 65 "$url is larger than $(megabytes "$max")" 'check that this is the right file; --max-size raises the limit'
}

download() {
    failures=0 restarts=0
    while :; do
        before=$(size_of "$archive")
        [ "$before" = 0 ] || say "going on with $file behind $(megabytes "$before")"
        result=0
        attempt || result=$?
        if [ "$(size_of "$archive")" -gt "$max" ]; then
            rm -f "$archive" "$work/validator"
            too_large
        fi
        total=$(announced)
        if [ "$result" = 33 ] || { [ "$result" = 0 ] && [ -n "$total" ] &&
            [ "$(size_of "$archive")" != "$total" ]; }; then
            # The server supports no ranges, or the file has changed, or it is shorter than the partial download.
            restarts=$((restarts + 1))
            [ "$restarts" -le "$retries" ] || die 69 "$url cannot be downloaded completely: its length changes" \
                'try again later, or download the file yourself and give its name'
            say 'the server does not go on where it was: starting over'
            rm -f "$archive" "$work/validator"
            continue
        fi
        [ "$result" != 0 ] || return 0
        give_up "$result"
        [ "$(size_of "$archive")" -le "$before" ] || failures=0
        failures=$((failures + 1))
        [ "$failures" -le "$retries" ] || die 69 "$url: $(message) ($failures attempts)" \
            'check the network; the same command continues the download'
        wait_s=$((1 << (failures - 1)))
        [ "$wait_s" -le 60 ] || wait_s=60
        say "$(message); trying again in $wait_s s"
        sleep "$wait_s"
    done
}
