// Loaded into a command before all else: on request, one call of one function throws. `process.send` says how often each was called.

import child_process from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { Engine } from '../../src/engine/engine.js'
import { Router } from '../../src/engine/router.js'
import { SecureSocket } from '../../src/node/socket.js'
import { Splice } from '../../src/tunnel/splice.js'

export interface Order {
  /** Which function, such as `Engine.receive`; and which of its calls from now on, from 1. Without it, calls are only counted. */
  point?: string
  call?: number
}

export interface Answer {
  /** From the last order to this one. */
  calls: Record<string, number>
}

// biome-ignore lint/suspicious/noExplicitAny: any function of any object
type Holder = any

const POINTS: Record<string, [Holder, string[]]> = {
  socket: [
    net.Socket.prototype,
    ['write', 'end', 'pause', 'resume', 'cork', 'uncork', 'setKeepAlive', 'pipe', 'resetAndDestroy'],
  ],
  // Not `push`: what is thrown there is a listener's, and listeners are guarded.
  channel: [SecureSocket.prototype, ['write', 'end', 'pause', 'resume', 'alert']],
  Engine: [
    Engine.prototype,
    ['receive', 'advance', 'readData', 'writeFrom', 'sendWindow', 'sent', 'take', 'end', 'alert'],
  ],
  Router: [Router.prototype, ['open', 'reject']],
  Splice: [Splice.prototype, ['end']],
  net: [net, ['connect']],
  fs: [fs, ['writeSync', 'appendFileSync']],
  child_process: [child_process, ['spawn']],
}

let calls: Record<string, number> = {}
let armed: Order = {}

for (const [group, [holder, names]] of Object.entries(POINTS)) {
  for (const name of names) {
    const original = holder[name]
    const point = `${group}.${name}`
    holder[name] = function (this: unknown, ...args: unknown[]) {
      // What Node itself calls is no step of ours.
      if (new Error().stack?.split('\n')[2]?.includes('node:')) return original.apply(this, args)
      calls[point] = (calls[point] ?? 0) + 1
      if (armed.point !== point || armed.call !== calls[point]) return original.apply(this, args)
      armed = {}
      throw new Error(`injected into ${point}`)
    }
  }
}
syncBuiltinESMExports()

process.on('message', (order: Order) => {
  const answer: Answer = { calls }
  process.send?.(answer, () => {
    calls = {}
    armed = order
    process.send?.({ calls: {} })
  })
})
process.channel?.unref()
