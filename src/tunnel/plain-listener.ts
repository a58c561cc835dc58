import net from 'node:net'
import { reset } from '../node/reset.js'
import { addressOf } from './address.js'
import { guarded, guardListeners } from './guard.js'
import type { Counter } from './limits.js'
import { HIGH_WATER_MARK } from './patience.js'
import { acceptsPipes } from './plain.js'
import { refusedEntry, type TunnelEntry } from './tunnel.js'

export interface PlainHooks {
  /** Takes a connection over. What it throws resets it. @param pipe whether it is a Unix socket */
  take(plain: net.Socket, pipe: boolean, address: string): void
  refused(entry: TunnelEntry): void
  /** Something was thrown in the handling of a connection, which it ends. */
  fault(error: unknown): void
}

/** TCP’s own keep-alive, as net.createServer takes it. */
export interface KeepAlive {
  keepAlive: boolean
  keepAliveInitialDelay: number
}

/** A server where plain connections come in: within limits. */
export function plainListener(keepAlive: KeepAlive, counter: Counter, hooks: PlainHooks): net.Server {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, ...keepAlive, highWaterMark: HIGH_WATER_MARK })
  const admit = (plain: net.Socket) => {
    const address = addressOf(plain)
    const detail = counter.admit(plain)
    if (detail === undefined) return hooks.take(plain, acceptsPipes(server), address)
    plain.on('error', () => {})
    reset(plain)
    hooks.refused(refusedEntry({ how: 'limit', detail, address }))
  }
  return server.on('connection', plain => {
    const fail = (error: Error) => {
      hooks.fault(error)
      reset(plain)
    }
    guardListeners(plain, fail)
    guarded(() => admit(plain), fail)
  })
}
