#!/bin/sh
# Installs graygate as a service, or takes it away again. May be run any number of times; a config that is there is
# never written over. Starts nothing: what it printed last says how.
#
#   scripts/install.sh              bin/graygate, the unit, the user, an example config and a rotation of logs if there are none
#   scripts/install.sh --uninstall  all of that, except the config, its rotation of logs and the logs
#
# PREFIX (/usr/local) is where bin/ is, SYSCONFDIR (/etc) where graygate/graygate.yaml is, UNITDIR
# (SYSCONFDIR/systemd/system) where the unit is. With DESTDIR everything is put below it, for packages: then nothing
# of this machine is touched, no user is made and no root is needed.
set -eu
cd "$(dirname "$0")/.."

PREFIX=${PREFIX:-/usr/local}
SYSCONFDIR=${SYSCONFDIR:-/etc}
UNITDIR=${UNITDIR:-$SYSCONFDIR/systemd/system}
DESTDIR=${DESTDIR:-}
BINARY=${BINARY:-bin/graygate}
NAME=graygate

program=$PREFIX/bin/graygate
config=$SYSCONFDIR/graygate/graygate.yaml
unit=$UNITDIR/graygate.service
rotation=$SYSCONFDIR/logrotate.d/graygate

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# on_this_machine: a real installation, not one into a package's folder.
on_this_machine() { [ -z "$DESTDIR" ]; }

need_root() {
    if on_this_machine && [ "$(id -u)" -ne 0 ]; then
        fail 'this needs root (or DESTDIR, to install below another folder)'
    fi
}

# give_group: what systemd starts as graygate must be able to read FILE.
give_group() {
    if on_this_machine; then
        chgrp "$NAME" "$1"
    fi
}

reload_systemd() {
    if on_this_machine && [ -d /run/systemd/system ]; then
        systemctl daemon-reload
    fi
}

make_user() {
    on_this_machine || return 0
    if ! getent group "$NAME" >/dev/null; then
        groupadd --system "$NAME"
    fi
    if ! getent passwd "$NAME" >/dev/null; then
        useradd --system --gid "$NAME" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
            --comment 'graygate edge gateway' "$NAME"
    fi
}

install_all() {
    need_root
    [ -x "$BINARY" ] || fail "there is no $BINARY: run 'make build' first"
    make_user

    # install(1) makes a new file: a process that runs the old binary keeps it.
    install -d "$DESTDIR$PREFIX/bin" "$DESTDIR$UNITDIR"
    install -m 0755 "$BINARY" "$DESTDIR$program"

    # The gateway may read its config, not change it; others may not read it, because keys will lie beside it.
    if [ ! -d "$DESTDIR$SYSCONFDIR/graygate" ]; then
        install -d -m 0750 "$DESTDIR$SYSCONFDIR/graygate"
        give_group "$DESTDIR$SYSCONFDIR/graygate"
    fi
    if [ -e "$DESTDIR$config" ]; then
        echo "kept       $DESTDIR$config, which was there"
    else
        install -m 0640 examples/quickstart.yaml "$DESTDIR$config"
        give_group "$DESTDIR$config"
        echo "installed  $DESTDIR$config, an example to be edited"
    fi

    # Without logrotate it does nothing.
    if [ -e "$DESTDIR$rotation" ]; then
        echo "kept       $DESTDIR$rotation, which was there"
    else
        install -d "$DESTDIR$SYSCONFDIR/logrotate.d"
        install -m 0644 examples/logrotate/graygate "$DESTDIR$rotation"
        echo "installed  $DESTDIR$rotation"
    fi

    sed -e "s|/usr/local/bin/graygate|$program|g" -e "s|/etc/graygate/graygate.yaml|$config|g" \
        scripts/graygate.service >"$DESTDIR$unit.new"
    chmod 0644 "$DESTDIR$unit.new"
    mv "$DESTDIR$unit.new" "$DESTDIR$unit"
    reload_systemd

    echo "installed  $DESTDIR$program"
    echo "installed  $DESTDIR$unit"
    if on_this_machine; then
        echo "next:      edit $config, then: systemctl enable --now graygate"
    fi
}

uninstall_all() {
    need_root
    if on_this_machine && [ -d /run/systemd/system ] && [ -e "$unit" ]; then
        systemctl disable --now graygate
    fi
    rm -f "$DESTDIR$unit" "$DESTDIR$program"
    reload_systemd
    if on_this_machine; then
        if getent passwd "$NAME" >/dev/null; then
            userdel "$NAME"
        fi
        if getent group "$NAME" >/dev/null; then
            groupdel "$NAME"
        fi
    fi
    echo "removed    $DESTDIR$program"
    echo "removed    $DESTDIR$unit"
    echo "kept       $DESTDIR$SYSCONFDIR/graygate, $DESTDIR$rotation, and $DESTDIR/var/log/graygate if there is one"
}

case ${1:-} in
'') install_all ;;
--uninstall) uninstall_all ;;
-h | --help) sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' scripts/install.sh ;;
*) fail "unknown argument '$1': there is only --uninstall" ;;
esac
