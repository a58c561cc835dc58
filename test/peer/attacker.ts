// Who attacks a handshake from outside: docs/protocol.md, "What version 1 does not give" and "Keys of their own". They hold no
// long-term secret: they know what they see on the wire, long-term public keys, and the session keys that they make themselves.

import type { Duplex } from 'node:stream'
import { REJECT_LENGTH, REJECT_VERSION, type Version } from './handshake.js'
import { send } from './peer.js'
import {
  BOX_LENGTH,
  concat,
  cut,
  dh,
  drawKeyPair,
  KEY_LENGTH,
  NONCE_LENGTH,
  systemRandom as random,
  readU32,
  sealTo,
  sealUnder,
  sodium,
  u32,
} from './primitives.js'
import { ByteSource } from './source.js'
import { RecordReader } from './stream.js'
import { Transcript } from './transcript.js'
import { CHALLENGE1_LENGTH, HELLO1_LENGTH, RESPONSE1_LENGTH, readResponse1, VERSION1, writeHello1 } from './version1.js'
import {
  CHALLENGE2_LENGTH,
  CIPHERTEXT_LENGTH,
  encapsulate,
  HELLO2_LENGTH,
  KEM_PUBLIC_LENGTH,
  VERSION2,
  writeHello2,
  writeResponse2,
} from './version2.js'

export interface Between {
  /** The victim's connection, which the attacker has accepted. */
  clientSide: Duplex
  /** The attacker's own connection to the real server. */
  serverSide: Duplex
  /** The server's long-term public key: its box in the challenge is sealed between sessions, and cannot be read. */
  serverKey: Uint8Array
}

/** Reads what a version 1 client says to a server that it has pinned: its identity, and its first data record. */
export async function interposeVersion1({
  clientSide,
  serverSide,
  serverKey,
}: Between): Promise<{ clientLongTermKey: Uint8Array; plaintext: Uint8Array }> {
  const client = new ByteSource(clientSide)
  const server = new ByteSource(serverSide)
  const hello = await client.exactly(HELLO1_LENGTH)
  const clientSession = hello.slice(4, 4 + KEY_LENGTH)
  await send(serverSide, hello)
  const challenge = await server.exactly(CHALLENGE1_LENGTH)
  serverSide.destroy()

  // The real proof says only that the server has seen the client's session key: no server session key is bound to it.
  const proof = challenge.subarray(-BOX_LENGTH)
  const session = drawKeyPair(random)
  const keyBox = sealTo(serverKey, random(NONCE_LENGTH), clientSession, session.secretKey)
  await send(clientSide, concat(session.publicKey, keyBox, proof))

  // From here the attacker is the server: it checks the response as one.
  const response = await client.exactly(RESPONSE1_LENGTH)
  const { clientToServer, remotePublicKey } = readResponse1(response, { session, clientSession })
  const reader = new RecordReader(1, clientToServer)
  for (;;) {
    const chunk = await client.chunk()
    if (!chunk) throw new Error('the client said nothing')
    const record = reader.push(chunk).find(({ kind }) => kind === 'data')
    if (record?.kind === 'data') return { clientLongTermKey: remotePublicKey, plaintext: record.data }
  }
}

/**
 * The same attack on version 2: resolves, when the client has gone, with all that it sent after the challenge.
 *
 * The attacker can encapsulate to the client's ML-KEM key and knows its own session secret, so it gets as far as a key
 * box that opens and names the right server. The proof's key needs dh(server long-term, client session), mixed into a
 * state that has this challenge in it; only the two ends have that secret, and the real server uses it on a state of its
 * own. All that is left is to send the real proof.
 */
export async function interposeVersion2({
  clientSide,
  serverSide,
  serverKey,
  context,
}: Between & { context?: Uint8Array }): Promise<{ sentAfterChallenge: Uint8Array }> {
  const client = new ByteSource(clientSide)
  const server = new ByteSource(serverSide)
  const hello = await client.exactly(HELLO2_LENGTH)
  const [, clientSession, kemKey] = cut(hello, 4, KEY_LENGTH, KEM_PUBLIC_LENGTH, BOX_LENGTH)
  await send(serverSide, hello)
  const challenge = await server.exactly(CHALLENGE2_LENGTH)
  serverSide.destroy()

  const proof = challenge.subarray(4 + KEY_LENGTH + CIPHERTEXT_LENGTH + BOX_LENGTH)
  const session = drawKeyPair(random)
  const kem = encapsulate(kemKey!, random(32))
  const head = concat(u32(VERSION2), session.publicKey, kem.ciphertext)
  const transcript = new Transcript(context)
  transcript.mixHash(hello)
  transcript.mixHash(head)
  const k1 = transcript.mixKey(concat(dh(session.secretKey, clientSession!), kem.sharedSecret))
  const keyBox = sealUnder(k1, serverKey, random(NONCE_LENGTH))
  await send(clientSide, concat(head, keyBox, proof))
  return { sentAfterChallenge: await everything(client) }
}

/**
 * Answers a version 2 client with a reject that its server has sealed, but did not mean for it; `made` says how far it got.
 *
 * The server's proof in version 1 is a box of whatever session key the hello has, to that key. If version 2 sealed its boxes under the
 * same key, that proof could stand in a hello of the attacker's own, with the client's session key: it would open, and name a key that
 * is not the server's, which the server rejects.
 *
 * @param version1Side,version2Side the attacker's connections to the server, which may be two with one key
 */
