// Asks a site by both of the JDK's clients: java Ask URL COUNT; prints a line for each: its name, and how many answers had
// the status that was expected. Called by: app_servers_test.py.
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Ask {
    private static int byConnection(String site, int count) throws Exception {
        int answered = 0;
        for (int i = 0; i < count; i++) {
            boolean isPost = i % 3 == 1;
            String path = i % 10 == 9 ? "/absent" : "/page";
            var connection = (HttpURLConnection) URI.create(site + path).toURL().openConnection();
            if (isPost) {
                connection.setDoOutput(true);
                if (i % 2 == 1) connection.setChunkedStreamingMode(100);
                connection.getOutputStream().write(new byte[1000]);
                connection.getOutputStream().close();
            }
            int status = connection.getResponseCode();
            var stream = status < 400 ? connection.getInputStream() : connection.getErrorStream();
            stream.readAllBytes();
            stream.close();
            if (status == (i % 10 == 9 ? 404 : 200)) answered++;
        }
        return answered;
    }

    private static int byClient(String site, int count) throws Exception {
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        int answered = 0;
        for (int i = 0; i < count; i++) {
            String path = i % 10 == 9 ? "/absent" : "/page";
            var request = HttpRequest.newBuilder(URI.create(site + path));
            if (i % 3 == 1) request.POST(HttpRequest.BodyPublishers.ofByteArray(new byte[1000]));
            int status = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray()).statusCode();
            if (status == (i % 10 == 9 ? 404 : 200)) answered++;
        }
        return answered;
    }

    public static void main(String[] arguments) throws Exception {
        int count = Integer.parseInt(arguments[1]);
        System.out.println("connection " + byConnection(arguments[0], count));
        System.out.println("client " + byClient(arguments[0], count));
        System.exit(0);
    }
}
