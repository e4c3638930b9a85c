#!/bin/bash
# stop.sh WORKDIR: ends the node that start.sh started there, and waits for it. Data stay.
set -eu
pidfile=${1:?working directory}/node.pid
[ -f "$pidfile" ] || exit 0
pid=$(cat "$pidfile")
kill "$pid" 2>/dev/null || true
for _ in $(seq 1 120); do kill -0 "$pid" 2>/dev/null || { rm -f "$pidfile"; exit 0; }; sleep 0.25; done
kill -9 "$pid"; rm -f "$pidfile"
