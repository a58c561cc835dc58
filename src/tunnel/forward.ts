import net from 'node:net'
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
import { guarded, guardListeners } from './guard.js'
import { forwardOne } from './join.js'
import { addressOf, listenAt, TunnelListener } from './listener.js'
import { LOOPBACK, PASS, type PassOptions, RETRY_MS, readPlace } from './options.js'
import { HIGH_WATER_MARK, type PlainPlace, retrying } from './patience.js'
import { acceptsPipes, reset } from './plain.js'

/** What `forward` can be told: as of `connect`, and how long it tries. */
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
  const { ours, nets } = readReusable(target, options, FORWARD)
  const { retry = RETRY_MS, onEnd = () => {}, signal } = ours
  const place = readPlace('listen', listen, LOOPBACK)
  const asked = { ours: keep<Asked['ours']>(ours, { allowHalfOpen: true }), nets }
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
  heed(server, signal, () => void (server.listening && server.close()))
  await listenAt(server, place)
  return tunnels
}

function reachServer(asked: Asked, retry: number, signal: AbortSignal): Promise<SecureSocket> {
  const { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS } = asked.ours
  return retrying({ timeout, retry, signal }, () => secureConnected(startSocket(asked)))
}

const FORWARD: OptionTable = { ...CONNECT, ...PASS }
