// Version 2's running state and what comes of it: docs/protocol.md, "Version 2".

import type { Established } from './handshake.js'
import { concat, cut, generichash, utf8 } from './primitives.js'

const PROTOCOL = 'nopki/2 X25519 ML-KEM-768 XSalsa20-Poly1305 ChaCha20-Poly1305 BLAKE2b'

/** The running state: `h`, the hash of everything said so far, and the chaining key. */
export class Transcript {
  h = generichash(32, utf8(PROTOCOL))
  #ck = this.h

  constructor(context: Uint8Array = new Uint8Array()) {
    this.mixHash(context)
  }

  mixHash(bytes: Uint8Array): void {
    this.h = generichash(32, concat(this.h, bytes))
  }

  /** Returns the box key. */
  mixKey(bytes: Uint8Array): Uint8Array {
    const [ck, boxKey] = cut(generichash(64, concat(bytes, this.h), this.#ck), 32, 32)
    this.#ck = ck!
    return boxKey!
  }

  split(remotePublicKey: Uint8Array): Established {
    const [clientToServer, serverToClient] = cut(generichash(64, this.h, this.#ck), 32, 32)
    const exporterSecret = generichash(64, concat(this.h, utf8('exporter')), this.#ck).subarray(0, 32)
    return {
      version: 2,
      clientToServer: clientToServer!,
      serverToClient: serverToClient!,
      remotePublicKey,
      handshakeHash: this.h,
      exporterSecret,
    }
  }
}

/** A key for the application, from the exporter secret: 16 to 64 bytes. */
export function exportKey(
  exporterSecret: Uint8Array,
  label: Uint8Array | string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const name = typeof label === 'string' ? utf8(label) : label
  if (name.length > 255) throw new Error('a label has at most 255 bytes')
  if (length < 16 || length > 64) throw new Error('an exported key has 16 to 64 bytes')
  return generichash(length, concat(Uint8Array.of(name.length), name, context), exporterSecret)
}
