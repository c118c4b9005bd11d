#!/usr/bin/env bash
# Builds the Java libraries for release in two copies of the sources, and compares every jar: tools/reproducible.sh JAVA PROTO
set -eu

modules=(loghub-client loghub-logback loghub-log4j2)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for build in first second; do
  mkdir -p "$scratch/$build/clients"
  cp -r "$2" "$scratch/$build/proto"
  cp -r "$1" "$scratch/$build/clients/java"
  find "$scratch/$build" -name target -prune -exec rm -rf {} +
  (cd "$scratch/$build/clients/java" &&
    mvn -B -ntp -q -Prelease -DskipTests -Dmaven.test.skip.exec -pl loghub-bom,"$(IFS=,; echo "${modules[*]}")" verify)
done

for module in "${modules[@]}"; do
  for kind in "" -sources -javadoc; do
    jar=$module/target/$module-0.1.0$kind.jar
    cmp "$scratch/first/clients/java/$jar" "$scratch/second/clients/java/$jar"
    sha256sum "$scratch/first/clients/java/$jar" | sed "s| .*/|  |"
  done
done
