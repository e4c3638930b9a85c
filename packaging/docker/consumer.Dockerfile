# pgsync-consumer. Build from the repository's root:
#   docker build -f packaging/docker/consumer.Dockerfile -t pgsync-consumer .
#   docker run --rm pgsync-consumer --help
FROM debian:bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential cmake ninja-build pkg-config libpq-dev libhiredis-dev \
      libmsgpack-cxx-dev nlohmann-json3-dev libcurl4-openssl-dev libsqlite3-dev zlib1g-dev libcli11-dev libspdlog-dev \
      libfmt-dev libcpp-httplib-dev libssl-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY consumer consumer
COPY decoder/wire_format.h decoder/wire_format.h
RUN cmake --preset release -DBUILD_TESTING=OFF \
 && cmake --build --preset release --target pgsync-consumer \
 && strip -o /pgsync-consumer build/release/pgsync-consumer

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl libpq5 libhiredis0.14 libcurl4 libsqlite3-0 zlib1g \
      libspdlog1.10 libfmt9 libcpp-httplib0.11 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/pgsync --create-home pgsync
COPY --from=build /pgsync-consumer /usr/local/bin/pgsync-consumer
USER pgsync
WORKDIR /var/lib/pgsync
# SIGTERM drains and acknowledges within 5 s; Docker waits 10 before it kills.
STOPSIGNAL SIGTERM
ENTRYPOINT ["pgsync-consumer"]
CMD ["--help"]
