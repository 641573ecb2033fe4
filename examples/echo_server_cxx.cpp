/* echo_server_cxx [PORT]: echo_server in C++, by runnel.hpp. Ends in order on Ctrl-C. */
#include <runnel.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>

static void echo(runnel::reader in, runnel::writer out)
{
    runnel::bytes line;

    /* check() throws what is a failure; it ends this connection, with that code. */
    while (runnel::check(in.readline(line)), !line.empty()) {
        out.write(line);
        runnel::check(out.drain());
    }
}

static void serve(std::uint16_t port)
{
    runnel::server server;
    const int signals[] = {SIGINT, SIGTERM};
    int got;

    runnel::check(runnel::server::start(server, echo, "127.0.0.1", port));
    std::printf("serving on 127.0.0.1:%u\n", unsigned(server.port()));
    std::fflush(stdout);
    runnel::check(rnl_wait_signal(signals, 2, &got));
    server.close();
    server.close_clients(); /* those that rest would rest on */
    runnel::check(server.shutdown(std::chrono::seconds(1)));
}

int main(int argc, char **argv)
{
    std::uint16_t port = argc > 1 ? std::uint16_t(std::atoi(argv[1])) : std::uint16_t(8888);

    try {
        runnel::run([port] { serve(port); });
    } catch (const std::exception &e) {
        std::fprintf(stderr, "echo_server_cxx: %s\n", e.what());
        return 1;
    }
}
