// Debian builds cpp-httplib as a shared library with these on; they change the layout of its
// classes.
#define CPPHTTPLIB_OPENSSL_SUPPORT
#define CPPHTTPLIB_ZLIB_SUPPORT
#define CPPHTTPLIB_BROTLI_SUPPORT
#include "consumer/app/http_page.h"

#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

namespace app {
namespace {

constexpr size_t kThreads = 2;
constexpr size_t kMaxRequestBytes = 16 << 10;  // nothing here takes a body
constexpr time_t kTimeoutSeconds = 5;
constexpr size_t kKeepAliveRequests = 100;

constexpr std::string_view kPage = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>pgsync-consumer</title>
<style>body{{font-family:sans-serif;margin:2em;max-width:70em}}pre{{background:#f4f4f4;padding:1em;overflow:auto}}
.well{{color:#060}}.ill{{color:#a00}}</style></head>
<body><h1>pgsync-consumer</h1><p class="{}">{}</p><pre>{}</pre>
<p><a href="/metrics">metrics</a> · <a href="/health">health</a></p></body></html>
)";

}  // namespace

struct HttpPage::State {
  Source source;
  httplib::Server server;
  int port = 0;
  std::thread thread;

  std::optional<std::string> Unhealthy() const {
    return source.unhealthy ? source.unhealthy() : std::nullopt;
  }
};

base::Result<std::unique_ptr<HttpPage>> HttpPage::Start(const ListenAddress& address,
                                                        Source source) {
  auto state = std::make_unique<State>();
  state->source = std::move(source);
  State* const s = state.get();
  httplib::Server& server = s->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // httplib owns it
  // The default also sets SO_REUSEPORT, with which two daemons would share one port without a word.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_payload_max_length(kMaxRequestBytes);
  server.set_read_timeout(kTimeoutSeconds);
  server.set_write_timeout(kTimeoutSeconds);
  server.set_keep_alive_timeout(kTimeoutSeconds);
  server.set_keep_alive_max_count(kKeepAliveRequests);
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response,
                                  std::exception_ptr) { response.status = 500; });

  server.Get("/metrics", [s](const httplib::Request&, httplib::Response& response) {
    response.set_content(s->source.metrics ? s->source.metrics->PrometheusText() : "",
                         "text/plain; version=0.0.4; charset=utf-8");
  });
  server.Get("/health", [s](const httplib::Request&, httplib::Response& response) {
    const std::optional<std::string> reason = s->Unhealthy();
    if (reason) response.status = 503;
    const std::string well = s->source.role ? s->source.role() : "ok";
    response.set_content(reason.value_or(well) + "\n", "text/plain; charset=utf-8");
  });
  server.Get("/", [s](const httplib::Request&, httplib::Response& response) {
    const std::optional<std::string> reason = s->Unhealthy();
    const std::string status = s->source.status ? s->source.status() : "";
    response.set_header("Cache-Control", "no-store");
    response.set_content(fmt::format(fmt::runtime(kPage), reason ? "ill" : "well",
                                     HtmlEscaped(reason.value_or("running")), HtmlEscaped(status)),
                         "text/html; charset=utf-8");
  });

  bool bound = false;
  if (address.port == 0) {
    s->port = server.bind_to_any_port(address.host);
    bound = s->port > 0;
  } else {
    s->port = address.port;
    bound = server.bind_to_port(address.host, address.port);
  }
  if (!bound) {
    return base::Refused(fmt::format(
        "--http: cannot listen on {}:{}: the address is in use or not of this machine; choose "
        "another, or leave --http out",
        address.host, address.port));
  }
  s->thread = std::thread([s] { s->server.listen_after_bind(); });
  // Stop before the thread has reached its loop would be lost.
  while (!s->server.is_running()) std::this_thread::yield();
  return std::unique_ptr<HttpPage>(new HttpPage(std::move(state)));
}

HttpPage::HttpPage(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpPage::~HttpPage() { Stop(); }

void HttpPage::Stop() {
  state_->server.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

int HttpPage::port() const { return state_->port; }

std::string HtmlEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace app
