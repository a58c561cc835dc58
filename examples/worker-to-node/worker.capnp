using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [
        (name = "worker.js", esModule = embed "build/worker.js"),
        (name = "channel.wasm", wasm = embed "build/channel.wasm"),
      ],
      bindings = [(name = "SERVER", fromEnvironment = "SERVER")],
      compatibilityDate = "2025-06-01",
    )),
    # On Cloudflare, connect() reaches the Internet. This lets it reach this machine.
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
