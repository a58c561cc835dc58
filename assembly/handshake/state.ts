// What a handshake keeps from one message to the next; wiped and freed when it is over.

import { HELLO_2_BYTES, KEY_BYTES, VERSION_BYTES } from "../../src/wire/layout"
import {
  HANDSHAKE_ADDRESSED, HANDSHAKE_ADDRESSED_SHARED, HANDSHAKE_BYTES, HANDSHAKE_EXPECTED, HANDSHAKE_GOT, HANDSHAKE_HEAD,
  HANDSHAKE_MESSAGE, HANDSHAKE_MORE, HANDSHAKE_MORE_KEYS, HANDSHAKE_OFFER, HANDSHAKE_PEER_SESSION,
  HANDSHAKE_PUBLIC_KEY, HANDSHAKE_RUNNING, HANDSHAKE_SECRET_KEY, HANDSHAKE_SESSION_KEYS, HANDSHAKE_SESSION_PUBLIC,
  HANDSHAKE_SESSION_SECRET, HANDSHAKE_SIZE, OFFER_BYTES, OFFER_HELLO, OFFER_KEM_SECRET
} from "../../src/wire/memory"
import { Arena, allocate, release } from "../memory"
import { Hello2 } from "../wire/hello"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Handshake {
  get secretKey(): usize { return changetype<usize>(this) + HANDSHAKE_SECRET_KEY }
  get publicKey(): usize { return changetype<usize>(this) + HANDSHAKE_PUBLIC_KEY }
  get sessionSecret(): usize { return changetype<usize>(this) + HANDSHAKE_SESSION_SECRET }
  get sessionPublic(): usize { return changetype<usize>(this) + HANDSHAKE_SESSION_PUBLIC }
  get running(): usize { return changetype<usize>(this) + HANDSHAKE_RUNNING }
  get expected(): usize { return changetype<usize>(this) + HANDSHAKE_EXPECTED }
  get addressed(): usize { return changetype<usize>(this) + HANDSHAKE_ADDRESSED }
  /** In version 1 the two keys' crypto_box_beforenm, in version 2 their product. */
  get addressedShared(): usize { return changetype<usize>(this) + HANDSHAKE_ADDRESSED_SHARED }
  get peerSession(): usize { return changetype<usize>(this) + HANDSHAKE_PEER_SESSION }
  get sessionKeys(): usize { return changetype<usize>(this) + HANDSHAKE_SESSION_KEYS }
  get offer(): usize { return load<u32>(changetype<usize>(this), HANDSHAKE_OFFER) }
  set offer(pointer: usize) { store<u32>(changetype<usize>(this), pointer, HANDSHAKE_OFFER) }
  get kemSecret(): usize { return this.offer + OFFER_KEM_SECRET }
  /** The hello that was sent: the key of a reject's box is derived from it. */
  get hello(): Hello2 { return changetype<Hello2>(this.offer + OFFER_HELLO) }
  /** The first four bytes of a message, while it is not yet known how long it is. */
  get head(): u32 { return load<u32>(changetype<usize>(this), HANDSHAKE_HEAD) }
  get message(): usize { return load<u32>(changetype<usize>(this), HANDSHAKE_MESSAGE) }
  set message(pointer: usize) { store<u32>(changetype<usize>(this), pointer, HANDSHAKE_MESSAGE) }
  get size(): u32 { return load<u32>(changetype<usize>(this), HANDSHAKE_SIZE) }
  set size(size: u32) { store<u32>(changetype<usize>(this), size, HANDSHAKE_SIZE) }
  get got(): u32 { return load<u32>(changetype<usize>(this), HANDSHAKE_GOT) }
  set got(count: u32) { store<u32>(changetype<usize>(this), count, HANDSHAKE_GOT) }

  get moreKeys(): usize { return load<u32>(changetype<usize>(this), HANDSHAKE_MORE_KEYS) }
  set moreKeys(pointer: usize) { store<u32>(changetype<usize>(this), pointer, HANDSHAKE_MORE_KEYS) }
  get more(): u32 { return load<u32>(changetype<usize>(this), HANDSHAKE_MORE) }
  set more(count: u32) { store<u32>(changetype<usize>(this), count, HANDSHAKE_MORE) }

  /** Of a server's key pairs, the first of which is its own until it knows better: secret key [32] ‖ public key [32]. */
  pairAt(at: u32): usize {
    return at == 0 ? this.secretKey : this.moreKeys + (at - 1) * PAIR_BYTES
  }

  /** Where the next bytes of the incoming message belong. */
  get window(): usize {
    const message = this.message
    return (message ? message : changetype<usize>(this) + HANDSHAKE_HEAD) + this.got
  }

  get room(): u32 {
    return (this.message ? this.size : VERSION_BYTES) - this.got
  }
}

export function createHandshake(arena: Arena): Handshake {
  return changetype<Handshake>(allocate(arena, HANDSHAKE_BYTES))
}

/** Copies `count` further keys of `bytes` in all. False: no memory. */
export function keepKeys(arena: Arena, handshake: Handshake, keys: usize, count: u32, bytes: u32): bool {
  if (!count) return true
  handshake.moreKeys = allocate(arena, bytes)
  if (!handshake.moreKeys) return false
  handshake.more = count
  memory.copy(handshake.moreKeys, keys, bytes)
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

/** @param keyBytes how many bytes of further keys there are */
export function releaseHandshake(arena: Arena, handshake: Handshake, keyBytes: u32): void {
  if (changetype<usize>(handshake) == 0) return
  forgetMessage(arena, handshake)
  forgetOffer(arena, handshake)
  release(arena, handshake.moreKeys, keyBytes)
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

/** A server's key pair: secret key [32] ‖ public key [32]. */
export const PAIR_BYTES: u32 = 2 * KEY_BYTES

if (OFFER_HELLO + HELLO_2_BYTES != OFFER_KEM_SECRET) ERROR("the hello's length has changed")
if (HANDSHAKE_SECRET_KEY + KEY_BYTES != HANDSHAKE_PUBLIC_KEY) ERROR("a key pair is its secret key, then its public key")
