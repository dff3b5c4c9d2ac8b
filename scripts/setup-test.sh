#!/bin/sh
# Installs what the tests need and this machine lacks: a C compiler (for Go's race detector), PostgreSQL, PgBouncer,
# Chromium, Firefox, WebKit (with a screen that nobody sees) and certutil (for the browser tests), and the Node packages of e2e/, interop/, js/ and two examples. Debian and
# Ubuntu only; elsewhere it says what is missing. Run it as often as you like: what is there is left alone.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }
has_chromium() { [ -x "${CHROMIUM:-}" ] || has chromium || has chromium-browser || has google-chrome; }
has_firefox() { [ -x "${FIREFOX:-}" ] || has firefox-esr || has firefox; }
has_webkit() { has WebKitWebDriver && has Xvfb; }
# Debian keeps the server's programs out of PATH.
has_postgres() { has postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }
has_pgbouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

wanted=
want() { # test, package
    "$1" || wanted="$wanted $2"
}
has_pgbouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }
has_cc() { has cc; }
has_certutil() { has certutil; }
has_npm() { has npm; }
want has_cc gcc
want has_cc libc6-dev
want has_postgres postgresql
want has_pgbouncer pgbouncer
want has_chromium chromium
want has_firefox firefox-esr
want has_webkit webkit2gtk-driver
want has_webkit xvfb
want has_certutil libnss3-tools
want has_npm npm

if [ -n "$wanted" ]; then
    if ! has apt-get; then
        echo "setup-test: install these with your package manager, then run this again:$wanted" >&2
        exit 1
    fi
    sudo=
    if [ "$(id -u)" != 0 ]; then
        has sudo || { echo "setup-test: run as root once: apt-get install$wanted" >&2; exit 1; }
        sudo=sudo
    fi
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    echo "setup-test: installing$wanted"
    # shellcheck disable=SC2086 # the packages are a list
    if ! { $sudo apt-get -qq update && DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq -y --no-install-recommends install $wanted; } >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    # Some distributions have packages of these names that install nothing (Ubuntu's chromium is a snap).
    for check in cc postgres pgbouncer chromium firefox webkit certutil npm; do
        "has_$check" || { echo "setup-test: $check is still missing; install it by hand, then run this again" >&2; exit 1; }
    done
fi

# Node packages, anew only where the lock file changed since they were installed.
for folder in e2e interop js examples/angular-spa examples/react-spa; do
    [ -f "$folder/package-lock.json" ] || continue
    stamp="$folder/node_modules/.installed"
    if ! cmp -s "$folder/package-lock.json" "$stamp"; then
        echo "setup-test: installing the Node packages of $folder"
        npm --prefix "$folder" ci --no-fund --no-audit --loglevel=error
        cp "$folder/package-lock.json" "$stamp"
    fi
done
