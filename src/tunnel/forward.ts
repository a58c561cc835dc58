import type net from 'node:net'
import { HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { keep, type OptionTable } from '../engine/snapshot.js'
import {
  type Asked,
  type ConnectTarget,
  type MoreOptions,
  readReusable,
  secureConnected,
  startSocket,
} from '../node/connect.js'
import type { SecureSocket } from '../node/index.js'
import { CONNECT } from '../node/options.js'
import { heed } from '../node/server.js'
import { forwardOne } from './join.js'
import { Counter } from './limits.js'
import { listenAt, TunnelListener } from './listener.js'
import { ALIVE, LOOPBACK, PASS, type PassOptions, passOf, readPlace } from './options.js'
import { type PlainPlace, retrying } from './patience.js'
import { plainListener } from './plain-listener.js'
import { probeChannel, Reachability } from './reachability.js'

/**
 * What `forward` can be told: as of `connect`, where `handshakeTimeout` is for one attempt, and how connections are taken. Of a channel’s
 * options other defaults hold: `heartbeat` 10,000, `keepAlive` true, `keepAliveInitialDelay` 60,000; both of the latter are the plain
 * connections’, too.
 */
export type ForwardOptions = MoreOptions & PassOptions

/**
 * Plain connections in, channels out, as `nopki forward`: a driver that takes a host and a port, and no socket, is given the port of this
 * one. Each connection gets a channel of its own. An end of one direction is passed on, and the other goes on; what is cut, or refused, is
 * a reset.
 *
 * @param listen a port of the loopback (0: a free one), or host and port, or the path of a Unix socket. Whoever reaches it uses your key
 * @param target as of `connect`, but for `stream`
 * @throws ChannelError USE_* for wrong options; the system’s error where it cannot listen
 */
export async function forward(
  listen: number | PlainPlace,
  target: string | ConnectTarget,
  options: ForwardOptions = {},
): Promise<TunnelListener> {
  const asked = readReusable(target, options, FORWARD)
  const ours = keep<typeof asked.ours>(ALIVE, asked.ours, { allowHalfOpen: true })
  const { signal, handshakeTimeout = HANDSHAKE_TIMEOUT_MS, keepAlive = false, keepAliveInitialDelay = 0 } = ours
  const { retry, lifetime, limits, onEnd, onRefused } = passOf(ours)
  const place = readPlace('listen', listen, LOOPBACK)
  const dial = (timeout: number) =>
    secureConnected(startSocket({ ...asked, ours: keep<Asked['ours']>(ours, { handshakeTimeout: timeout }) }))
  const reachability = new Reachability(() => probeChannel(handshakeTimeout, dial))
  const reach = (signal: AbortSignal): Promise<SecureSocket> => {
    const patience = { timeout: handshakeTimeout, retry, signal }
    return reachability.learn(
      retrying(patience, () => dial(handshakeTimeout)),
      signal,
    )
  }
  const counter = new Counter(limits)
  const server = plainListener({ keepAlive, keepAliveInitialDelay }, counter, {
    take: (plain: net.Socket, pipe, address) =>
      tunnels.track(forwardOne(plain, pipe, { reach, address, lifetime, onEnd })),
    refused: onRefused,
    fault: () => {},
  })
  const tunnels = new TunnelListener(server, counter, reachability)
  heed(server, signal)
  await listenAt(server, place)
  return tunnels
}

const FORWARD: OptionTable = { ...CONNECT, ...PASS }
