#!/bin/sh
# Builds the Debian package, without root. Everything in it stands below /usr: /etc is the installer's.
#   [SUITE=bookworm|trixie] deb.sh amd64|arm64 OUT [LIBRARIES]
# What Debian lacks is downloaded as wheels for the architecture and the suite's Python, or taken from the
# folder LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)

fail() { echo "deb.sh: $*" >&2; exit 1; }

[ $# -ge 2 ] && [ $# -le 3 ] || fail "deb.sh amd64|arm64 OUT [LIBRARIES]"
case $1 in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) fail "architecture $1: must be amd64 or arm64" ;;
esac
case ${SUITE:=bookworm} in
bookworm) minor=11 debian=12 ;;
trixie) minor=13 debian=13 ;;
*) fail "SUITE=$SUITE: must be bookworm or trixie" ;;
esac
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source/trapnode/__init__.py")+deb$debian
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
lib=$root/usr/lib/trapnode
units=$root/usr/lib/systemd
umask 022
mkdir -p "$lib" "$root/usr/bin" "$root/usr/sbin" "$root/DEBIAN" "$units/system" "$units/system.conf.d" \
    "$root/usr/lib/udev/rules.d" "$root/usr/lib/sysctl.d" "$root/usr/lib/sysusers.d" \
    "$root/usr/lib/tmpfiles.d" "$root/usr/share/doc/trapnode"

if [ $# = 3 ]; then
    cp -r "$3/." "$lib"
else
    "${PYTHON:-python3}" -m pip install --quiet --no-deps --no-compile --target "$lib" \
        --only-binary=:all: --python-version "3.$minor" --implementation cp --abi "cp3$minor" --abi abi3 \
        --platform "manylinux_2_27_$machine" --platform "manylinux_2_17_$machine" \
        --platform "manylinux2014_$machine" -r "$here/libraries.txt"
    # Two thirds of the runtime's wheel are for other processors than the unit has. libLiteRt is for an
    # interface that we do not use, and would take memory: the package loads it if it is there.
    rm -rf "$lib/bin" "$lib/ai_edge_litert/aot" "$lib/ai_edge_litert/tools" "$lib/ai_edge_litert/vendors" \
        "$lib"/ai_edge_litert/libLiteRt*
fi
cp -r "$source/trapnode" "$lib"
mkdir -p "$lib/trapnode/models"
cp "$source"/models/*.json "$source"/models/*.tflite "$lib/trapnode/models/"
find "$lib" -name __pycache__ -prune -exec rm -rf {} +

install -m 755 "$here/trapnode" "$root/usr/bin/trapnode"
install -m 755 "$source/systemd/readonly.sh" "$root/usr/sbin/trapnode-readonly"
install -m 644 "$source"/systemd/*.service "$source"/systemd/*.path "$source"/systemd/*.target "$units/system/"
install -m 644 "$source/systemd/60-trapnode.system.conf" "$units/system.conf.d/60-trapnode.conf"
install -m 644 "$source/systemd/60-trapnode.sysctl.conf" "$root/usr/lib/sysctl.d/60-trapnode.conf"
install -m 644 "$source/systemd/60-trapnode.rules" "$root/usr/lib/udev/rules.d/"
install -m 644 "$here/sysusers.conf" "$root/usr/lib/sysusers.d/trapnode.conf"
install -m 644 "$here/tmpfiles.conf" "$root/usr/lib/tmpfiles.d/trapnode.conf"
install -m 644 "$source/README.md" "$source/NOTICE" "$root/usr/share/doc/trapnode/"
install -m 644 "$source/LICENSE" "$root/usr/share/doc/trapnode/copyright"
chmod -R u=rwX,go=rX "$root/usr"

size=$(du -sk "$root/usr" | cut -f1)
schema=$(sed -n 's/^VERSION = \([0-9]*\)$/\1/p' "$source/trapnode/store/schema.py")
for each in control preinst postinst prerm postrm; do
    sed -e "s/@ARCHITECTURE@/$1/" -e "s/@VERSION@/$version/" -e "s/@SIZE@/$size/" -e "s/@SCHEMA@/$schema/" \
        -e "s/@PYTHON@/3.$minor/" -e "s/@NEXT@/3.$((minor + 1))/" "$here/debian/$each" >"$root/DEBIAN/$each"
    [ "$each" = control ] || chmod 755 "$root/DEBIAN/$each"
done
(cd "$root" && find usr -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
mkdir -p "$2"
# Whole under its name, or not there.
dpkg-deb --root-owner-group -Z"${COMPRESS:-xz}" --build "$root" "$work/trapnode.deb" >/dev/null
target=$2/trapnode_${version}_$1.deb
cp "$work/trapnode.deb" "$target.part"
mv "$target.part" "$target"
echo "$target"
