// nopki/http in Node, Deno and Bun: HTTP/1.1 and HTTP/2 over channels, with node:http, node:http2 and undici.

export { type AgentOptions, createAgent } from './agent.js'
export { type Connector, type ConnectorOptions, createConnector } from './connector.js'
export { type HttpServer, serveHttp } from './serve.js'
