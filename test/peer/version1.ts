// The handshake of version 1: docs/protocol.md, "Version 1".

import {
  BadResponse,
  type ClientOptions,
  chooseHelloKeys,
  chooseLongTerm,
  type Established,
  isPinned,
  type ServerOptions,
} from './handshake.js'
import {
  BOX_LENGTH,
  concat,
  cut,
  drawKeyPair,
  KEY_LENGTH,
  type KeyPair,
  NONCE_LENGTH,
  openFrom,
  readU32,
  sealTo,
  sodium,
  u32,
} from './primitives.js'

export const VERSION1 = 0x6e65724f
export const HELLO1_LENGTH = 108
export const CHALLENGE1_LENGTH = 176
export const RESPONSE1_LENGTH = 144

export interface Client1 {
  options: ClientOptions
  session: KeyPair
  addressed: Uint8Array
}

export interface Server1 {
  session: KeyPair
  clientSession: Uint8Array
}

export function writeHello1(options: ClientOptions): { hello: Uint8Array; state: Client1 } {
  const session = drawKeyPair(options.random)
  const { expected, addressed } = chooseHelloKeys(options)
  const box = sealTo(expected, options.random(NONCE_LENGTH), addressed, session.secretKey)
  return { hello: concat(u32(VERSION1), session.publicKey, box), state: { options, session, addressed } }
}

/** The server's answer to a hello. Throws `Refused` where the hello names another key. */
export function writeChallenge1(hello: Uint8Array, options: ServerOptions): { challenge: Uint8Array; state: Server1 } {
  const [version, clientSession] = cut(hello, 4, KEY_LENGTH, BOX_LENGTH)
  if (readU32(version!) !== VERSION1) throw new Error('the hello is not of version 1')
  const longTerm = chooseLongTerm(hello, 1, options)
  const { random } = options
  const session = drawKeyPair(random)
  const keyBox = sealTo(longTerm.publicKey, random(NONCE_LENGTH), clientSession!, session.secretKey)
  const proof = sealTo(clientSession!, random(NONCE_LENGTH), clientSession!, longTerm.secretKey)
  return {
    challenge: concat(session.publicKey, keyBox, proof),
    state: { session, clientSession: clientSession! },
  }
}

/** The client's check of the challenge, and its response. */
export function writeResponse1(
  challenge: Uint8Array,
  { options, session }: Client1,
): { response: Uint8Array; established: Established } {
  const [serverSession, keyBox, proof] = cut(challenge, KEY_LENGTH, BOX_LENGTH, BOX_LENGTH)
  const { longTerm, random } = options
  const serverKey = openFrom(keyBox!, serverSession!, session.secretKey)
  if (!serverKey) throw new Error("the server's key box does not open")
  if (!isPinned(serverKey, options)) throw new Error('the server has another key than the pinned one')
  const proved = openFrom(proof!, serverKey, session.secretKey)
  if (!proved) throw new Error("the server's proof does not open")
  if (!sodium.memcmp(proved, session.publicKey)) throw new Error("the server's proof is for another client session key")

  const clientBox = sealTo(longTerm.publicKey, random(NONCE_LENGTH), serverSession!, session.secretKey)
  const answer = sealTo(serverSession!, random(NONCE_LENGTH), serverSession!, longTerm.secretKey)
  const keys = sodium.crypto_kx_client_session_keys(session.publicKey, session.secretKey, serverSession!)
  return {
    response: concat(clientBox, answer),
    established: establish(keys.sharedTx, keys.sharedRx, serverKey),
  }
}

/** The server's check of the response. Throws `BadResponse`, which has the keys for alert 2. */
export function readResponse1(response: Uint8Array, { session, clientSession }: Server1): Established {
  const [clientBox, answer] = cut(response, BOX_LENGTH, BOX_LENGTH)
  const { sharedRx, sharedTx } = sodium.crypto_kx_server_session_keys(
    session.publicKey,
    session.secretKey,
    clientSession,
  )
  const keys = { clientToServer: sharedRx, serverToClient: sharedTx }
  const clientKey = openFrom(clientBox!, clientSession, session.secretKey)
  if (!clientKey) throw new BadResponse("the client's key box does not open", keys)
  const answered = openFrom(answer!, clientKey, session.secretKey)
  if (!answered) throw new BadResponse("the client's answer does not open", keys)
  if (!sodium.memcmp(answered, session.publicKey))
    throw new BadResponse("the client's answer is for another server session key", keys)
  return establish(sharedRx, sharedTx, clientKey)
}

function establish(clientToServer: Uint8Array, serverToClient: Uint8Array, remotePublicKey: Uint8Array): Established {
  return { version: 1, clientToServer, serverToClient, remotePublicKey, handshakeHash: null, exporterSecret: null }
}
