// A site by node's own server: node site.js PORT LOG. A line of the log for each request: its status, which node itself makes
// 400 where the request ends early. Called by: app_servers_test.py.
const fs = require('fs');
const log = fs.openSync(process.argv[3], 'a');
const answers = {'/page': [200, 'hello\n'.repeat(100)], '/fails': [500, 'failed'], '/large': [200, 'l'.repeat(5000000)]};
const server = require('http').createServer((request, response) => {
  let size = 0;
  response.on('close', () => fs.writeSync(log, `${request.complete ? response.statusCode : 400}\n`));
  request.on('error', () => {}).on('data', piece => size += piece.length).on('end', () => {
    const [status, body] = answers[request.url] || [404, 'none'];
    response.statusCode = status;
    response.end(request.method === 'POST' ? String(size) : body);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(3));
  server.closeAllConnections();
});
