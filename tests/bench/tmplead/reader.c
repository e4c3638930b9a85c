/*
 * reader CONNINFO SLOT END_LSN SECONDS [OPTIONS]: drains one slot once and prints what its
 * walsender cost, as one line of JSON.
 *
 * The same for every plugin, and as little disturbance as possible: messages are counted and
 * dropped, no feedback is ever sent, so the slot stays where it is and the same WAL can be drained
 * again.
 *
 * The end. A walsender that has decoded all WAL there is sends a keepalive with its position,
 * whatever the plugin has sent, and goes to sleep. A keepalive at or beyond END_LSN therefore ends
 * the drain for a plugin without any output too, and as the process then sleeps, its counters in
 * /proc stand still: the CPU time is exact, to the nanosecond that the scheduler counts in
 * (/proc/PID/schedstat, user and kernel, the whole life of the process including its start).
 *
 * Peak of private memory (RssAnon). The kernel keeps a high-water mark of the whole RSS only.
 * RssAnon is sampled every 5 ms, and VmHWM minus the shared pages at the end is a second lower
 * bound that misses no short peak once the shared pages are mapped; the larger of the two is
 * reported.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kSampleNs = 5000000, kMessageHeaderBytes = 5 };

static PGconn* conn;

static void fail(const char* format, ...) {
  va_list args;

  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  if (conn) PQfinish(conn);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_proc(int pid, const char* name, char* text, size_t size) {
  char path[64];
  FILE* file;
  size_t len;

  snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
  file = fopen(path, "r");
  if (!file) fail("the walsender %d has gone: %s\n", pid, conn ? PQerrorMessage(conn) : "");
  len = fread(text, 1, size - 1, file);
  fclose(file);
  text[len] = '\0';
}

static int64_t status_number(const char* status, const char* key) {
  const char* at = strstr(status, key);

  if (!at) fail("no %s in /proc/PID/status: the kernel is too old\n", key);
  return strtoll(at + strlen(key), NULL, 10);
}

static int64_t cpu_ns(int pid) {
  char text[256];

  read_proc(pid, "schedstat", text, sizeof(text));
  return strtoll(text, NULL, 10);
}

static char process_state(int pid) {
  char text[512];
  char* end;

  read_proc(pid, "stat", text, sizeof(text));
  end = strrchr(text, ')');
  return end ? end[2] : '?';
}

/* CPU time once the process sleeps: two equal readings around a look at its state. */
static int64_t cpu_ns_asleep(int pid) {
  int64_t deadline = now_ns() + INT64_C(10000000000);

  while (now_ns() < deadline) {
    int64_t before = cpu_ns(pid);
    struct timespec pause = {0, 1000000};

    nanosleep(&pause, NULL);
    if (process_state(pid) == 'S' && cpu_ns(pid) == before) return before;
  }
  fail("the walsender does not come to rest after the last row\n");
  return 0;
}

static uint64_t big_endian(const char* bytes) {
  uint64_t value = 0;

  for (int i = 0; i < 8; ++i) value = value << 8 | (unsigned char)bytes[i];
  return value;
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) {
    fprintf(stderr, "usage: reader CONNINFO SLOT END_LSN SECONDS [OPTIONS]\n");
    return 2;
  }
  unsigned high, low;
  if (sscanf(argv[3], "%X/%X", &high, &low) != 2) fail("bad LSN: %s\n", argv[3]);
  const uint64_t end_lsn = (uint64_t)high << 32 | low;

  conn = PQconnectdb(argv[1]);
  if (PQstatus(conn) != CONNECTION_OK) fail("%s", PQerrorMessage(conn));
  const int pid = PQbackendPID(conn);

  char command[4096];
  const char* options = argc == 6 ? argv[5] : "";
  snprintf(command, sizeof(command),
           *options ? "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (%s)"
                    : "START_REPLICATION SLOT \"%s\" LOGICAL 0/0",
           argv[2], options);
  const int64_t start = now_ns();
  const int64_t deadline = start + strtoll(argv[4], NULL, 10) * 1000000000;
  PGresult* result = PQexec(conn, command);
  if (PQresultStatus(result) != PGRES_COPY_BOTH) fail("%s", PQerrorMessage(conn));
  PQclear(result);

  char status[8192];
  int64_t messages = 0, bytes = 0, peak_kb = 0, next_sample = 0;
  for (uint64_t reached = 0; reached < end_lsn;) {
    char* message;
    const int length = PQgetCopyData(conn, &message, 1);

    if (length > 0) {
      if (message[0] == 'w') {
        messages += 1;
        bytes += length + kMessageHeaderBytes;
      } else if (message[0] == 'k') {
        reached = big_endian(message + 1);
      }
      PQfreemem(message);
      if ((messages & 15) != 0) continue;
    } else if (length < 0) {
      result = PQgetResult(conn);
      fail("the stream has ended early: %s", PQerrorMessage(conn));
    }
    const int64_t now = now_ns();
    if (now >= next_sample) {
      read_proc(pid, "status", status, sizeof(status));
      const int64_t anon = status_number(status, "RssAnon:");
      if (anon > peak_kb) peak_kb = anon;
      next_sample = now + kSampleNs;
      if (now > deadline) fail("no end of the stream after %s s\n", argv[4]);
    }
    if (length == 0) {
      struct pollfd wait = {PQsocket(conn), POLLIN, 0};

      if (poll(&wait, 1, kSampleNs / 1000000) > 0 && !PQconsumeInput(conn))
        fail("%s", PQerrorMessage(conn));
    }
  }
  const int64_t wall = now_ns() - start;
  const int64_t cpu = cpu_ns_asleep(pid);
  read_proc(pid, "status", status, sizeof(status));
  const int64_t bound = status_number(status, "VmHWM:") - status_number(status, "RssFile:") -
                        status_number(status, "RssShmem:");
  if (bound > peak_kb) peak_kb = bound;
  /* Each is a wait for the reader (or at the very end for WAL): many mean that it was too slow. */
  const int64_t waits = status_number(status, "\nvoluntary_ctxt_switches:");
  printf("{\"cpu_ns\": %lld, \"wall_ns\": %lld, \"messages\": %lld, \"bytes\": %lld, ",
         (long long)cpu, (long long)wall, (long long)messages, (long long)bytes);
  printf("\"peak_anon_kb\": %lld, \"waits\": %lld}\n", (long long)peak_kb, (long long)waits);
  PQfinish(conn);
  return 0;
}
