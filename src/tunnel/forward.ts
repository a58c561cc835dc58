import net from 'node:net'
import { HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { badOption } from '../engine/snapshot.js'
import {
  type Asked,
  type ConnectTarget,
  type MoreOptions,
  readTarget,
  secureConnected,
  startSocket,
} from '../node/connect.js'
import type { SecureSocket } from '../node/index.js'
import { guarded, guardListeners } from './guard.js'
import { forwardOne } from './join.js'
import { addressOf, listenAt, placeOf, RETRY_MS, TunnelListener } from './listener.js'
import { HIGH_WATER_MARK, type PlainPlace, retrying } from './patience.js'
import { acceptsPipes, reset } from './plain.js'
import type { TunnelEntry } from './tunnel.js'

/** What `forward` can be told: as of `connect`, and how long it tries. */
export type ForwardOptions = MoreOptions & {
  /** How long to go on trying where the server refuses connections, in ms: default 5,000. */
  retry?: number
  /** Called when a connection is over, with how it ended. */
  onEnd?: (entry: TunnelEntry) => void
}

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
  const { retry = RETRY_MS, onEnd = () => {}, ...ours } = options
  const asked = readTarget(target, { ...ours, allowHalfOpen: true })
  if (asked.ours.stream)
    throw badOption('stream', asked.ours.stream, 'host and port, or path: each connection needs a new one')
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_MARK })
  const tunnels = new TunnelListener(server)
  server.on('connection', plain => {
    const fail = () => reset(plain)
    guardListeners(plain, fail)
    const reach = (signal: AbortSignal) => reachServer(asked, retry, signal)
    guarded(
      () =>
        tunnels.track(
          forwardOne(plain, acceptsPipes(server), { reach, address: addressOf(plain), lifetime: 0, onEnd }),
        ),
      fail,
    )
  })
  await listenAt(server, placeOf(listen))
  return tunnels
}

function reachServer(asked: Asked, retry: number, signal: AbortSignal): Promise<SecureSocket> {
  const { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS } = asked.ours
  return retrying({ timeout, retry, signal }, () => secureConnected(startSocket(asked)))
}
