// What both versions' handshakes share: options, results, the hello's box and the reject. One function per message and
// side is in version1.ts and version2.ts.

import {
  BOX_LENGTH,
  concat,
  cut,
  dh,
  drawKeyPair,
  generichash,
  type KeyPair,
  NONCE_LENGTH,
  openFrom,
  openUnder,
  type Random,
  readU16,
  readU32,
  sealUnder,
  sodium,
  u16,
  u32,
  utf8,
} from './primitives.js'

export type Version = 1 | 2

export interface ClientOptions {
  longTerm: KeyPair
  /** The pinned server key; without it the client takes, and reports, whatever key the server proves. */
  serverKey?: Uint8Array | undefined
  /** Further keys that it takes in place of that one. */
  otherServerKeys?: Uint8Array[] | undefined
  middleboxKey?: Uint8Array | undefined
  /** Version 2 only. */
  context?: Uint8Array | undefined
  random: Random
}

export interface ServerOptions {
  /** What is proved to those who ask for none. */
  longTerm: KeyPair
  /** Further keys, which are proved to those who ask for them. */
  others?: KeyPair[] | undefined
  /** Version 2 only. */
  context?: Uint8Array | undefined
  random: Random
}

export interface Established {
  version: Version
  clientToServer: Uint8Array
  serverToClient: Uint8Array
  /** The long-term key that the other end has proved. */
  remotePublicKey: Uint8Array
  /** Null in version 1, as is the exporter secret. */
  handshakeHash: Uint8Array | null
  exporterSecret: Uint8Array | null
}

/** The codes of a reject. */
export const REJECT = { notMyKey: 1, noRoute: 2, backendUnreachable: 3, versionNotServed: 4 } as const

export const REJECT_VERSION = 0x526b706e
export const REJECT_LENGTH = 4 + BOX_LENGTH

/** Thrown by a server that cannot serve a hello: `reject` goes out before the socket closes; null in version 1. */
export class Refused extends Error {
  readonly reject: Uint8Array | null
  constructor(message: string, reject: Uint8Array | null) {
    super(message)
    this.reject = reject
  }
}

/** Thrown by a client whose hello was answered with a reject. `code` is null where the reject could not be verified. */
export class Rejected extends Error {
  readonly code: number | null
  constructor(code: number | null) {
    super(code === null ? 'rejected, but the rejection could not be verified' : `rejected with code ${code}`)
    this.code = code
  }
}

/** Thrown by a server that finds the response bad. Version 1 has keys, for alert 2; version 2 closes in silence. */
export class BadResponse extends Error {
  readonly keys: { clientToServer: Uint8Array; serverToClient: Uint8Array } | null
  constructor(message: string, keys: BadResponse['keys']) {
    super(`bad challenge response: ${message}`)
    this.keys = keys
  }
}

/** Which key the hello names and which it is sealed to. Draws the fake ones, whose secrets are thrown away. */
export function chooseHelloKeys(options: ClientOptions): { expected: Uint8Array; addressed: Uint8Array } {
  const { serverKey, middleboxKey, random } = options
  const expected = serverKey ?? drawKeyPair(random).publicKey
  const addressed = middleboxKey ?? serverKey ?? drawKeyPair(random).publicKey
  return { expected, addressed }
}

/** Version 2: the key of the hello's box. `hello` may lack the box itself. */
export function helloBoxKey(shared: Uint8Array, hello: Uint8Array): Uint8Array {
  return generichash(32, concat(utf8('nopki/2 hello'), hello.subarray(0, HELLO_BOX)), shared)
}

/** Version 2: the key of the reject's box, of the whole hello. */
export function rejectBoxKey(shared: Uint8Array, hello: Uint8Array): Uint8Array {
  return generichash(32, concat(utf8('nopki/2 reject'), hello), shared)
}

/** What the hello's box names, for a server or middlebox: null where the box is not for this long-term key. */
export function openHelloBox(hello: Uint8Array, version: Version, longTerm: KeyPair): Uint8Array | null {
  const clientSession = hello.subarray(4, 36)
  const box = hello.subarray(-BOX_LENGTH)
  if (version === 1) return openFrom(box, clientSession, longTerm.secretKey)
  return openUnder(helloBoxKey(dh(longTerm.secretKey, clientSession), hello), box)
}

/**
 * Which of the server's keys is to be proved. Throws `Refused` if the hello's box opens under one of them and names none; a box that does
 * not open was for a middlebox.
 */
export function chooseLongTerm(hello: Uint8Array, version: Version, options: ServerOptions): KeyPair {
  const all = [options.longTerm, ...(options.others ?? [])]
  for (const longTerm of all) {
    const named = openHelloBox(hello, version, longTerm)
    if (!named) continue
    const wanted = all.find(it => sodium.memcmp(named, it.publicKey))
    if (wanted) return wanted
    const reject = version === 2 ? writeReject(hello, REJECT.notMyKey, { ...options, longTerm }) : null
    throw new Refused('the hello names another server key', reject)
  }
  return options.longTerm
}

/** Whether a key that a server claims is one that its client takes. */
export function isPinned(key: Uint8Array, { serverKey, otherServerKeys = [] }: ClientOptions): boolean {
  return !serverKey || [serverKey, ...otherServerKeys].some(it => sodium.memcmp(it, key))
}

/** The reject for a version 2 hello whose box has opened. */
export function writeReject(hello: Uint8Array, code: number, { longTerm, random }: ServerOptions): Uint8Array {
  const key = rejectBoxKey(dh(longTerm.secretKey, hello.subarray(4, 36)), hello)
  return concat(u32(REJECT_VERSION), sealUnder(key, concat(u16(code), new Uint8Array(30)), random(NONCE_LENGTH)))
}

/** What a reject says to the client that sent `hello`, addressed to `addressed`. */
export function readReject(
  reject: Uint8Array,
  { session, addressed, hello }: { session: KeyPair; addressed: Uint8Array; hello: Uint8Array },
): Rejected {
  const [version, box] = cut(reject, 4, BOX_LENGTH)
  if (readU32(version!) !== REJECT_VERSION) throw new Error('not a reject')
  const data = openUnder(rejectBoxKey(dh(session.secretKey, addressed), hello), box!)
  const genuine = data !== null && sodium.is_zero(data.subarray(2))
  return new Rejected(genuine ? readU16(data) : null)
}

// Where version 2's hello has its box.
const HELLO_BOX = 1220
