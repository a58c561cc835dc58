/**
 * Frees bytes that nobody reads any more, if they have a buffer of their own, and detaches that. What is left to garbage collection
 * stays for long: engines begin to collect when tens of megabytes wait outside of their heap, and a fast peer has sent as much again
 * before they are done.
 */
export function discard(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?(length: number): ArrayBuffer }
  if (bytes.length < buffer.byteLength || bytes.length === 0) return
  // A browser holds a buffer's memory in an object of its own as well: only a message takes it from there, and is dropped here.
  if (inBrowser()) nowhere().postMessage(0, [buffer])
  else buffer.transfer?.(0)
}

/** Whether this is a page, or a worker of one. */
export function inBrowser(): boolean {
  return 'isSecureContext' in globalThis
}

/** A port that nobody listens to. */
function nowhere(): MessagePort {
  if (!port) {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    port = port1
  }
  return port
}

let port: MessagePort | undefined
