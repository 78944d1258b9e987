#!/bin/sh
# Installs the units, the udev rules, the user and, if named, a configuration. Run again at will.
#   install.sh [CONFIG.toml]
# An installed configuration is never overwritten. DESTDIR=DIR installs files into DIR only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
config=${1:-}
installed=$root/etc/trapnode/config.toml

fail() { echo "install.sh: $*" >&2; exit 1; }

[ $# -le 1 ] || fail "one configuration at most, got $#: $*"
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must run as root"
[ -z "$config" ] || [ -f "$config" ] || fail "$config: no such file"
if [ -n "$config" ] && [ -e "$installed" ] && ! cmp -s "$config" "$installed"; then
    fail "$installed is there and differs from $config: change or remove it by hand"
fi

install -d "$root/etc/systemd/system" "$root/etc/systemd/system.conf.d" "$root/etc/sysctl.d" \
    "$root/etc/udev/rules.d" "$root/etc/trapnode"
install -m 644 "$here/60-trapnode.system.conf" "$root/etc/systemd/system.conf.d/60-trapnode.conf"
install -m 644 "$here/60-trapnode.sysctl.conf" "$root/etc/sysctl.d/60-trapnode.conf"
install -m 644 "$here"/trapnode-*.service "$here"/trapnode-*.path "$here/trapnode.target" "$root/etc/systemd/system/"
# Keys may be in it. Its group is the unit's, once there is one.
[ -z "$config" ] || [ -e "$installed" ] || install -m 640 "$config" "$installed"
# The LED is named once, in the configuration.
led=$(sed -n '/^\[stick\]/,/^\[/s/^led *= *"\([^"]*\)".*/\1/p' "$installed" 2>/dev/null) || true
case ${led:=ACT} in *[!A-Za-z0-9:._-]*) fail "stick.led = $led: must be letters, digits, : . _ -" ;; esac
sed "s/KERNEL==\"ACT\"/KERNEL==\"$led\"/" "$here/60-trapnode.rules" \
    >"$root/etc/udev/rules.d/60-trapnode.rules"
[ -z "$root" ] || exit 0

for group in gpio video dialout i2c; do
    getent group "$group" >/dev/null || groupadd --system "$group"
done
getent passwd trapnode >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/trapnode --no-create-home \
        --shell /usr/sbin/nologin trapnode
[ ! -e "$installed" ] || { chgrp trapnode "$installed"; chmod 640 "$installed"; }
if grep -q '^recipients *= *\[ *"' "$installed" 2>/dev/null && [ "$(wc -l </proc/swaps)" -gt 1 ]; then
    echo "install.sh: warning: swap is on, so sealed pictures stay unclassified: reboot" >&2
fi
grep -q 'fsck.repair=yes' /proc/cmdline ||
    echo "install.sh: warning: fsck.repair=yes is not in cmdline.txt: some power cuts need it" >&2

sysctl --quiet --load=/etc/sysctl.d/60-trapnode.conf
systemctl daemon-reexec # The watchdog of the board.
# Swap would put pictures in the clear on the card: none from the next boot on.
systemctl mask swap.target dphys-swapfile.service
# A login prompt on these lines would talk into the modem and to the technician.
systemctl mask serial-getty@ttyGS0.service serial-getty@ttyAMA0.service
systemctl enable trapnode.target
for unit in "$here"/trapnode-*.service "$here"/trapnode-*.path; do
    case $unit in *@.service | *-poweroff.service) continue ;; esac # Others start them.
    systemctl enable "$(basename "$unit")"
done
udevadm control --reload
udevadm trigger --subsystem-match=gpio --subsystem-match=dma_heap \
    --subsystem-match=media --subsystem-match=tty --subsystem-match=i2c-dev
udevadm trigger --action=add --subsystem-match=leds --subsystem-match=rtc
if [ ! -e /usr/bin/trapnode ] && [ -x /opt/trapnode/bin/trapnode ]; then
    ln -s /opt/trapnode/bin/trapnode /usr/bin/trapnode
fi
[ -x /usr/bin/trapnode ] || fail "/usr/bin/trapnode is missing: install the program, then start"
echo "installed; start with: systemctl start trapnode.target"
