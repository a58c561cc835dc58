// One end of a channel that is watched while it works: an engine with a linear memory of its own. Whenever the core asks its host for
// something (random bytes, a product, a record's cipher) its memory is looked at, so that what it wipes before it returns is seen too.

import {
  type ClientEngineOptions,
  Core,
  Engine,
  type RandomSource,
  type ServerEngineOptions,
} from '../../engine/index.js'
import type { HostPrimitives } from '../../wasm/host.js'
import type { WasmModule } from '../../wasm/instance.js'
import { KEY_BYTES, RECORD_COUNTER } from '../../wire/layout.js'
import { type Snapshot, snapshots } from './memory.js'

export type Role = 'client' | 'server'

/** What the core asked its host for. */
export type Call =
  | { kind: 'random'; length: number }
  /** Without a public key: the secret key's own. */
  | { kind: 'multiply'; secret: Uint8Array; key: Uint8Array | undefined }
  | { kind: 'seal' | 'open'; counter: number; length: number }

/** A piece of work between two such calls. */
export interface Piece {
  /** What it begins with; undefined where it is the first of its work. */
  cause: Call | undefined
  /** The memory when the piece was done. */
  memory: Snapshot
  /** Whether the core has not returned yet: the scratch memory of its step is in use. */
  within: boolean
}

export interface Watched<T> {
  pieces: Piece[]
  result?: T
  error?: unknown
}

export class End {
  readonly core: Core
  #engine: Engine | undefined
  #take: () => Snapshot
  #calls: { call: Call; before: Snapshot }[] = []

  constructor(module: WasmModule, random: RandomSource) {
    const drawn: RandomSource = out => {
      this.#note({ kind: 'random', length: out.length })
      random(out)
    }
    this.core = new Core(module, drawn, this.#host())
    this.#take = snapshots(() => this.core.bytes)
  }

  client(options: ClientEngineOptions): Watched<Engine> {
    return this.watch(() => (this.#engine = Engine.client(this.core, options)))
  }

  server(options: ServerEngineOptions): Watched<Engine> {
    return this.watch(() => (this.#engine = Engine.server(this.core, options)))
  }

  get engine(): Engine {
    if (!this.#engine) throw new Error('this end has not started')
    return this.#engine
  }

  /** Where its channel is in linear memory. */
  get channel(): number {
    return this.#engine?.memory.channel ?? 0
  }

  /** The memory as it is now. */
  look(): Snapshot {
    return this.#take()
  }

  /** Does a piece of work, and gives what its memory was like meanwhile. What it throws is given, not thrown. */
  watch<T>(work: () => T): Watched<T> {
    this.#calls = []
    const outcome: { result?: T; error?: unknown } = {}
    try {
      outcome.result = work()
    } catch (error) {
      outcome.error = error
    }
    const calls = this.#calls.splice(0)
    const after = this.#take()
    const pieces = [undefined, ...calls].map((it, index) => {
      const next = calls[index]
      return { cause: it?.call, memory: next?.before ?? after, within: next !== undefined }
    })
    return { pieces, ...outcome }
  }

  #note(call: Call): void {
    this.#calls.push({ call, before: this.#take() })
  }

  /** It does nothing itself: the linked code does the work, and this only sees what it is asked for. */
  #host(): HostPrimitives {
    const never = () => false
    return {
      name: 'nothing',
      cipher: { name: 'nothing', from: 1, seal() {}, open: never },
      imports: view => {
        const copy = (pointer: number, length: number) => view(pointer, length).slice()
        const record =
          (kind: 'seal' | 'open') => (_: number, length: number, _at: number, _length: number, nonce: number) => {
            const [counter = 0] = new Uint32Array(copy(nonce + RECORD_COUNTER, 4).buffer)
            this.#note({ kind, counter, length })
            return NOT_DONE
          }
        return {
          multiply: (_, secret, key) => {
            const other = key === 0 ? undefined : copy(key, KEY_BYTES)
            this.#note({ kind: 'multiply', secret: copy(secret, KEY_BYTES), key: other })
            return NOT_DONE
          },
          seal: record('seal'),
          open: record('open'),
        }
      },
    }
  }
}

// The core's word for a host that has not done the work (src/wasm/host.ts).
const NOT_DONE = -1
