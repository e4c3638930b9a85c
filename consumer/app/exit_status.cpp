// The exit status tells a service manager, or a script, what to do about the error.
#include "consumer/app/commands.h"

namespace app {

int ExitStatus(const base::Status& status) {
  if (status) return 0;
  switch (status.error().kind) {
    case base::ErrorKind::kUsage:
      return 2;
    case base::ErrorKind::kRefused:
      return 3;
    default:
      return 1;
  }
}

}  // namespace app
