/**
 * Frees bytes that nobody reads any more, if they have a buffer of their own, and detaches that. What is left to garbage collection
 * stays for long: engines begin to collect when tens of megabytes wait outside of their heap. A fast peer has sent as much again before
 * they are done; and memory that is used again at once is still in the processor's cache.
 */
export function discard(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer
  if (bytes.length < buffer.byteLength || bytes.length === 0) return
  // A browser holds a buffer's memory in an object of its own as well, and Node 20 has no `transfer`: a message takes it from there.
  if (!inBrowser() && transferred(buffer)) return
  nowhere()?.postMessage(0, [buffer])
}

/** SES has a `transfer` that throws, where the engine has none. */
function transferred(buffer: ArrayBuffer & { transfer?(length: number): ArrayBuffer }): boolean {
  try {
    return buffer.transfer?.(0) !== undefined
  } catch {
    return false
  }
}

/** Whether this is a page, or a worker of one. */
export function inBrowser(): boolean {
  return 'isSecureContext' in globalThis
}

/** A port whose messages are dropped, with what they carry. Undefined where the runtime has none. */
function nowhere(): MessagePort | undefined {
  if (!port && 'MessageChannel' in globalThis) {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    port = port1
  }
  return port
}

let port: MessagePort | undefined
