// A site by the JDK's own server: java Site PORT LOG [KEYSTORE]; with a keystore it speaks TLS. A line of the log for each
// request: its status, and whether request and answer were whole. Called by: app_servers_test.py.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.FileWriter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

public class Site {
    private static FileWriter log;

    private static synchronized void note(int status, String end) throws IOException {
        log.write(status + " " + end + "\n");
        log.flush();
    }

    private static byte[] bodyOf(String path) {
        switch (path) {
            case "/page": return "hello\n".repeat(100).getBytes();
            case "/fails": return "failed".getBytes();
            case "/large": return "l".repeat(5000000).getBytes();
            default: return "none".getBytes();
        }
    }

    private static void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        int status = path.equals("/fails") ? 500 : path.equals("/page") || path.equals("/large") ? 200 : 404;
        try {
            int size = exchange.getRequestBody().readAllBytes().length;
            boolean isPost = exchange.getRequestMethod().equals("POST");
            byte[] body = isPost ? String.valueOf(size).getBytes() : bodyOf(path);
            boolean isHead = exchange.getRequestMethod().equals("HEAD");
            exchange.sendResponseHeaders(status, isHead ? -1 : body.length);
            if (!isHead) exchange.getResponseBody().write(body);
            exchange.close();
            note(status, "whole");
        } catch (IOException end) {
            note(status, "broken");
            exchange.close();
        }
    }

    private static SSLContext contextOf(String path) throws Exception {
        char[] password = "password".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(path), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    public static void main(String[] arguments) throws Exception {
        log = new FileWriter(arguments[1], true);
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        HttpServer server;
        if (arguments.length > 2) {
            HttpsServer secure = HttpsServer.create(address, 0);
            secure.setHttpsConfigurator(new HttpsConfigurator(contextOf(arguments[2])));
            server = secure;
        } else {
            server = HttpServer.create(address, 0);
        }
        server.createContext("/", Site::answer);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }
}
