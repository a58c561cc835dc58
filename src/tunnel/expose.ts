import { HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { keep, type OptionTable } from '../engine/snapshot.js'
import { createServer, encodePublicKey, type SecureSocket, type ServeOptions } from '../node/index.js'
import { SERVE } from '../node/options.js'
import { readServe } from '../node/server.js'
import { guardListeners } from './guard.js'
import { exposeOne } from './join.js'
import { addressOf, listenAt, TunnelListener } from './listener.js'
import { LOOPBACK, PASS, type PassOptions, RETRY_MS, readPlace } from './options.js'
import { type PlainPlace, reachPlain } from './patience.js'
import type { TunnelEntry } from './tunnel.js'

/** What `expose` can be told: as of `createServer`, and how the service is reached. */
export type ExposeOptions = ServeOptions & PassOptions

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
): Promise<TunnelListener> {
  const asked = readServe(options, EXPOSE)
  const { retry = RETRY_MS, onEnd = () => {} } = asked
  const [place, target] = [readPlace('listen', listen), readPlace('service', service, LOOPBACK)]
  const server = createServer(keep<ServeOptions>(asked, { allowHalfOpen: true }), socket => {
    guardListeners(socket, error => void socket.destroy(error))
    tunnels.track(
      exposeOne(socket, 'path' in target, {
        reach: signal => reachPlain(target, { timeout: HANDSHAKE_TIMEOUT_MS, retry, signal }),
        facts: factsOf(socket),
        lifetime: 0,
        onEnd,
      }),
    )
  })
  const tunnels = new TunnelListener(server)
  await listenAt(server, place)
  return tunnels
}

/** As they are while it is open. */
function factsOf(socket: SecureSocket): () => Pick<TunnelEntry, 'peer' | 'name' | 'address'> {
  const { name } = (socket.authorization ?? {}) as { name?: unknown }
  const facts = {
    peer: encodePublicKey(socket.remotePublicKey),
    name: typeof name === 'string' ? name : null,
    address: addressOf(socket),
  }
  return () => facts
}

const EXPOSE: OptionTable = { ...SERVE, ...PASS }
