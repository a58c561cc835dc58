// Messages of an end that holds its keys and seals the wrong thing: every box opens, and what is in it must still be
// compared. No writer makes these. `alter` is given what a proof should say, and returns what it says.

import { type ClientOptions, chooseHelloKeys, REJECT_VERSION, rejectBoxKey, type ServerOptions } from './handshake.js'
import {
  BOX_LENGTH,
  concat,
  dh,
  drawKeyPair,
  NONCE_LENGTH,
  openUnder,
  sealTo,
  sealUnder,
  sodium,
  u16,
  u32,
} from './primitives.js'
import { Transcript } from './transcript.js'
import type { Client1 } from './version1.js'
import { type Client2, encapsulate, VERSION2, writeHello2 } from './version2.js'

type Alter = (right: Uint8Array) => Uint8Array

export function forgeChallenge1(hello: Uint8Array, { longTerm, random }: ServerOptions, alter: Alter): Uint8Array {
  const clientSession = hello.subarray(4, 36)
  const session = drawKeyPair(random)
  const keyBox = sealTo(longTerm.publicKey, random(NONCE_LENGTH), clientSession, session.secretKey)
  const proof = sealTo(alter(clientSession), random(NONCE_LENGTH), clientSession, longTerm.secretKey)
  return concat(session.publicKey, keyBox, proof)
}

export function forgeResponse1(challenge: Uint8Array, { options, session }: Client1, alter: Alter): Uint8Array {
  const { longTerm, random } = options
  const serverSession = challenge.subarray(0, 32)
  const clientBox = sealTo(longTerm.publicKey, random(NONCE_LENGTH), serverSession, session.secretKey)
  return concat(clientBox, sealTo(alter(serverSession), random(NONCE_LENGTH), serverSession, longTerm.secretKey))
}

/** A version 2 hello whose box is sealed as version 1 seals it: as version 2 did before its boxes had keys of their own. */
export function forgeHello2(options: ClientOptions): { hello: Uint8Array; state: Client2 } {
  const { hello, state } = writeHello2(options)
  const { expected, addressed } = chooseHelloKeys(options)
  const box = sealTo(expected, options.random(NONCE_LENGTH), addressed, state.session.secretKey)
  const forged = concat(hello.subarray(0, -BOX_LENGTH), box)
  return { hello: forged, state: { ...state, hello: forged } }
}

/** A reject, likewise. */
export function forgeReject1(hello: Uint8Array, code: number, { longTerm, random }: ServerOptions): Uint8Array {
  const data = concat(u16(code), new Uint8Array(30))
  return concat(u32(REJECT_VERSION), sealTo(data, random(NONCE_LENGTH), hello.subarray(4, 36), longTerm.secretKey))
}

export function forgeChallenge2(hello: Uint8Array, options: ServerOptions, alter: Alter): Uint8Array {
  const { longTerm, context, random } = options
  const clientSession = hello.subarray(4, 36)
  const session = drawKeyPair(random)
  const kem = encapsulate(hello.slice(36, 1220), random(32))
  const head = concat(u32(VERSION2), session.publicKey, kem.ciphertext)
  const transcript = new Transcript(context)
  transcript.mixHash(hello)
  transcript.mixHash(head)
  const k1 = transcript.mixKey(concat(dh(session.secretKey, clientSession), kem.sharedSecret))
  const keyBox = sealUnder(k1, longTerm.publicKey, random(NONCE_LENGTH))
  transcript.mixHash(keyBox)
  const k2 = transcript.mixKey(dh(longTerm.secretKey, clientSession))
  return concat(head, keyBox, sealUnder(k2, alter(transcript.h), random(NONCE_LENGTH)))
}

/** To a good challenge. */
export function forgeResponse2(challenge: Uint8Array, client: Client2, alter: Alter): Uint8Array {
  const { options, session, kemSecretKey, hello } = client
  const { longTerm, context, random } = options
  const serverSession = challenge.subarray(4, 36)
  const transcript = new Transcript(context)
  transcript.mixHash(hello)
  transcript.mixHash(challenge.subarray(0, 1124))
  const kem = sodium.crypto_kem_mlkem768_dec(challenge.slice(36, 1124), kemSecretKey)
  const k1 = transcript.mixKey(concat(dh(session.secretKey, serverSession), kem))
  const serverKey = openUnder(k1, challenge.subarray(1124, 1196))!
  transcript.mixHash(challenge.subarray(1124, 1196))
  transcript.mixKey(dh(session.secretKey, serverKey))
  transcript.mixHash(challenge.subarray(1196))
  const k3 = transcript.mixKey(new Uint8Array())
  const clientBox = sealUnder(k3, longTerm.publicKey, random(NONCE_LENGTH))
  transcript.mixHash(clientBox)
  const k4 = transcript.mixKey(dh(longTerm.secretKey, serverSession))
  return concat(clientBox, sealUnder(k4, alter(transcript.h), random(NONCE_LENGTH)))
}

/** A reject with any 32 bytes in its box. */
export function forgeReject(hello: Uint8Array, { longTerm, random }: ServerOptions, data: Uint8Array): Uint8Array {
  const key = rejectBoxKey(dh(longTerm.secretKey, hello.subarray(4, 36)), hello)
  return concat(u32(REJECT_VERSION), sealUnder(key, data, random(NONCE_LENGTH)))
}
