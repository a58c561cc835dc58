import net from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Whether it is a socket that nothing extends or wraps. What does may read in its own way, or pass on later what it was given to write,
 * and keeps hold of it until then.
 */
export function isUntouched(transport: Duplex): boolean {
  const it = transport as net.Socket
  return (
    Object.getPrototypeOf(it) === net.Socket.prototype &&
    it.write === write &&
    it._write === _write &&
    it._writev === _writev &&
    it.push === push &&
    it.read === read &&
    it.emit === emit &&
    it.on === on
  )
}

// As they are when this is loaded.
const { write, _write, _writev, push, read, emit, on } = net.Socket.prototype
