// The names of what an end does, piece by piece: from what the core asks its host for.

import type { Call, Role } from './end.js'
import { equal } from './memory.js'

/** What an end knows that tells one call from another. */
export interface Known {
  role: Role
  version: 1 | 2
  /** Its own long-term secret key. */
  secretKey: Uint8Array
  /** The key that a client addresses: the server's, as it has it pinned, or a middlebox's. */
  addressed?: Uint8Array | undefined
  /** The server's key, as a client has it pinned. */
  pinned?: Uint8Array | undefined
  /** A client's long-term public key, as its server will learn it. */
  clientKey?: Uint8Array | undefined
}

/** Gives each call of one end its name, in the order in which they come. */
export function actNames(known: Known): (call: Call) => string {
  const drawn = { keys: 0, nonces: 0 }
  const nonces = known.role === 'client' ? CLIENT_NONCES : SERVER_NONCES
  return call => {
    switch (call.kind) {
      case 'random':
        if (call.length === 64) return 'kem-seed'
        if (call.length === 24) return nonces[drawn.nonces++] ?? 'nonce'
        return drawn.keys++ === 0 ? 'session-secret' : 'kem-coins'
      case 'multiply':
        return call.key ? productName(known, call.secret, call.key, drawn.nonces > 0) : 'session-public'
      default:
        return call.kind
    }
  }
}

/** @param late whether the end has sealed a box already */
function productName(known: Known, secret: Uint8Array, key: Uint8Array, late: boolean): string {
  const { role, secretKey, addressed, pinned, clientKey } = known
  const longTerm = equal(secret, secretKey)
  if (role === 'server') return longTerm ? 'es' : clientKey && equal(key, clientKey) ? 'se' : 'ee'
  if (longTerm) return 'se'
  if (!late && addressed && equal(key, addressed)) return pinned && equal(addressed, pinned) ? 'es' : 'em'
  return pinned && equal(key, pinned) ? 'es-late' : 'ee'
}

// Boxes by the order of their nonces ("Draws"); the last is version 1's stream header.
const CLIENT_NONCES = ['hello-box', 'key-box', 'answer', 'stream-header']
const SERVER_NONCES = ['key-box', 'proof', 'stream-header']
