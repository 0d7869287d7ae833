"""A site as a WSGI program. Called by: app_servers_test.py, in gunicorn."""

ANSWERS = {"/page": ("200 OK", [b"hello\n" * 100]), "/fails": ("500 Internal Server Error", [b"failed"]),
           "/large": ("200 OK", [b"l" * 1000000] * 5)}


def site(environment, start):
    body = environment["wsgi.input"].read()
    status, answer = ANSWERS.get(environment["PATH_INFO"], ("404 Not Found", [b"none"]))
    if environment["REQUEST_METHOD"] == "POST":
        answer = [str(len(body)).encode()]
    size = str(sum(map(len, answer)))
    start(status, [("Content-Type", "text/plain"), ("Content-Length", size)])
    return [] if environment["REQUEST_METHOD"] == "HEAD" else answer
