// One client's connection, from its acceptance to its close: TLS, requests one after another,
// responses, deadlines. Called by: http_server.
//
// Invariants
//   CN1  Exactly one asynchronous operation is under way at a time, and it has a deadline; while a
//        password is checked there is none.
//   CN2  A request is read only after the response to the one before it was written: pipelined
//        requests wait in the buffer, and a client that does not read gets no further ones answered.
//   CN3  A body sent with a request is never read as a request: the connection ends instead.
//   CN4  A response is written slice by slice. A client that takes longer than slice_deadline for one
//        is cut, however many bytes it takes now and then.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>

#include "agent/http/http_service.h"

namespace notch::agent {

// Takes over `socket`; the connection keeps itself and the service alive until it ends. Closes it if
// there is no room. Cost: some allocations, and the stat(2) calls of WebSecurityFile::current().
void serve_connection(std::shared_ptr<HttpService> service,
                      boost::asio::generic::stream_protocol::socket socket);

}  // namespace notch::agent
