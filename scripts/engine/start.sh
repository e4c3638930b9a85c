#!/bin/bash
# start.sh FLAVOUR WORKDIR [setting=value ...]: one real search node on 127.0.0.1, for tests and demos.
#   FLAVOUR  opensearch2 (2.19.5, Java 17+) | opensearch3 (3.8.0, Java 21+: by java21) | elasticsearch7 (7.10.2, Java 17)
#   WORKDIR  data, log and pid file go there; keep it between runs to keep the data
#   env      PORT (9200; 0 = a free one; transport is the next port that is free), HEAP (1g), JAVA,
#            ENGINE_CACHE (~/.cache/pgsync/engine): the jars, downloaded once for all working directories
# Prints the URL when the node answers. Stop it with stop.sh WORKDIR (or kill the pid in WORKDIR/node.pid).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
flavour=${1:?flavour}; work=${2:?working directory}; shift 2
[ -f "$here/$flavour/pom.xml" ] || { echo "start.sh: no flavour '$flavour' (have: opensearch2 opensearch3 elasticsearch7)" >&2; exit 2; }
mkdir -p "$work"; work=$(cd "$work" && pwd)
heap=${HEAP:-1g}; java=${JAVA:-java}; cache=${ENGINE_CACHE:-${HOME:-/root}/.cache/pgsync/engine}

if [ "$flavour" = opensearch3 ] && [ -z "${JAVA:-}" ]; then java=$("$here/java21") || exit 1; fi
command -v "$java" >/dev/null || { echo "start.sh: no Java; run scripts/deps" >&2; exit 1; }
if [ -f "$work/node.pid" ] && kill -0 "$(cat "$work/node.pid")" 2>/dev/null; then
  echo "start.sh: already running in $work: pid $(cat "$work/node.pid")" >&2; exit 1
fi

# Jars: resolved into a directory of their own and renamed when complete, so an interrupted download is never used and two
# starts at once do not meet. The directory's name follows the pom: another version is another directory.
lib=$cache/$flavour-$(sha256sum "$here/$flavour/pom.xml" | cut -c1-12)
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ ! -d "$lib" ]; then
  command -v mvn >/dev/null || { echo "start.sh: no Maven to fetch the server with; run scripts/deps" >&2; exit 1; }
  echo "start.sh: fetching $flavour (about 52 MB, once) into $lib" >&2
  part=$(mktemp -d "$cache/.part.XXXXXX")
  mvn -q -B -ntp -Dstyle.color=never -f "$here/$flavour/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$part" -DincludeScope=runtime >&2 || { rm -rf "$part"; echo "start.sh: Maven failed" >&2; exit 1; }
  mv "$part" "$lib"
fi
exec 9>&-

port=${PORT:-9200}
if [ "$port" = 0 ]; then
  ports=$(python3 -c 'import socket as s
a, b = s.socket(), s.socket()
for x in (a, b): x.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
  port=${ports% *}; transport=${ports#* }
else
  transport=$((port + 100))
fi

# A runtime without a compiler cannot start a source file: Debian's Java compiles it then.
node=("-cp" "$lib/*" "$here/SearchNode.java")
if ! "$java" --list-modules | grep -q '^jdk.compiler@'; then
  java --module jdk.compiler/com.sun.tools.javac.Main -d "$work/classes" "$here/SearchNode.java" >&2 ||
    { echo "start.sh: no Java that compiles; run scripts/deps" >&2; exit 1; }
  node=("-cp" "$work/classes:$lib/*" SearchNode)
fi

locale=-Djava.locale.providers=SPI,COMPAT
[ "$flavour" = opensearch3 ] && locale=-Dpgsync.none=1   # COMPAT is gone in JDK 23
cd "$work"
setsid nohup "$java" -Xms"$heap" -Xmx"$heap" -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError \
  -Djava.awt.headless=true -Dfile.encoding=UTF-8 "$locale" \
  -Dlog4j2.level=INFO -Dlog4j.level=INFO -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true \
  -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true \
  -Dio.netty.recycler.maxCapacityPerThread=0 -Dio.netty.allocator.numDirectArenas=0 \
  "${node[@]}" path.data="$work/data" path.logs="$work" http.port="$port" transport.port="$transport" "$@" \
  >>"$work/node.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$work/node.pid"
for _ in $(seq 1 480); do
  if curl -sf -m 2 "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=1s" >/dev/null; then
    echo "http://127.0.0.1:$port" | tee "$work/node.url"; exit 0
  fi
  kill -0 "$pid" 2>/dev/null || {
    echo "start.sh: the node ended; last lines of $work/node.log:" >&2; tail -20 "$work/node.log" >&2; rm -f "$work/node.pid"; exit 1; }
  sleep 0.25
done
echo "start.sh: no answer on port $port within 120 s; last lines of $work/node.log:" >&2; tail -20 "$work/node.log" >&2
kill "$pid"; rm -f "$work/node.pid"; exit 1
