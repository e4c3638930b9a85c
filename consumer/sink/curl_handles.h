// The owners of libcurl's handles. Only for .cpp files of this room.
#pragma once

#include <curl/curl.h>

#include <memory>

namespace sink {

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
using CurlEasy = std::unique_ptr<CURL, EasyDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, ListDeleter>;

// Before any handle, as often as one likes.
inline void StartCurl() {
  // Once per process; libcurl wants no more, and freeing it at exit would race with threads.
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)started;
}

}  // namespace sink
