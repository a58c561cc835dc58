// What a handshake keeps from one message to the next; wiped and freed when it is over.

import { HELLO_2_BYTES, KEY_BYTES, VERSION_BYTES } from "../../src/wire/layout"
import { Arena, allocate, release } from "../memory"
import { KEM_SECRET_KEY_BYTES } from "../sodium"
import { RUNNING_BYTES } from "../transcript"
import { Hello2 } from "../wire/hello"

/*
 * ┌───────────────────────────────────────────────────────────────────────────┐
 * │ own long-term secret [32] ‖ public [32]                                   │
 * │ own session secret [32] ‖ public [32]                                     │
 * │ running transcript: h [32] ‖ ck [32]                 (version 2)          │
 * │ expected key [32]: the pinned server key             (client)             │
 * │ addressed key [32]: what opens the hello's box       (client)             │
 * │ peer's session public key [32]                       (server)             │
 * │ addressed shared [32]: of that key and our session key; once both have    │
 * │   proved their keys, in its place: session keys [64], client to server    │
 * │   ‖ server to client                                                      │
 * │ offer: pointer to ML-KEM secret key [2400] ‖ hello [1292]                 │
 * │                                                      (client, version 2)  │
 * │ incoming message: head [4], pointer, size, got                            │
 * │ further keys: pointer, count, bytes. Of a server: secret [32] ‖ public [32] each; │
 * │   of a client: public [32] each, which it accepts beside the expected one  │
 * └───────────────────────────────────────────────────────────────────────────┘
 */
const SECRET_KEY: usize = 0
const PUBLIC_KEY: usize = SECRET_KEY + KEY_BYTES
const SESSION_SECRET: usize = PUBLIC_KEY + KEY_BYTES
const SESSION_PUBLIC: usize = SESSION_SECRET + KEY_BYTES
const RUNNING: usize = SESSION_PUBLIC + KEY_BYTES
const EXPECTED: usize = RUNNING + RUNNING_BYTES
const ADDRESSED: usize = EXPECTED + KEY_BYTES
const PEER_SESSION: usize = ADDRESSED + KEY_BYTES
const ADDRESSED_SHARED: usize = PEER_SESSION + KEY_BYTES
const SESSION_KEYS: usize = ADDRESSED_SHARED
const OFFER: usize = SESSION_KEYS + 2 * KEY_BYTES
const HEAD: usize = OFFER + 4
const MESSAGE: usize = HEAD + VERSION_BYTES
const SIZE: usize = MESSAGE + 4
const GOT: usize = SIZE + 4
const MORE_KEYS: usize = GOT + 4
const MORE: usize = MORE_KEYS + 4
const MORE_BYTES: usize = MORE + 4
const HANDSHAKE_BYTES: usize = MORE_BYTES + 4
/** A server's key pair: secret key [32] ‖ public key [32]. */
export const PAIR_BYTES: u32 = 2 * KEY_BYTES
const OFFER_BYTES: usize = KEM_SECRET_KEY_BYTES + HELLO_2_BYTES

@unmanaged
export class Handshake {
  get secretKey(): usize { return changetype<usize>(this) + SECRET_KEY }
  get publicKey(): usize { return changetype<usize>(this) + PUBLIC_KEY }
  get sessionSecret(): usize { return changetype<usize>(this) + SESSION_SECRET }
  get sessionPublic(): usize { return changetype<usize>(this) + SESSION_PUBLIC }
  get running(): usize { return changetype<usize>(this) + RUNNING }
  get expected(): usize { return changetype<usize>(this) + EXPECTED }
  get addressed(): usize { return changetype<usize>(this) + ADDRESSED }
  /** In version 1 the two keys' crypto_box_beforenm, in version 2 their product. */
  get addressedShared(): usize { return changetype<usize>(this) + ADDRESSED_SHARED }
  get peerSession(): usize { return changetype<usize>(this) + PEER_SESSION }
  get sessionKeys(): usize { return changetype<usize>(this) + SESSION_KEYS }
  get offer(): usize { return load<u32>(changetype<usize>(this), OFFER) }
  set offer(pointer: usize) { store<u32>(changetype<usize>(this), pointer, OFFER) }
  get kemSecret(): usize { return this.offer }
  /** The hello that was sent: the key of a reject's box is derived from it. */
  get hello(): Hello2 { return changetype<Hello2>(this.offer + KEM_SECRET_KEY_BYTES) }
  /** The first four bytes of a message, while it is not yet known how long it is. */
  get head(): u32 { return load<u32>(changetype<usize>(this), HEAD) }
  get message(): usize { return load<u32>(changetype<usize>(this), MESSAGE) }
  set message(pointer: usize) { store<u32>(changetype<usize>(this), pointer, MESSAGE) }
  get size(): u32 { return load<u32>(changetype<usize>(this), SIZE) }
  set size(size: u32) { store<u32>(changetype<usize>(this), size, SIZE) }
  get got(): u32 { return load<u32>(changetype<usize>(this), GOT) }
  set got(count: u32) { store<u32>(changetype<usize>(this), count, GOT) }

