// The published program's connections, with their faults: docs/protocol.md, "The published program".

import { BadResponse } from '../peer/handshake.js'
import { concat, type KeyPair, systemRandom, u32 } from '../peer/primitives.js'
import {
  CHALLENGE1_LENGTH,
  HELLO1_LENGTH,
  RESPONSE1_LENGTH,
  readResponse1,
  VERSION1,
  writeChallenge1,
  writeHello1,
  writeResponse1,
} from '../peer/version1.js'
import { Failed, PublishedReader, PublishedWriter, type Wire } from './stream.js'

export interface PublishedConnection {
  wire: Wire
  reader: PublishedReader
  writer: PublishedWriter
  /** What it says the other end's long-term key is. */
  key: Uint8Array
}

export function connectTo(wire: Wire, longTerm: KeyPair, serverKey: Uint8Array | undefined): PublishedConnection {
  return closing(wire, () => {
    const { hello, state } = writeHello1({ longTerm, serverKey, random: systemRandom })
    wire.write(hello)
    const { response, established } = writeResponse1(wire.readExactly(CHALLENGE1_LENGTH), state)
    wire.write(response)
    const { clientToServer, serverToClient, remotePublicKey } = established
    return { ...openStreams(wire, clientToServer, serverToClient), key: remotePublicKey }
  })
}

export function acceptFrom(wire: Wire, longTerm: KeyPair): PublishedConnection {
  return closing(wire, () => {
    const hello = wire.readExactly(HELLO1_LENGTH)
    // It does not look at the version.
    const { challenge, state } = writeChallenge1(concat(u32(VERSION1), hello.subarray(4)), {
      longTerm,
      random: systemRandom,
    })
    wire.write(challenge)
    const { keys, bad } = keysOf(() => readResponse1(wire.readExactly(RESPONSE1_LENGTH), state))
    const streams = openStreams(wire, keys.serverToClient, keys.clientToServer)
    if (bad) {
      streams.writer.alert(2, 'Failed to validate challenge response')
      throw new Failed('DecryptionFailure')
    }
    // It takes the key before it has opened the response: what it gives is memory that nobody has written yet.
    return { ...streams, key: new Uint8Array(32).fill(UNDEFINED) }
  })
}

/** Sends its own header, and only then waits for the other one. */
function openStreams(wire: Wire, sends: Uint8Array, receives: Uint8Array) {
  return closing(wire, () => {
    const writer = new PublishedWriter(wire, sends)
    return { wire, writer, reader: new PublishedReader(wire, receives) }
  })
}

/** Closes the socket where something fails: in `openStreams`, and once more in what has called it. */
function closing<T>(wire: Wire, act: () => T): T {
  try {
    return act()
  } catch (error) {
    wire.close()
    throw error
  }
}

function keysOf(read: () => ReturnType<typeof readResponse1>) {
  try {
    return { keys: read(), bad: false }
  } catch (error) {
    if (error instanceof BadResponse && error.keys) return { keys: error.keys, bad: true }
    throw error
  }
}

const UNDEFINED = 0xaa
