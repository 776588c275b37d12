"""An HTTPS server that keeps what is put; says on stderr what came. Prints its port."""
import http.server
import ssl
import sys

VALUES = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        value = self.rfile.read(int(self.headers["Content-Length"]))
        VALUES[self.path] = value
        print("PUT", self.path, self.headers["x-amz-content-sha256"], value.decode(),
              file=sys.stderr, flush=True)
        self.reply(200)

    def do_GET(self):
        self.reply(200 if self.path in VALUES else 404, VALUES.get(self.path, b""))

    def log_message(self, *args):
        pass


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
