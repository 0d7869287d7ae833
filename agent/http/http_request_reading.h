// From a parsed head to a Request, or to the response that refuses it. Called by: http_connection.
#pragma once

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <optional>

#include "agent/http/http_message.h"
#include "agent/http/http_options.h"

namespace notch::agent {

// The response to a head that could not be read; nullopt if the client is simply gone.
std::optional<Response> refusal_of(const boost::beast::error_code& failure);

// Fills all of `request` but its peer. A value means: refuse with it.
std::optional<Response> read_request(
    const boost::beast::http::request<boost::beast::http::empty_body>& head,
    const HttpOptions& options, Request& request);

}  // namespace notch::agent