  get moreKeys(): usize { return load<u32>(changetype<usize>(this), MORE_KEYS) }
  set moreKeys(pointer: usize) { store<u32>(changetype<usize>(this), pointer, MORE_KEYS) }
  get more(): u32 { return load<u32>(changetype<usize>(this), MORE) }
  set more(count: u32) { store<u32>(changetype<usize>(this), count, MORE) }

  get moreBytes(): u32 { return load<u32>(changetype<usize>(this), MORE_BYTES) }
  set moreBytes(bytes: u32) { store<u32>(changetype<usize>(this), bytes, MORE_BYTES) }

  /** Of a server's key pairs, the first of which is its own until it knows better: secret key [32] ‖ public key [32]. */
  pairAt(at: u32): usize {
    return at == 0 ? this.secretKey : this.moreKeys + (at - 1) * PAIR_BYTES
  }

  /** Where the next bytes of the incoming message belong. */
  get window(): usize {
    const message = this.message
    return (message ? message : changetype<usize>(this) + HEAD) + this.got
  }

  get room(): u32 {
    return (this.message ? this.size : VERSION_BYTES) - this.got
  }
}

export function createHandshake(arena: Arena): Handshake {
  return changetype<Handshake>(allocate(arena, HANDSHAKE_BYTES))
}

/** Copies `count` further keys of `size` bytes each. False: no memory. */
export function keepKeys(arena: Arena, handshake: Handshake, keys: usize, count: u32, size: u32): bool {
  if (!count) return true
  handshake.moreKeys = allocate(arena, count * size)
  if (!handshake.moreKeys) return false
  handshake.more = count
  handshake.moreBytes = count * size
  memory.copy(handshake.moreKeys, keys, count * size)
  return true
}

/** Makes room for an incoming message of `size` bytes, of which the head may have come. False: no memory. */
export function expectMessage(arena: Arena, handshake: Handshake, size: u32): bool {
  const head = handshake.message ? 0 : handshake.got
  forgetMessage(arena, handshake)
  const message = allocate(arena, size)
  if (!message) return false
  if (head) store<u32>(message, handshake.head)
  handshake.message = message
  handshake.size = size
  handshake.got = head
  return true
}

export function releaseHandshake(arena: Arena, handshake: Handshake): void {
  if (changetype<usize>(handshake) == 0) return
  forgetMessage(arena, handshake)
  forgetOffer(arena, handshake)
  release(arena, handshake.moreKeys, handshake.moreBytes)
  release(arena, changetype<usize>(handshake), HANDSHAKE_BYTES)
}

/** Makes room for what version 2's client keeps of its hello. False: no memory. */
export function allocateOffer(arena: Arena, handshake: Handshake): bool {
  handshake.offer = allocate(arena, OFFER_BYTES)
  return handshake.offer != 0
}

export function forgetOffer(arena: Arena, handshake: Handshake): void {
  release(arena, handshake.offer, OFFER_BYTES)
  handshake.offer = 0
}

function forgetMessage(arena: Arena, handshake: Handshake): void {
  release(arena, handshake.message, handshake.size)
  handshake.message = 0
  handshake.size = 0
  handshake.got = 0
}
