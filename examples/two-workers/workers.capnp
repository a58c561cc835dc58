using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "client", worker = (
      modules = [
        (name = "client.js", esModule = embed "build/client.js"),
        (name = "channel.wasm", wasm = embed "build/channel.wasm"),
      ],
      bindings = [
        (name = "COUNTERS", durableObjectNamespace = (className = "Counter", serviceName = "server")),
        (name = "SERVER_KEY", fromEnvironment = "SERVER_KEY"),
      ],
      compatibilityDate = "2025-06-01",
    )),
    (name = "server", worker = (
      modules = [
        (name = "server.js", esModule = embed "build/server.js"),
        (name = "channel.wasm", wasm = embed "build/channel.wasm"),
      ],
      bindings = [(name = "SECRET_KEY", fromEnvironment = "SECRET_KEY")],
      durableObjectNamespaces = [(className = "Counter", uniqueKey = "nopki-counter")],
      durableObjectStorage = (inMemory = void),
      compatibilityDate = "2025-06-01",
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "client")],
);
