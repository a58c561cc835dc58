declare module 'cloudflare:sockets' {
  interface Socket {
    readable: ReadableStream<Uint8Array>
    writable: WritableStream<Uint8Array>
    close(): Promise<void>
  }
  export function connect(address: { hostname: string; port: number }, options?: { allowHalfOpen: boolean }): Socket
}

/** channel.wasm as it is in the configuration, as data. */
declare module 'channel.bytes' {
  const bytes: ArrayBuffer
  export default bytes
}
