# PostgreSQL 15 with the output plugin. Build from the repository's root:
#   docker build -f packaging/docker/postgres.Dockerfile -t pgsync-postgres .
FROM postgres:15-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential libmsgpack-cxx-dev postgresql-server-dev-15 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile.pgxs ./
COPY decoder decoder
COPY sql sql
COPY expected expected
RUN make -f Makefile.pgxs && make -f Makefile.pgxs install DESTDIR=/out

FROM postgres:15-bookworm
COPY --from=build /out/ /
# Settings of every cluster that this image creates. Minor releases from August 2026 on load only the plugins that are listed;
# older ones do not know the setting and would not start with it.
RUN sample=/usr/share/postgresql/postgresql.conf.sample \
 && echo "wal_level = logical" >> $sample \
 && if gosu postgres postgres --describe-config | grep -q '^output_plugin_libraries'; then \
      echo "output_plugin_libraries = 'pgoutput, test_decoding, pgsync'" >> $sample; \
    fi
COPY packaging/docker/initdb.sh /docker-entrypoint-initdb.d/10-pgsync.sh