export async function forgeReject({
  clientSide,
  version1Side,
  version2Side,
}: {
  clientSide: Duplex
  version1Side: Duplex
  version2Side: Duplex
}): Promise<{ made: 'nothing' | 'proof' | 'challenge' | 'reject' }> {
  const client = new ByteSource(clientSide)
  const hello = await client.exactly(HELLO2_LENGTH)
  const [, clientSession, kemKey, box] = cut(hello, 4, KEY_LENGTH, KEM_PUBLIC_LENGTH, BOX_LENGTH)
  await send(version1Side, concat(u32(VERSION1), clientSession!, box!))
  const challenge1 = await answerOf(version1Side, CHALLENGE1_LENGTH)
  const proof = challenge1?.subarray(-BOX_LENGTH)
  await send(version2Side, concat(u32(VERSION2), clientSession!, kemKey!, proof ?? random(BOX_LENGTH)))
  const answer = await answerOf(version2Side, REJECT_LENGTH)
  // Without an answer, what is in hand may still pass for one.
  await send(clientSide, answer ?? concat(u32(REJECT_VERSION), proof ?? random(BOX_LENGTH)))
  if (!answer) return { made: proof ? 'proof' : 'nothing' }
  if (readU32(answer) === REJECT_VERSION) return { made: 'reject' }
  await send(clientSide, random(CHALLENGE2_LENGTH - REJECT_LENGTH))
  return { made: 'challenge' }
}

/**
 * Enters a server as the holder of another server's key, without being in the middle of anything. The other server's proof is a box of
 * whatever session key a hello has; in version 1, so is the answer that a client owes. The victim's session key is sent to the other
 * server as the attacker's own, whose proof then answers the victim's challenge.
 *
 * @param versions which version of the protocol each server is spoken to in
 * @param posedKey the other server's long-term public key
 */
export async function impersonate({
  victimSide,
  oracleSide,
  victimKey,
  posedKey,
  versions: [victimVersion, oracleVersion],
}: {
  victimSide: Duplex
  oracleSide: Duplex
  victimKey: Uint8Array
  posedKey: Uint8Array
  versions: [victim: Version, oracle: Version]
}): Promise<{ made: 'nothing' | 'response' }> {
  const enter = victimVersion === 1 ? enter1 : enter2
  const { victimSession, answerWith } = await enter(victimSide, victimKey, posedKey)
  const proof = await proofFor(victimSession, oracleSide, oracleVersion)
  if (!proof) {
    victimSide.destroy()
    return { made: 'nothing' }
  }
  await send(victimSide, answerWith(proof))
  return { made: 'response' }
}

interface Entering {
  victimSession: Uint8Array
  /** The response, which claims the posed key, with this box as its answer. */
  answerWith(proof: Uint8Array): Uint8Array
}

async function enter1(victimSide: Duplex, victimKey: Uint8Array, posedKey: Uint8Array): Promise<Entering> {
  const { hello, state } = writeHello1({ longTerm: drawKeyPair(random), serverKey: victimKey, random })
  await send(victimSide, hello)
  const challenge = await new ByteSource(victimSide).exactly(CHALLENGE1_LENGTH)
  const victimSession = challenge.slice(0, KEY_LENGTH)
  const keyBox = sealTo(posedKey, random(NONCE_LENGTH), victimSession, state.session.secretKey)
  return { victimSession, answerWith: proof => concat(keyBox, proof) }
}

async function enter2(victimSide: Duplex, victimKey: Uint8Array, posedKey: Uint8Array): Promise<Entering> {
  const longTerm = { ...drawKeyPair(random), publicKey: posedKey }
  const { hello, state } = writeHello2({ longTerm, serverKey: victimKey, random })
  await send(victimSide, hello)
  const challenge = await new ByteSource(victimSide).exactly(CHALLENGE2_LENGTH)
  // Its key box opens, for it needs no long-term secret.
  const { response } = writeResponse2(challenge, state)
  const keyBox = response.slice(0, BOX_LENGTH)
  return { victimSession: challenge.slice(4, 4 + KEY_LENGTH), answerWith: proof => concat(keyBox, proof) }
}

/** What a server proves to a hello with this session key, whose secret nobody here has; null if it does not answer. */
async function proofFor(sessionKey: Uint8Array, serverSide: Duplex, version: Version): Promise<Uint8Array | null> {
  const kemKey = sodium.crypto_kem_mlkem768_keypair().publicKey
  const head = version === 1 ? concat(u32(VERSION1), sessionKey) : concat(u32(VERSION2), sessionKey, kemKey)
  await send(serverSide, concat(head, random(BOX_LENGTH)))
  const challenge = await answerOf(serverSide, version === 1 ? CHALLENGE1_LENGTH : CHALLENGE2_LENGTH)
  return challenge?.slice(-BOX_LENGTH) ?? null
}

/** The first bytes that a server answers with; null if it closes instead. */
async function answerOf(serverSide: Duplex, length: number): Promise<Uint8Array | null> {
  try {
    return await new ByteSource(serverSide).exactly(length)
  } catch {
    return null
  }
}

async function everything(source: ByteSource): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array()
  try {
    for (let chunk = await source.chunk(); chunk; chunk = await source.chunk()) bytes = concat(bytes, chunk)
  } catch {
    // The client destroyed the connection: what came before is all there is.
  }
  return bytes
}
