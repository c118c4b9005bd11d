#!/usr/bin/env bash
# Prints the path of the newest java on this machine, by the version that it says.
set -eu

for java in /usr/lib/jvm/*/bin/java; do
  [ -x "$java" ] || continue
  version=$("$java" -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.specification.version = //p')
  echo "$version $java"
done | sort -n | tail -n 1 | cut -d ' ' -f 2
