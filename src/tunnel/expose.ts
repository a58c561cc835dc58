import type net from 'node:net'
import { HANDSHAKE_TIMEOUT_MS, LONGEST_TIMER } from '../channel/options.js'
import { integer, keep, type OptionTable, oneOf } from '../engine/snapshot.js'
import type { SecureSocket, ServeOptions } from '../node/index.js'
import { SERVE } from '../node/options.js'
import { heed, readServe } from '../node/server.js'
import { ChannelListener, whoIs } from './channel-listener.js'
import { FAILED, guardListeners } from './guard.js'
import { exposeOne } from './join.js'
import { ExposeListener, listenAt } from './listener.js'
import { ALIVE, LOOPBACK, PASS, type PassOptions, passOf, readPlace } from './options.js'
import { type PlainPlace, reachPlain } from './patience.js'
import { proxyHeader } from './proxy.js'
import { probePlain, Reachability } from './reachability.js'
import { reasonOf } from './splice.js'

/**
 * What `expose` can be told: as of `createServer`, and how the service is reached. Of a channel’s options other defaults hold: `heartbeat`
 * 10,000, `keepAlive` true, `keepAliveInitialDelay` 60,000; both of the latter are the service’s connections’, too.
 */
export type ExposeOptions = ServeOptions &
  PassOptions & {
    /** How long one attempt to connect to the service may take, in ms: default 10,000; 0 is no limit. */
    connectTimeout?: number
    /** Tells the service where each client comes from, and its public key as the TLV 0xE0, by the PROXY protocol’s version 2. */
    proxyProtocol?: 'v2'
  }

/**
 * Channels in, plain connections out, as `nopki expose`: puts a service behind a key. Each channel gets a connection of its own to the
 * service. An end of one direction is passed on, and the other goes on; what is cut is told to the client by an alert.
 *
 * @param listen a port (of all addresses; 0: a free one), or host and port, or the path of a Unix socket
 * @param service where it is: a port of the loopback, or host and port, or the path of a Unix socket. What goes there is not encrypted
 * @param options as of `createServer`
 * @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION; the system’s error where it cannot listen
 */
export async function expose(
  listen: number | PlainPlace,
  service: number | PlainPlace,
  options: ExposeOptions,
): Promise<ExposeListener> {
  const given = readServe(options, EXPOSE)
  const asked = keep<ExposeOptions>(ALIVE, given, { allowHalfOpen: true })
  const { connectTimeout = HANDSHAKE_TIMEOUT_MS, keepAlive = false, keepAliveInitialDelay, proxyProtocol } = asked
  const { retry, lifetime, limits, onEnd, onRefused } = passOf(asked)
  const [place, target] = [readPlace('listen', listen), readPlace('service', service, LOOPBACK)]
  const reachability = new Reachability(() =>
    probePlain(connectTimeout, timeout => reachPlain(target, { timeout, retry: 0, signal: NEVER })),
  )
  const reach = async (socket: SecureSocket, signal: AbortSignal): Promise<net.Socket> => {
    const reached = reachPlain(target, { timeout: connectTimeout, retry, signal })
    const plain = (await reachability.learn(reached, signal)).setKeepAlive(keepAlive, keepAliveInitialDelay)
    if (proxyProtocol) plain.write(proxyHeader(socket))
    return plain
  }
  const channels = new ChannelListener(asked, limits, {
    closed: () => tunnels.closed,
    hold: live => tunnels.hold(live),
    refused: onRefused,
    fault: () => {},
    welcome(socket) {
      const facts = whoIs(socket)
      const tunnel = exposeOne(socket, 'path' in target, {
        reach: signal => reach(socket, signal),
        facts: () => facts,
        lifetime,
        onEnd,
      })
      tunnels.track(tunnel)
      guardListeners(socket, error => tunnel.end({ how: 'failed', detail: reasonOf(error) }, 1, FAILED))
    },
  })
  const tunnels = new ExposeListener(channels, reachability)
  heed(channels.server, asked.signal)
  await listenAt(channels.server, place)
  return tunnels
}

const NEVER = new AbortController().signal
const EXPOSE: OptionTable = {
  ...SERVE,
  ...PASS,
  connectTimeout: integer(0, LONGEST_TIMER),
  proxyProtocol: oneOf('v2'),
}
