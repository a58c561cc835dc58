// Who takes part in a story: both ends, with their keys and what they are made with, and the name of each of their acts.

import { Core, type Engine } from '../../engine/index.js'
import { drawKeyPair } from '../../keys/pair.js'
import type { WasmModule } from '../../wasm/instance.js'
import { actNames } from './acts.js'
import { type Call, End, type Role, type Watched } from './end.js'
import { seededRandom } from './random.js'
import type { Story, StoryOptions } from './story.js'

export interface Parties {
  /** Works for neither end: it draws the keys, opens what is seen on the wire, and is the middlebox. */
  readonly helper: Core
  readonly keys: Story['keys']
  readonly ends: Readonly<Record<Role, End>>
  /** What an end does when it calls its host, by what it calls for. */
  readonly names: Readonly<Record<Role, (call: Call) => string>>
}

export function partiesOf(module: WasmModule, { seed, broken, version, middlebox }: StoryOptions): Parties {
  const helper = new Core(module, seededRandom(seed, 'keys'))
  // In this order, which links depend on.
  const [client, server, middle, other] = [
    drawKeyPair(helper),
    drawKeyPair(helper),
    drawKeyPair(helper),
    drawKeyPair(helper),
  ]
  const ends = {
    client: new End(module, seededRandom(seed, 'client')),
    server: new End(module, seededRandom(seed, 'server')),
  }
  const pinned = broken?.kind === 'server-key' ? other.publicKey : server.publicKey
  const addressed = middlebox ? middle.publicKey : pinned
  const names = {
    client: actNames({ role: 'client', version, secretKey: client.secretKey, pinned, addressed }),
    server: actNames({ role: 'server', version, secretKey: server.secretKey, clientKey: client.publicKey }),
  }
  return { helper, keys: { client, server, middlebox: middle, other }, ends, names }
}

export function startServer({ ends, keys }: Parties, options: StoryOptions): Watched<Engine> {
  return ends.server.server({
    keyPair: keys.server,
    versions: [options.version],
    ...(options.middlebox && { strangers: 'answer' as const }),
    ...sealing(options),
  })
}

export function startClient(
  { ends, keys }: Parties,
  options: StoryOptions,
  onKeys: (line: string) => void,
): Watched<Engine> {
  const { version, middlebox, broken } = options
  return ends.client.client({
    keyPair: keys.client,
    version,
    serverKey: broken?.kind === 'server-key' ? keys.other.publicKey : keys.server.publicKey,
    ...(middlebox && { middleboxKey: keys.middlebox.publicKey }),
    ...(broken?.kind === 'context' && { context: 'another context' }),
    onKeys,
    ...sealing(options),
  })
}

function sealing({ padding }: StoryOptions) {
  return {
    padding: padding === 'block' ? { block: 128 } : padding,
    ...(padding === 'full' && { maxRecord: 1024 }),
  }
}
