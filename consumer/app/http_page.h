// HttpPage: what an operator or a monitoring system looks at: /metrics (Prometheus), /health and a
// small status page on /. The home of cpp-httplib. Serves from threads of its own; the callbacks
// are called on them, so they must be thread safe and quick, and they outlive the page. Read only:
// no request changes anything. No secrets go through the callbacks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "consumer/app/config.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"

namespace app {

class HttpPage {
 public:
  struct Source {
    const base::Metrics* metrics = nullptr;
    std::function<std::optional<std::string>()>
        unhealthy;                        // the reason, or nothing when all is well
    std::function<std::string()> status;  // plain text, as `pgsync-consumer status` prints it
    std::function<std::string()> role{};  // what /health says when all is well; else "ok"
  };

  // Binds and serves. kRefused when the address cannot be used. Port 0: any free one, see port().
  static base::Result<std::unique_ptr<HttpPage>> Start(const ListenAddress& address, Source source);

  // Stops.
  ~HttpPage();

  // Stops serving and joins the threads; later calls do nothing.
  void Stop();

  int port() const;

 private:
  struct State;
  explicit HttpPage(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Text made safe inside HTML.
std::string HtmlEscaped(std::string_view text);

}  // namespace app
