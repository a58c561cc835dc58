// The handshake of version 2: docs/protocol.md, "Version 2".

import {
  BadResponse,
  type ClientOptions,
  chooseHelloKeys,
  chooseLongTerm,
  type Established,
  helloBoxKey,
  isPinned,
  type ServerOptions,
} from './handshake.js'
import {
  BOX_LENGTH,
  concat,
  cut,
  dh,
  drawKeyPair,
  KEY_LENGTH,
  type KeyPair,
  NONCE_LENGTH,
  openUnder,
  readU32,
  sealUnder,
  sodium,
  u32,
} from './primitives.js'
import { Transcript } from './transcript.js'

export const VERSION2 = 0x326b706e
export const KEM_PUBLIC_LENGTH = 1184
export const CIPHERTEXT_LENGTH = 1088
export const HELLO2_LENGTH = 1292
export const CHALLENGE2_LENGTH = 1268
export const RESPONSE2_LENGTH = 144

const KEM_SEED_LENGTH = 64
const COINS_LENGTH = 32

export interface Client2 {
  options: ClientOptions
  session: KeyPair
  kemSecretKey: Uint8Array
  addressed: Uint8Array
  hello: Uint8Array
}

export interface Server2 {
  session: KeyPair
  clientSession: Uint8Array
  transcript: Transcript
}

export function writeHello2(options: ClientOptions): { hello: Uint8Array; state: Client2 } {
  const { random } = options
  const session = drawKeyPair(random)
  const kem = sodium.crypto_kem_mlkem768_seed_keypair(random(KEM_SEED_LENGTH))
  const { expected, addressed } = chooseHelloKeys(options)
  const head = concat(u32(VERSION2), session.publicKey, kem.publicKey)
  const boxKey = helloBoxKey(dh(session.secretKey, addressed), head)
  const hello = concat(head, sealUnder(boxKey, expected, random(NONCE_LENGTH)))
  return { hello, state: { options, session, kemSecretKey: kem.privateKey, addressed, hello } }
}

/** The server's answer to a hello. Throws `Refused`, with the reject to send, where the hello names another key. */
export function writeChallenge2(hello: Uint8Array, options: ServerOptions): { challenge: Uint8Array; state: Server2 } {
  const [version, clientSession, kemKey] = cut(hello, 4, KEY_LENGTH, KEM_PUBLIC_LENGTH, BOX_LENGTH)
  if (readU32(version!) !== VERSION2) throw new Error('the hello is not of version 2')
  const longTerm = chooseLongTerm(hello, 2, options)
  const { context, random } = options
  const session = drawKeyPair(random)
  const kem = encapsulate(kemKey!, random(COINS_LENGTH))
  const transcript = new Transcript(context)
  transcript.mixHash(hello)
  const head = concat(u32(VERSION2), session.publicKey, kem.ciphertext)
  transcript.mixHash(head)

  const k1 = transcript.mixKey(concat(dh(session.secretKey, clientSession!), kem.sharedSecret))
  const keyBox = sealUnder(k1, longTerm.publicKey, random(NONCE_LENGTH))
  transcript.mixHash(keyBox)

  const k2 = transcript.mixKey(dh(longTerm.secretKey, clientSession!))
  const proof = sealUnder(k2, transcript.h, random(NONCE_LENGTH))
  transcript.mixHash(proof)
  return { challenge: concat(head, keyBox, proof), state: { session, clientSession: clientSession!, transcript } }
}

/** The client's check of the challenge, and its response. */
export function writeResponse2(
  challenge: Uint8Array,
  { options, session, kemSecretKey, hello }: Client2,
): { response: Uint8Array; established: Established } {
  const [version, serverSession, ciphertext, keyBox, proof] = cut(
    challenge,
    4,
    KEY_LENGTH,
    CIPHERTEXT_LENGTH,
    BOX_LENGTH,
    BOX_LENGTH,
  )
  const { longTerm, context, random } = options
  if (readU32(version!) !== VERSION2) throw new Error('the challenge is not of version 2')
  const transcript = new Transcript(context)
  transcript.mixHash(hello)
  transcript.mixHash(concat(version!, serverSession!, ciphertext!))

  const kem = sodium.crypto_kem_mlkem768_dec(ciphertext!, kemSecretKey)
  const k1 = transcript.mixKey(concat(dh(session.secretKey, serverSession!), kem))
  const serverKey = openUnder(k1, keyBox!)
  if (!serverKey) throw new Error("the server's key box does not open")
  if (!isPinned(serverKey, options)) throw new Error('the server has another key than the pinned one')
  transcript.mixHash(keyBox!)

  const k2 = transcript.mixKey(dh(session.secretKey, serverKey))
  const proved = openUnder(k2, proof!)
  if (!proved) throw new Error("the server's proof does not open")
  if (!sodium.memcmp(proved, transcript.h)) throw new Error("the server's proof is for another conversation")
  transcript.mixHash(proof!)

  const k3 = transcript.mixKey(new Uint8Array())
  const clientBox = sealUnder(k3, longTerm.publicKey, random(NONCE_LENGTH))
  transcript.mixHash(clientBox)

  const k4 = transcript.mixKey(dh(longTerm.secretKey, serverSession!))
  const answer = sealUnder(k4, transcript.h, random(NONCE_LENGTH))
  transcript.mixHash(answer)
  return { response: concat(clientBox, answer), established: transcript.split(serverKey) }
}

/** The server's check of the response. Throws `BadResponse`, on which the server closes without a word. */
export function readResponse2(response: Uint8Array, { session, transcript }: Server2): Established {
  const [clientBox, answer] = cut(response, BOX_LENGTH, BOX_LENGTH)
  const k3 = transcript.mixKey(new Uint8Array())
  const clientKey = openUnder(k3, clientBox!)
  if (!clientKey) throw new BadResponse("the client's key box does not open", null)
  transcript.mixHash(clientBox!)

  const k4 = transcript.mixKey(dh(session.secretKey, clientKey))
  const answered = openUnder(k4, answer!)
  if (!answered) throw new BadResponse("the client's answer does not open", null)
  if (!sodium.memcmp(answered, transcript.h))
    throw new BadResponse("the client's answer is for another conversation", null)
  transcript.mixHash(answer!)
  return transcript.split(clientKey)
}

/** Encapsulation to a client's ML-KEM key; throws where libsodium finds the key malformed. */
export function encapsulate(
  publicKey: Uint8Array,
  coins: Uint8Array,
): { ciphertext: Uint8Array; sharedSecret: Uint8Array } {
  try {
    return sodium.crypto_kem_mlkem768_enc_deterministic(publicKey, coins)
  } catch {
    throw new Error("the client's ML-KEM key is malformed")
  }
}
