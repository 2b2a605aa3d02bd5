#!/bin/sh
# deps.sh: installs the Debian packages that building or testing needs.
#
#   deploy/deps.sh [build|demo|test|browser|fresh|bench]...   (default: build)
#
# What is there already is left alone: with everything installed it says
# nothing, calls no apt and ends with 0.  Installs as root, else through sudo.
# Web servers and Prometheus are wanted here as tools only: Debian starts them
# when it installs them, so those that came in by this script are stopped and
# disabled again, and it says so.  Ends with 0 only if every package is
# installed.
# shellcheck disable=SC2086,SC2046  # lists of packages are split on purpose
set -eu

BUILD="gcc make pkg-config libfcgi-dev libyajl-dev libcurl4-openssl-dev
       libsqlite3-dev libinih-dev libssl-dev ca-certificates"
DEMO="python3 nginx-light spawn-fcgi"
TEST="libcmocka-dev python3-pytest python3-pytest-xdist apache2
      libapache2-mod-fcgid lighttpd lighttpd-mod-openssl caddy adduser openssl
      clang libclang-rt-dev valgrind curl php-cli prometheus
      python3-prometheus-client"
BROWSER="chromium chromium-driver python3-selenium"
FRESH="debootstrap systemd-container"
BENCH="php-fpm php-curl golang-go nodejs node-undici"

say() { echo "deps.sh: $*" >&2; }

# Whether a package, or what stands for it, is installed.
have() {
	case $1 in
	nginx-light) [ -x /usr/sbin/nginx ] && return 0 ;;
	pkg-config)  [ -x /usr/bin/pkg-config ] && return 0 ;;
	esac
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
	    grep -qx installed
}

# The names of those packages that are not installed.
missing() {
	for p in "$@"; do
		have "$p" || printf '%s ' "$p"
	done
}

# One service that came in with the packages: stopped, and not started at boot.
quiet_service() {
	if [ -d /run/systemd/system ]; then
		$SUDO systemctl disable --now "$1" >/dev/null 2>&1 || return 0
		say "$1 is installed, but stopped and disabled" \
		    "(systemctl enable --now $1 brings it back)"
	elif [ -x "/etc/init.d/$1" ]; then
		$SUDO "/etc/init.d/$1" stop >/dev/null 2>&1 || return 0
		say "$1 is installed, but stopped"
	fi
}

want=
[ $# -gt 0 ] || set -- build
for purpose in "$@"; do
	case $purpose in
	build) want="$want $BUILD" ;;
	demo)  want="$want $BUILD $DEMO" ;;
	test)  want="$want $BUILD $DEMO $TEST" ;;
	browser) want="$want $BUILD $DEMO $TEST $BROWSER" ;;
	fresh) want="$want $BUILD $DEMO $TEST $FRESH" ;;
	bench) want="$want $BUILD $DEMO $TEST $BENCH" ;;
	*)     echo "usage: deploy/deps.sh" \
		   "[build|demo|test|browser|fresh|bench]..." >&2
	       exit 64 ;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	say "this is no Debian system; what it would install here:" $want
	exit 69
fi
need=$(missing $(printf '%s\n' $want | sort -u))
[ -n "$need" ] || exit 0

SUDO=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		say "neither root nor sudo here; please install:" $need
		exit 77
	fi
	SUDO=sudo
fi

say "installing" $need
apt="$SUDO env DEBIAN_FRONTEND=noninteractive apt-get -q"
$apt update
$apt install -y --no-install-recommends $need

for p in $need; do
	case $p in
	apache2 | lighttpd | caddy)
		     quiet_service "$p" ;;
	nginx-light) quiet_service nginx ;;
	prometheus)  quiet_service prometheus ;;
	php-fpm)     for unit in /etc/init.d/php*-fpm; do
			[ ! -x "$unit" ] || quiet_service "${unit##*/}"
		     done ;;
	esac
done

left=$(missing $need)
if [ -n "$left" ]; then
	say "still missing:" $left
	exit 1
fi
