// What every runtime does in turn: seals or opens records, with one channel.wasm or another.

import { Core, Engine, RecordOpener } from '../../build/src/engine/index.js'
import { drawKeyPair } from '../../build/src/keys/pair.js'

/**
 * @typedef {{ module: string, what: 'seal' | 'open', length: number, count: number }} Ask records of `length` bytes of data, `count` of them
 * @param {Record<string, WebAssembly.Module>} modules by name
 * @returns {(ask: Ask) => void}
 */
export function worker(modules) {
  /** @type {Map<string, Side>} */
  const sides = new Map()
  return ({ module, what, length, count }) => {
    const name = `${module} ${length}`
    const side = sides.get(name) ?? new Side(/** @type {WebAssembly.Module} */ (modules[module]), length)
    sides.set(name, side)
    side[what](count)
  }
}

class Side {
  /** @param {WebAssembly.Module} module @param {number} length */
  constructor(module, length) {
    this.core = new Core(module)
    this.data = new Uint8Array(length).fill(7)
    const keyPair = drawKeyPair(this.core)
    /** @type {Uint8Array | undefined} of the client's direction */
    this.key = undefined
    const onKeys = (/** @type {string} */ line) => {
      const [, key] = /CLIENT_TO_SERVER \w+ (\w+)/.exec(line) ?? []
      if (key) this.key = bytesOf(key)
    }
    this.client = Engine.client(this.core, { keyPair, serverKey: keyPair.publicKey, onKeys })
    const server = Engine.server(this.core, { keyPair })
    server.receive(this.client.take())
    this.client.receive(server.take())
    this.client.advance()
    this.client.take()
    /** Records in their order from the first one on, about 1 MiB of them. */
    this.sealed = Array.from({ length: Math.min(1024, Math.ceil(2 ** 20 / length)) }, () => this.next())
  }

  next() {
    this.client.write(this.data)
    return this.client.take()
  }

  /** @param {number} count */
  seal(count) {
    for (let at = 0; at < count; at++) this.next()
  }

  /** @param {number} count */
  open(count) {
    for (let left = count; left > 0; left -= this.sealed.length) {
      const opener = new RecordOpener(this.core, 2, /** @type {Uint8Array} */ (this.key))
      for (const record of this.sealed.slice(0, left)) opener.open(record)
      opener.close()
    }
  }
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}
