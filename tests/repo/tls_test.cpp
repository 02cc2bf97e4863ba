// Against a TLS server of another make: openssl's, with certificates made here.
#include "support/catch.hpp"

#include <cstdlib>

#include <poll.h>
#include <unistd.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/process.hpp"
#include "repo/fetching.hpp"
#include "support/http_server.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::download_to;
using test::fetch_one;
using test::quick_network;
using test::show;
using test::TempDir;
using test::write_bytes;

namespace {

std::string openssl() {
    const auto program = base::find_program("openssl");
    if (!program)
        throw std::runtime_error("these tests need the program openssl");
    return program->string();
}

/// A self-signed certificate for `subject` ("IP:127.0.0.1") in CERT.pem, its key in CERT.key.
void make_certificate(const std::filesystem::path& cert, const std::string& subject) {
    base::Command command;
    command.argv = {openssl(),
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=test",
                    "-addext",
                    "subjectAltName=" + subject,
                    "-keyout",
                    cert.string() + ".key",
                    "-out",
                    cert.string() + ".pem"};
    const auto output = base::run(command, std::chrono::seconds(60));
    INFO(output.err);
    REQUIRE(output.exit.success());
}

/// Serves the files of a directory as complete HTTP responses.
class TlsServer {
  public:
    TlsServer(const std::filesystem::path& directory, const std::filesystem::path& cert) {
        base::Pipe pipe = base::make_pipe();
        base::Command command;
        command.argv = {openssl(),
                        "s_server",
                        "-accept",
                        "127.0.0.1:0",
                        "-HTTP",
                        "-cert",
                        cert.string() + ".pem",
                        "-key",
                        cert.string() + ".key"};
        command.working_directory = directory.string();
        command.standard_output = pipe.write_end.get();
        child_ = std::make_unique<base::Child>(base::Child::start(command));
        pipe.write_end.reset();
        // It says "ACCEPT 127.0.0.1:PORT".
        std::string said;
        const auto deadline = base::steady_now() + std::chrono::seconds(60);
        while (said.find('\n', said.find("ACCEPT")) == std::string::npos ||
               said.find("ACCEPT") == std::string::npos) {
            pollfd ready{pipe.read_end.get(), POLLIN, 0};
            char buffer[512];
            if (base::steady_now() > deadline || ::poll(&ready, 1, 1000) < 0)
                throw std::runtime_error("openssl s_server does not start: " + said);
            if ((ready.revents & (POLLIN | POLLHUP)) == 0)
                continue;
            const ssize_t count = ::read(pipe.read_end.get(), buffer, sizeof buffer);
            if (count <= 0)
                throw std::runtime_error("openssl s_server ended: " + said);
            said.append(buffer, static_cast<std::size_t>(count));
        }
        const std::size_t line = said.find("ACCEPT");
        const std::size_t colon = said.rfind(':', said.find('\n', line));
        port_ = said.substr(colon + 1, said.find('\n', line) - colon - 1);
        output_ = std::move(pipe.read_end);
    }
    std::string url() const { return "https://127.0.0.1:" + port_; }

  private:
    std::unique_ptr<base::Child> child_;
    base::Fd output_; ///< open, so that it does not fail when it says more
    std::string port_;
};

std::string response(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string redirect(const std::string& url) {
    return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + url + "\r\n\r\n";
}

} // namespace

TEST_CASE("https needs a certificate that is trusted and for that host", "[repo][fetch][tls]") {
    const TempDir served, dir;
    write_bytes(served / "x", response("fine"));
    make_certificate(dir / "right", "IP:127.0.0.1");
    make_certificate(dir / "wrong", "DNS:elsewhere.invalid");
    jail::NetworkConfig network = quick_network();

    {
        const TlsServer server(served.path(), dir / "right");
        CHECK_THAT(show(fetch_one(download_to(dir / "x", server.url() + "/x"), network)),
                   ContainsSubstring("failed 0 bytes: the server's certificate is not trusted"));
        network.ca_file = (dir / "right.pem").string();
        CHECK(show(fetch_one(download_to(dir / "x", server.url() + "/x"), network)) == "complete 4 bytes");
        network.ca_file = (dir / "none.pem").string();
        CHECK_THAT(show(fetch_one(download_to(dir / "y", server.url() + "/x"), network)),
                   ContainsSubstring("cannot read the certificates of the authorities"));
    }
    const TlsServer server(served.path(), dir / "wrong");
    network.ca_file = (dir / "wrong.pem").string();
    CHECK_THAT(show(fetch_one(download_to(dir / "y", server.url() + "/x"), network)),
               ContainsSubstring("failed 0 bytes: the server's certificate is not trusted"));
}

TEST_CASE("https leads to https only, also on the way from http", "[repo][fetch][tls][hostile]") {
    const TempDir served, plain, dir;
    make_certificate(dir / "cert", "IP:127.0.0.1");
    write_bytes(plain / "secret", "unprotected");
    test::HttpServer http(plain.path());
    const TlsServer server(served.path(), dir / "cert");
    write_bytes(served / "x", response("fine"));
    write_bytes(served / "up", redirect(server.url() + "/x"));
    write_bytes(served / "down", redirect(http.url() + "/secret"));
    write_bytes(served / "file", redirect("file:///etc/passwd"));
    http.behave("/to-https", {.redirect_to = server.url() + "/x"});
    http.behave("/and-back", {.redirect_to = server.url() + "/down"});
    jail::NetworkConfig network = quick_network();
    network.ca_file = (dir / "cert.pem").string();
    const auto fetch_from = [&](const std::string& url) {
        return show(fetch_one(download_to(dir / "out", url), network));
    };

    CHECK(fetch_from(server.url() + "/up") == "complete 4 bytes");
    CHECK(fetch_from(http.url() + "/to-https") == "complete 4 bytes");
    const std::string refused =
        "failed 0 bytes: redirects from https to " + http.url() + "/secret, which is not followed";
    CHECK(fetch_from(server.url() + "/down") == refused);
    CHECK(fetch_from(http.url() + "/and-back") == refused);
    CHECK(fetch_from(server.url() + "/file") ==
          "failed 0 bytes: redirects from https to file:///etc/passwd, which is not followed");
    CHECK(http.log() == "/to-https 302 0\n/and-back 302 0\n");
}
