#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs each fuzz target that was built (./configure --enable-fuzzers CC=clang)
# for some seconds on a copy of its seeds. Usage: run.sh [SECONDS]
set -eu

seconds=${1:-${REHOME_FUZZ_SECONDS:-20}}
build=${REHOME_BUILD:-.}
source=${REHOME_SOURCE:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ran=0

for program in "$build"/tests/fuzz/*-fuzz; do
	[ -x "$program" ] || continue
	name=$(basename "$program" -fuzz)
	mkdir "$scratch/$name"
	cp "$source/tests/fuzz/seeds/$name"/* "$scratch/$name"
	echo "$name: $seconds s"
	if ! "$program" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -artifact_prefix="$scratch/" \
		-print_final_stats=1 "$scratch/$name" \
		>"$scratch/log" 2>&1; then
		tail -n 60 "$scratch/log"
		for input in "$scratch"/crash-* "$scratch"/leak-* \
			"$scratch"/timeout-* "$scratch"/oom-*; do
			[ -f "$input" ] && base64 "$input"
		done
		echo "$name: failed; its input stands above in base64"
		exit 1
	fi
	grep number_of_executed_units "$scratch/log"
	ran=$((ran + 1))
done

if [ "$ran" -eq 0 ]; then
	echo "no fuzz target was built: ./configure --enable-fuzzers CC=clang"
	exit 77
fi
