// The one in the middle, in both versions: docs/protocol.md, "What version 1 does not give". Three real engines. The attacker's is a
// server of its own, which holds a secret key of its own; the attacker writes another public key into its memory.

import type { Engine, Version } from '../../engine/index.js'
import { type MessageKind, memoryMap } from '../../inspect/index.js'
import { drawKeyPair, type KeyPair } from '../../keys/pair.js'
import { Core, type WasmModule } from '../../wasm/instance.js'
import { BOX_BYTES, CHALLENGE_1_PROOF, CHALLENGE_2_PROOF } from '../../wire/layout.js'
import { End } from './end.js'
import { failureOf } from './notes.js'
import { seededRandom } from './random.js'
import type { Failure } from './story.js'

export type Person = 'client' | 'middle' | 'server'

/** Bytes on their way, and which of them the attacker has taken from elsewhere. */
export interface Passing {
  from: Person
  to: Person
  kind: MessageKind
  bytes: Uint8Array
  stolen?: { offset: number; length: number }
}

export interface AttackStep {
  id: 'begin' | 'hello' | 'forward' | 'proof' | 'splice' | 'check' | 'read'
  title: string
  text: string
  passing?: Passing
  failure?: Failure
  /** What the attacker reads. */
  read?: string
}

export interface Attack {
  version: Version
  steps: AttackStep[]
  /** Whether the attacker has read what was meant for the server. */
  succeeds: boolean
}

export function intercept(
  module: WasmModule,
  { version, seed, text }: { version: Version; seed: string; text: string },
): Attack {
  const helper = new Core(module, seededRandom(seed, 'middle'))
  const keys = { server: drawKeyPair(helper), client: drawKeyPair(helper), middle: drawKeyPair(helper) }
  const end = (name: string) => new End(module, seededRandom(seed, `middle ${name}`))
  const [client, middle, server] = [end('client'), end('attacker'), end('server')]
  server.server({ keyPair: keys.server, versions: [version] })
  disguise(middle, keys.middle, keys.server.publicKey, version)
  client.client({ keyPair: keys.client, serverKey: keys.server.publicKey, version })
  const hello = client.engine.take()
  server.engine.receive(hello)
  const proven = server.engine.take()
  middle.engine.receive(hello)
  const spliced = middle.engine.take()
  const proof = version === 1 ? CHALLENGE_1_PROOF : CHALLENGE_2_PROOF
  spliced.set(proven.subarray(proof, proof + BOX_BYTES), proof)
  const kinds = KINDS[version]
  const steps: AttackStep[] = [
    { id: 'begin', ...WORDS.begin },
    { id: 'hello', ...WORDS.hello, passing: { from: 'client', to: 'middle', kind: kinds.hello, bytes: hello } },
    { id: 'forward', ...WORDS.forward, passing: { from: 'middle', to: 'server', kind: kinds.hello, bytes: hello } },
    { id: 'proof', ...WORDS.proof, passing: { from: 'server', to: 'middle', kind: kinds.challenge, bytes: proven } },
    {
      id: 'splice',
      ...WORDS.splice,
      passing: {
        from: 'middle',
        to: 'client',
        kind: kinds.challenge,
        bytes: spliced,
        stolen: { offset: proof, length: BOX_BYTES },
      },
    },
  ]
  const failure = check(client.engine, spliced)
  if (failure) {
    const why = `${WORDS.refused.text} ${failure.reason}.`
    steps.push({ id: 'check', ...WORDS.refused, text: why, failure }, { id: 'read', ...WORDS.nothing })
    return { version, steps, succeeds: false }
  }
  const response = client.engine.take()
  const read = overhear(client.engine, middle.engine, response, text)
  steps.push({
    id: 'check',
    ...WORDS.believed,
    passing: { from: 'client', to: 'middle', kind: 'response', bytes: response },
  })
  steps.push({
    id: 'read',
    ...WORDS.read,
    read: read.text,
    passing: { from: 'client', to: 'middle', kind: 'record1', bytes: read.record },
  })
  return { version, steps, succeeds: read.text === text }
}

/** A server with a key of its own, which says that it is another one: it writes that one's public key over its own. */
function disguise(end: End, keyPair: KeyPair, publicKey: Uint8Array, version: Version): void {
  end.server({ keyPair, versions: [version], strangers: 'answer' })
  const place = memoryMap(end.engine).find(it => it.name === 'own long-term public key')
  if (!place) throw new Error('the memory map has no long-term public key')
  end.core.bytes.set(publicKey, place.pointer)
}

/** What the client makes of the challenge: undefined if it believes it. */
function check(client: Engine, challenge: Uint8Array): Failure | undefined {
  let at = 0
  try {
    for (; at < challenge.length; at++) client.receive(challenge.subarray(at, at + 1))
    client.advance()
    return undefined
  } catch (error) {
    return failureOf('client', error, 4, at)
  }
}

/** The client speaks, and the attacker's engine reads. */
function overhear(
  client: Engine,
  attacker: Engine,
  response: Uint8Array,
  text: string,
): { record: Uint8Array; text: string } {
  attacker.receive(response)
  attacker.advance()
  attacker.receive(client.take())
  client.write(new TextEncoder().encode(text))
  const record = client.take()
  attacker.receive(record)
  attacker.advance()
  return { record, text: new TextDecoder().decode(attacker.readData()) }
}

const KINDS = {
  1: { hello: 'hello1', challenge: 'challenge1' },
  2: { hello: 'hello2', challenge: 'challenge2' },
} as const

const WORDS = {
  begin: {
    title: 'Mallory sits between the two',
    text: 'All bytes pass Mallory, who can keep, change and make them. Mallory has no long-term secret key but one of her own, and knows the server’s public key.',
  },
  hello: {
    title: 'The client says hello',
    text: 'It wants the real server, and has its public key. Mallory takes the hello.',
  },
  forward: {
    title: 'Mallory passes the hello on',
    text: 'Unchanged, to the real server, which cannot know who brings it.',
  },
  proof: {
    title: 'The server answers with its proof',
    text: 'It proves that it holds its long-term key. Mallory cannot make such a proof, but keeps this one.',
  },
  splice: {
    title: 'Mallory makes a challenge of her own',
    text: 'With her own session key, and the server’s name in the first box: both she can do. Then she puts the stolen proof behind them.',
  },
  believed: {
    title: 'The client believes it',
    text: 'The proof opens, and it holds the client’s session key: all that version 1 asks for. The client names itself and is ready to talk, with Mallory.',
  },
  refused: {
    title: 'The client refuses, and has not said a word',
    text: 'In version 2 the proof covers all that was said, the server’s session key too, and its key is made of that as well. Here both are others:',
  },
  read: {
    title: 'Mallory reads',
    text: 'The record keys come from the two session keys, and one of them is Mallory’s. The client thinks that it talks to the server.',
  },
  nothing: { title: 'Mallory has nothing', text: 'No name, no key, no data: the client closes the connection.' },
}
