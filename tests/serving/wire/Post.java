// POST the bytes of a file with the JDK's own client and its defaults, which offer HTTP/2 first:
// once with a length, once in chunks, and once more on a connection that is open by then.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

public class Post {
    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newHttpClient();
        var content = Files.readAllBytes(Path.of(arguments[1]));
        var bodies = new HttpRequest.BodyPublisher[] {
            HttpRequest.BodyPublishers.ofByteArray(content),
            HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(content)),
            HttpRequest.BodyPublishers.ofByteArray(content),
        };
        for (var body : bodies) {
            var request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .header("Content-Type", "application/octet-stream")
                .POST(body)
                .build();
            var reply = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(reply.statusCode() + " " + reply.version() + " " + reply.body());
        }
    }
}
