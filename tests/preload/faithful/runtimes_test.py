#!/usr/bin/python3
"""node and Java under the library: their own servers and clients, threads, children, files.
Called by: ctest, with faithful_case's arguments and a class.
"""
import unittest

import faithful_case

NODE = r"""
const http = require('http'), fs = require('fs'), zlib = require('zlib'), crypto = require('crypto');
const {Worker} = require('worker_threads'), {execFile, spawnSync} = require('child_process'), dns = require('dns');
const sha = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const server = http.createServer((request, response) => {
  let size = 0; request.on('data', (part) => size += part.length);
  request.on('end', () => { response.statusCode = request.url === '/absent' ? 404 : 200;
    if (request.url === '/big') response.end(Buffer.alloc(3_000_000, 'b'));
    else { response.write(`${request.method} `); response.end(`${request.url} ${size}\n`); } });
});
const ask = (port, method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({port, method, path, agent, host: '127.0.0.1'}, (response) => {
    const parts = []; response.on('data', (part) => parts.push(part));
    response.on('end', () => resolve(`${response.statusCode} ${sha(Buffer.concat(parts))}`)); });
  request.on('error', reject); request.end(body); });
(async () => {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const {port} = server.address();
  for (const [method, path, body] of [['GET', '/'], ['POST', '/in', 'x'.repeat(200000)], ['GET', '/big'],
                                      ['HEAD', '/'], ['GET', '/absent'], ['PUT', '/', 'y']])
    console.log(method, path, await ask(port, method, path, body));
  agent.destroy(); await new Promise((done) => server.close(done));
  const data = Buffer.alloc(2_000_000, 'notch'); fs.writeFileSync('file', data);
  await fs.promises.appendFile('file', 'end'); console.log(sha(await fs.promises.readFile('file')), fs.statSync('file').size);
  console.log(sha(zlib.gunzipSync(zlib.gzipSync(data))), sha(crypto.pbkdf2Sync('p', 's', 20000, 32, 'sha256')));
  console.log(await Promise.all([1, 2, 3].map((n) => new Promise((done) => new Worker(
      'const {workerData, parentPort} = require("worker_threads"); let t = 0; ' +
      'for (let i = 0; i < 1e6; i++) t += i % workerData; parentPort.postMessage(t)',
      {eval: true, workerData: n}).on('message', done)))));
  console.log(spawnSync('sh', ['-c', 'echo out; echo error >&2; exit 4']).status);
  console.log(await new Promise((done) => execFile('cat', ['absent'], (error) => done(error.code))));
  console.log(await new Promise((done) => dns.lookup('localhost', {family: 4}, (error, address) => done(address))));
  console.log(await new Promise((done) => dns.lookup('absent.invalid', (error) => done(error.syscall))));
  process.exitCode = 6;
})();
"""

JAVA = r"""
import com.sun.net.httpserver.HttpServer;
import java.net.*; import java.net.http.*; import java.nio.charset.StandardCharsets; import java.nio.file.*;
import java.util.*; import java.util.concurrent.*; import java.util.stream.*; import java.util.zip.*;
public class Whole {
  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    ExecutorService threads = Executors.newFixedThreadPool(4); server.setExecutor(threads);
    server.createContext("/", exchange -> {
      byte[] in = exchange.getRequestBody().readAllBytes();
      byte[] out = (exchange.getRequestMethod() + exchange.getRequestURI() + in.length).getBytes();
      exchange.sendResponseHeaders(exchange.getRequestURI().getPath().equals("/absent") ? 404 : 200, out.length);
      exchange.getResponseBody().write(out); exchange.close(); });
    server.start();
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    for (String path : List.of("/", "/a", "/absent")) {
      HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path))
          .POST(HttpRequest.BodyPublishers.ofString("x".repeat(100000))).build();
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.body());
    }
    server.stop(0);
    Path file = Path.of("file"); Files.writeString(file, "notch\n".repeat(100000)); System.out.println(Files.size(file));
    CRC32 sum = new CRC32(); sum.update(Files.readAllBytes(file)); System.out.println(sum.getValue());
    List<Future<Long>> parts = new ArrayList<>(); Object lock = new Object(); long[] total = {0};
    for (int t = 0; t < 8; t++) { final int part = t; parts.add(threads.submit(() -> {
        long own = LongStream.range(0, 200000).map(i -> i % (part + 1)).sum();
        for (int i = 0; i < 1000; i++) synchronized (lock) { total[0]++; } return own; })); }
    for (Future<Long> part : parts) System.out.println(part.get());
    System.out.println(total[0]); threads.shutdown();
    Process child = new ProcessBuilder("sh", "-c", "cat; exit 9").start();
    child.getOutputStream().write("to a child\n".getBytes()); child.getOutputStream().close();
    System.out.print(new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8)); System.out.println(child.waitFor());
    try { InetAddress.getByName("absent.invalid"); } catch (UnknownHostException e) { System.out.println("unknown host"); }
    try (Socket socket = new Socket("127.0.0.1", 1)) { } catch (ConnectException e) { System.out.println("refused"); }
    try { deep(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
    try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
    System.exit(3);
  }
  static int deep(int n) { return deep(n + 1) + 1; }
}
"""


class Node(faithful_case.FaithfulCase):
    def test_server_workers_children_files(self):
        self.assert_faithful(self.scenario, trace=False)

    def scenario(self, run):
        return run.run("node", "-e", NODE, environment={"UV_THREADPOOL_SIZE": "2"}) | {"files": run.files()}


class NodeCalls(Node):
    def test_server_workers_children_files(self):
        self.assert_same_calls(self.scenario)


class Java(faithful_case.FaithfulCase):
    def test_server_threads_children_files(self):
        self.assert_faithful(self.scenario, trace=False)

    def scenario(self, run):
        with open(run.path("Whole.java"), "w", encoding="utf-8") as file:
            file.write(JAVA)
        return run.run("java", "-XX:-UsePerfData", "-XX:+UseSerialGC", "-Xshare:auto", "Whole.java") | {"files": run.files()}


class JavaCalls(Java):
    def test_server_threads_children_files(self):
        self.assert_same_calls(self.scenario)


if __name__ == "__main__":
    faithful_case.main("node", "java")
