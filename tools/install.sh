#!/usr/bin/env bash
# Installs what a step needs from Debian's packages, if it is not there: tools/install.sh python|java|node|chromium
# The first may name the interpreter that is to be used: tools/install.sh python /usr/bin/python3
set -eu

need=()
case "$1" in
  python)
    "${2:-python3}" -c 'import ensurepip, venv' 2>/dev/null || need+=(python3 python3-venv)
    command -v openssl >/dev/null || need+=(openssl)
    ;;
  java)
    command -v javac >/dev/null || need+=(openjdk-17-jdk-headless)
    command -v mvn >/dev/null || need+=(maven)
    ;;
  node) command -v npm >/dev/null || need=(nodejs npm) ;;
  chromium) command -v chromium >/dev/null || need=(chromium) ;;
  *) echo "tools/install.sh: there is no step '$1'" >&2; exit 2 ;;
esac
[ ${#need[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "tools/install.sh: install ${need[*]} first; this is no Debian machine" >&2
  exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing ${need[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
