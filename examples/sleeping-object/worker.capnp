using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [
        (name = "worker.js", esModule = embed "build/worker.js"),
        (name = "channel.wasm", wasm = embed "build/channel.wasm"),
      ],
      bindings = [
        (name = "ROOMS", durableObjectNamespace = "Room"),
        (name = "SECRET_KEY", fromEnvironment = "SECRET_KEY"),
      ],
      durableObjectNamespaces = [(className = "Room", uniqueKey = "nopki-room")],
      durableObjectStorage = (inMemory = void),
      compatibilityDate = "2025-06-01",
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
