// Loaded into a command before all else: while it is bad weather, the system's calls fail now and then, as systems do that are short of
// descriptors, memory, disk or network. `process.send` turns it on and off, and tells what is open.

import dns from 'node:dns'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { nodeCore } from '../../src/node/load.js'

export interface Order {
  /** Of how many calls one fails, of each kind; 0 for none. */
  oneIn: number
}

export interface Report {
  /** How often each kind has failed. */
  failed: Record<string, number>
  descriptors: number
  /** Of the core, in use. */
  bytes: number
  buffers: number
}

const { WEATHER_SEED = '1', WEATHER_SPARED = '' } = process.env
const failed: Record<string, number> = {}
let oneIn = 0
let state = Number(WEATHER_SEED)

/** From the seed: mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** @param often of how many calls more than of the most frequent kinds */
function fails(kind: string, often = 1): boolean {
  if (oneIn === 0 || random() * oneIn >= often) return false
  failed[kind] = (failed[kind] ?? 0) + 1
  return true
}

function systemError(code: string, call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, ${call}`), { code, syscall: call })
}

// biome-ignore lint/suspicious/noExplicitAny: what Node has below its modules is not typed
type Handle = any
const binding = (name: string): Handle => (process as Handle).binding(name)
const { TCP } = binding('tcp_wrap')
const { Process } = binding('process_wrap')
const { UV_EMFILE, UV_ECONNREFUSED, UV_ECONNRESET, UV_EAGAIN, UV_ENOMEM } = binding('uv')

/** Puts another function in a function's place; it is given the old one. */
function replace(holder: Handle, name: string, by: (original: Handle) => Handle): void {
  holder[name] = by(holder[name])
}

replace(Process.prototype, 'spawn', original => {
  return function (this: Handle, ...args: unknown[]) {
    const codes = [UV_EMFILE, UV_EAGAIN, UV_ENOMEM]
    return fails('spawn', 4) ? codes[Math.floor(random() * codes.length)] : original.apply(this, args)
  }
})

for (const name of ['connect', 'connect6']) {
  replace(TCP.prototype, name, original => {
    return function (this: Handle, request: Handle, ...args: unknown[]) {
      if (!fails('connect')) return original.call(this, request, ...args)
      if (random() < 0.5) return UV_EMFILE
      setImmediate(() => request.oncomplete(UV_ECONNREFUSED, this, request, true, true))
      return 0
    }
  })
}

for (const name of ['writeBuffer', 'writev', 'writeUtf8String', 'writeLatin1String']) {
  replace(TCP.prototype, name, original => {
    return function (this: Handle, ...args: unknown[]) {
      return !isSpared(this) && fails('write') ? UV_ECONNRESET : original.apply(this, args)
    }
  })
}

/** What cannot be written is closed by an end, which a plain client would take for one. */
function isSpared(handle: Handle): boolean {
  const name: { port?: number } = {}
  handle.getsockname(name)
  return String(name.port) === WEATHER_SPARED
}

replace(TCP.prototype, 'listen', original => {
  return function (this: Handle, ...args: unknown[]) {
    const taken = this.onconnection
    this.onconnection = function (this: Handle, status: number, client: Handle) {
      if (!fails('accept')) return taken.call(this, status, client)
      client?.close()
      return taken.call(this, UV_EMFILE)
    }
    return original.apply(this, args)
  }
})

replace(dns, 'lookup', original => {
  return (name: string, options: unknown, done: (error: Error) => void) => {
    if (fails('lookup', 4)) return void setImmediate(done, systemError('EAI_AGAIN', `getaddrinfo ${name}`))
    return original(name, options, done)
  }
})

for (const name of ['openSync', 'readFileSync']) {
  replace(fs, name, original => (...args: unknown[]) => {
    if (fails('open', 20)) throw systemError('EMFILE', 'open')
    return original(...args)
  })
}

replace(fs, 'write', original => (...args: unknown[]) => {
  if (fails('write to a file', 4))
    return void setImmediate(args.at(-1) as (error: Error) => void, systemError('ENOSPC', 'write'))
  return original(...args)
})
syncBuiltinESMExports()

process.on('message', (order: Order) => {
  oneIn = order.oneIn
  const report: Report = {
    failed,
    descriptors: fs.readdirSync('/proc/self/fd').length,
    bytes: nodeCore().bytesInUse,
    buffers: nodeCore().buffersInUse,
  }
  process.send?.(report)
})
process.channel?.unref()
