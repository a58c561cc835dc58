// Opens sockets. A name’s addresses are tried side by side (RFC 8305): net.connect gives each of them up after 250 ms, and the last
// one’s error is all that it tells.

import dns, { type LookupAddress } from 'node:dns'
import net from 'node:net'
import { setImmediate } from 'node:timers'
import { abortError } from '../channel/failures.js'
import { withResolvers } from '../channel/resolvers.js'
import { bare } from '../keys/given.js'
import { reset } from './reset.js'

export interface ReachTimes {
  /** For looking the name up and connecting, in ms; 0 is no limit. */
  timeout: number
  /** What the promise rejects with then. */
  timedOut(): Error
  signal?: AbortSignal | undefined
  /** Gives the attempt up when the caller rejects it. An AbortController would cost as much as a stream. */
  over?: ReturnType<typeof withResolvers<never>>
}

/**
 * A connected socket.
 * @throws the system’s own error; of several addresses that all fail, an AggregateError with the first one’s code
 */
export async function openSocket(options: net.NetConnectOpts, times: ReachTimes): Promise<net.Socket> {
  const { timeout, timedOut, signal, over = withResolvers<never>() } = times
  if (signal?.aborted) throw abortError(signal)
  // It may come when nobody waits any more.
  over.promise.catch(() => {})
  const timer = timeout > 0 ? setTimeout(() => over.reject(timedOut()), timeout) : undefined
  const onAbort = () => over.reject(abortError(signal))
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const targets = namesOneAddress(options) ? [options] : await Promise.race([targetsOf(options), over.promise])
    return await firstToConnect(targets, over.promise)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Whether net.connect is told it as it is: there is no name, or the caller has chosen how to connect. */
function namesOneAddress(options: net.NetConnectOpts): options is net.IpcNetConnectOpts {
  if (!('port' in options)) return true
  const { host = 'localhost', family = 0, localAddress, autoSelectFamily = net.getDefaultAutoSelectFamily() } = options
  return net.isIP(host) !== 0 || localAddress !== undefined || !autoSelectFamily || family !== 0
}

/** What net.connect is to be told, one a address. */
async function targetsOf(options: net.TcpNetConnectOpts): Promise<net.NetConnectOpts[]> {
  const addresses = await lookUp(options)
  return byTurns(addresses).map(({ address, family }) => bare<net.NetConnectOpts>(options, { host: address, family }))
}

function lookUp(options: net.TcpNetConnectOpts): Promise<LookupAddress[]> {
  const { host = 'localhost', lookup = dns.lookup as net.LookupFunction, hints = 0 } = options
  return new Promise((resolve, reject) => {
    lookup(host, { hints, all: true }, (error, found, family = 0) => {
      if (error) return reject(error)
      resolve(typeof found === 'string' ? [{ address: found, family }] : found)
    })
  })
}

/** IPv4 and IPv6 in turn, beginning with what the system prefers: one of the two may lead nowhere. */
function byTurns(addresses: LookupAddress[]): LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family)
  return Array.from({ length: Math.max(first.length, others.length) }, (_, at) => [first[at], others[at]])
    .flat()
    .filter(it => it !== undefined)
}

/**
 * Begins with the next one after a short while, or when one has failed, and goes on with those that were begun.
 * @param over rejects when there is no more time
 */
function firstToConnect(targets: net.NetConnectOpts[], over: Promise<never>): Promise<net.Socket> {
  const attempts = new Set<net.Socket>()
  const errors: Error[] = []
  let begun = 0
  let timer: NodeJS.Timeout | undefined
  return new Promise<net.Socket>((resolve, reject) => {
    const begin = () => {
      clearTimeout(timer)
      const socket = net.connect(targets[begun++] as net.NetConnectOpts)
      attempts.add(socket)
      const onConnect = () => {
        socket.off('error', onError)
        attempts.delete(socket)
        begun = targets.length
        resolve(socket)
      }
      const onError = (error: Error) => {
        socket.off('connect', onConnect)
        attempts.delete(socket)
        errors.push(error)
        if (begun < targets.length) begin()
        else if (attempts.size === 0) reject(together(errors))
      }
      socket.once('connect', onConnect)
      socket.once('error', onError)
      if (begun < targets.length) timer = setTimeout(begin, NEXT_MS)
    }
    over.catch(reject)
    begin()
  }).finally(() => {
    clearTimeout(timer)
    // One that fails yet has no next one tried.
    begun = targets.length
    for (const socket of attempts) giveUp(socket)
  })
}

/**
 * The system may have connected it, and the peer have taken it, before this process knows: to end it then would be an end that nobody has
 * meant. So it is reset, if that is found in the turn behind this one.
 */
function giveUp(socket: net.Socket): void {
  socket.on('error', () => {})
  socket.once('connect', () => reset(socket))
  setImmediate(() => setImmediate(() => socket.destroy()))
}

function together(errors: Error[]): Error {
  const [first = new Error('the name has no address')] = errors
  if (errors.length < 2) return first
  const message = [...new Set(errors.map(it => it.message))].join('; ')
  return Object.assign(new AggregateError(errors, message), { code: (first as NodeJS.ErrnoException).code })
}

// As RFC 8305, section 5, and Node have it.
const NEXT_MS = 250
