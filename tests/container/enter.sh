#!/bin/sh
# enter.sh FOLDER USER COMMAND…: a folder as the root of a process, much as an engine does it.
#
# FOLDER has base (a file with the lower folders), upper, work and root: an overlay, so that the base stays as
# it is. FOLDER/mounts lists "SOURCE TARGET MODE" lines, MODE being ro, rw, or fresh for an
# overlay whose changes are dropped.
set -eu
if [ -z "${GAI_ENTERED-}" ]; then
    namespaces="--mount --pid --uts --ipc --fork --kill-child --propagation private"
    [ "$(id -u)" = 0 ] || namespaces="$namespaces --user --map-auto --map-root-user"
    # shellcheck disable=SC2086
    exec env GAI_ENTERED=1 unshare $namespaces "$0" "$@"
fi
folder=$1 user=$2
shift 2
root=$folder/root
mount -t overlay overlay -o \
    "lowerdir=$(cat "$folder/base"),upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t tmpfs -o mode=755 dev "$root/dev"
for name in null zero full random urandom tty; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/net"
if [ -e /dev/net/tun ]; then # --device /dev/net/tun, open to all as udev makes it
    mknod -m 666 "$root/dev/net/tun" c 10 200 2>/dev/null || {
        : >"$root/dev/net/tun"
        mount --bind /dev/net/tun "$root/dev/net/tun"
    }
fi
cat /etc/resolv.conf >"$root/etc/resolv.conf"
scratch=$folder/fresh
mkdir -p "$scratch"
mount -t tmpfs tmpfs "$scratch"
number=0
while read -r source target mode; do
    [ -n "$source" ] || continue
    if [ -d "$source" ]; then
        mkdir -p "$root$target"
    else
        mkdir -p "$(dirname "$root$target")"
        [ -e "$root$target" ] || : >"$root$target"
    fi
    if [ "$mode" = fresh ]; then
        number=$((number + 1))
        mkdir -p "$scratch/$number/upper" "$scratch/$number/work"
        mount -t overlay overlay -o "lowerdir=$source,upperdir=$scratch/$number/upper,workdir=$scratch/$number/work" "$root$target"
    else
        mount --rbind "$source" "$root$target"
        [ "$mode" = rw ] || mount -o remount,bind,ro "$root$target" 2>/dev/null || :
    fi
done <"$folder/mounts"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
cd "$GAI_FOLDER"
unset GAI_ENTERED
if [ "$user" = root ]; then exec "$@"; fi
case $user in
[0-9]*) uid=$user gid=$user ;;
*) uid=$(id -u "$user") gid=$(id -g "$user") ;;
esac
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all "$@"
