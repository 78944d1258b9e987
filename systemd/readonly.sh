#!/bin/sh
# Makes an installed unit's root read-only from the next boot on, and gives what changes a partition of its own.
#   readonly.sh PARTITION      ext4, labelled TRAPDATA. Run again at will.
# DESTDIR=DIR writes files into DIR only. docs/reliability.md says why each of these lines is there.
set -eu
umask 022
root=${DESTDIR:-}
state=$root/var/lib/trapnode
fstab=$root/etc/fstab

fail() { echo "readonly.sh: $*" >&2; exit 1; }
is() { blkid -c /dev/null -o value -s "$1" "$partition" || true; }
write() { mkdir -p "${1%/*}" && cat >"$1"; }

[ $# = 1 ] || fail "one partition, got $#: $*"
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must run as root"
partition=$1
[ -e "$partition" ] || fail "$partition: no such partition"
[ "$(is TYPE)" = ext4 ] || fail "$partition: holds '$(is TYPE)', must be ext4"
[ "$(is LABEL)" = TRAPDATA ] || fail "$partition: its label is '$(is LABEL)', must be TRAPDATA"
# Not by its label: a cut may tear the superblock that holds it, and then nobody would check it.
uuid=$(is PARTUUID)
[ -n "$uuid" ] || fail "$partition: has no PARTUUID, must be in a partition table"
[ -f "$fstab" ] || fail "$fstab: no such file"
awk '$1 !~ /^#/ && $2 == "/" { found = 1 } END { exit !found }' "$fstab" || fail "$fstab: has no line for /"
[ -w "$fstab" ] || fail "$fstab: is read-only: mount -o remount,rw / first"
grep -qx '[0-9a-f]\{32\}' "$root/etc/machine-id" || fail "$root/etc/machine-id: holds no id: boot once before"
if mountpoint -q "$state"; then
    found=$(findmnt -no SOURCE "$state")
    [ "$(readlink -f "$partition")" = "$found" ] || fail "$state: $found is mounted there: umount it first"
elif [ -n "$(ls -A "$state" 2>/dev/null)" ]; then
    fail "$state: holds a store already: move what is in it to $partition first"
fi
[ -n "$root" ] || getent passwd trapnode >/dev/null || fail "user trapnode: missing: install trapnode first"

if [ -z "$root" ]; then
    if ! mountpoint -q "$state"; then
        # Below the mount nothing can ever be written: a second store would begin its counters anew.
        [ ! -d "$state" ] || chattr -i "$state"
        install -d -o trapnode -g trapnode -m 750 "$state"
        chattr +i "$state"
        mount "$partition" "$state"
    fi
    chown trapnode:trapnode "$state"
    chmod 750 "$state"
    # What each boot puts right on a writable root: a unit that cannot read it takes the defaults.
    config=/etc/trapnode/config.toml
    [ ! -e "$config" ] || { chgrp trapnode "$config" && chmod 640 "$config"; }
fi

# What would write, or run at each boot because it cannot note that it ran.
mkdir -p "$root/etc/systemd/system"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fake-hwclock.service fake-hwclock-load.service fake-hwclock-save.service \
    fake-hwclock-save.timer fstrim.timer logrotate.timer man-db.timer rpi-eeprom-update.service \
    systemd-random-seed.service; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done
write "$root/etc/systemd/journald.conf.d/60-trapnode.conf" <<END
[Journal]
Storage=volatile
RuntimeMaxUse=16M
END
# StateDirectory= would require the mount, and keep the unit from starting without it.
write "$root/etc/systemd/system/trapnode-.service.d/60-readonly.conf" <<END
[Unit]
After=var-lib-trapnode.mount
[Service]
StateDirectory=
Environment=STATE_DIRECTORY=/var/lib/trapnode
ReadWritePaths=-/var/lib/trapnode
END
# A check that takes longer goes on, and the next boot finds it done; this one takes its pictures in RAM.
write "$root/etc/systemd/system/var-lib-trapnode.mount.d/60-readonly.conf" <<END
[Unit]
JobTimeoutSec=90
END
for line in "$root/boot/firmware/cmdline.txt" "$root/boot/cmdline.txt"; do
    [ ! -f "$line" ] || grep -q 'fsck.repair=yes' "$line" || sed -i '1s/$/ fsck.repair=yes/' "$line"
done

{
    awk '
        $1 ~ /^#/ || NF < 4 { print; next }
        $2 ~ "^(/run|/tmp|/var/tmp|/var/log|/var/lib/trapnode)$" { next }
        $2 ~ "^(/|/boot|/boot/firmware)$" {
            options = $2 == "/" ? "ro" : "ro,nofail"
            count = split($4, option, ",")
            for (i = 1; i <= count; i++)
                if (option[i] !~ /^(rw|ro|defaults|nofail)$/) options = options "," option[i]
            $4 = options
            $5 = $6 = 0
        }
        { print }' "$fstab"
    cat <<END
tmpfs /run tmpfs nosuid,nodev,mode=755,size=112M 0 0
tmpfs /tmp tmpfs nosuid,nodev,mode=1777,size=32M 0 0
tmpfs /var/tmp tmpfs nosuid,nodev,mode=1777,size=16M 0 0
tmpfs /var/log tmpfs nosuid,nodev,noexec,mode=755,size=8M 0 0
PARTUUID=$uuid /var/lib/trapnode ext4 noatime,nosuid,nodev,noexec,errors=remount-ro,commit=5,nofail,x-systemd.device-timeout=30s 0 2
END
} >"$fstab.part"
[ -e "$fstab.before-readonly" ] || cp -p "$fstab" "$fstab.before-readonly"
chmod 644 "$fstab.part"
sync "$fstab.part"
mv "$fstab.part" "$fstab"
[ -n "$root" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
sync
echo "done; read-only from the next boot on: reboot"
