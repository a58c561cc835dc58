import {
  type Answer,
  type Authorized,
  type ConnectOptions,
  clientOptions,
  type ServerOptions,
} from '../../channel/options.js'
import { badOption } from '../../engine/snapshot.js'
import { ChannelError } from '../../errors.js'
import type { SecureChannel } from '../channel.js'
import { open } from '../secure.js'
import { SocketCarrier, type WebSocketLike } from './socket-carrier.js'

/**
 * Opens a channel over a WebSocket: as `secure`, for a client.
 *
 * @param target a URL (`wss://…`), or a WebSocket, open or connecting
 * @throws as `secure`; ChannelError LINK_CLOSED where the WebSocket does not open
 */
export async function connectWebSocket(
  target: string | URL | WebSocketLike,
  options: ConnectOptions,
): Promise<SecureChannel> {
  if (typeof (target as WebSocketLike)?.send === 'function')
    return await overSocket(target as WebSocketLike, 'client', options)
  const read = clientOptions(options)
  return await overSocket(openSocket(target as string | URL), 'client', read)
}

/**
 * Opens a channel over a WebSocket that a server has accepted: as `secure`, for a server. Call it as soon as there is one, so that
 * no message is missed.
 *
 * @param socket Workers’ `WebSocketPair`, Deno’s `upgradeWebSocket`, one of the package `ws`, or what `bunWebSocket` gives
 */
export async function acceptWebSocket<A extends Answer = Answer>(
  socket: WebSocketLike,
  options: ServerOptions<A>,
): Promise<SecureChannel & Authorized<A>> {
  return (await overSocket(socket, 'server', options)) as SecureChannel & Authorized<A>
}

/** Listens at once: what comes while channel.wasm is loaded is not lost. */
function overSocket(socket: WebSocketLike, role: 'client' | 'server', options: unknown): Promise<SecureChannel> {
  return open(new SocketCarrier(checkSocket(socket)), role, options)
}

function openSocket(url: string | URL): WebSocketLike {
  const { WebSocket: Socket } = globalThis as { WebSocket?: typeof WebSocket }
  if (!Socket) {
    throw new ChannelError('USE_BAD_OPTION', 'this runtime has no WebSocket', {
      next: 'hand one in, such as `new WebSocket(url)` of the package ws',
    })
  }
  // Of this realm or another. What is no URL and no text is a socket that is none.
  if (typeof url !== 'string' && typeof url?.href !== 'string') return checkSocket(url as unknown as WebSocketLike)
  try {
    return new Socket(String(url)) as WebSocketLike
  } catch (cause) {
    throw Object.assign(badOption('url', url, 'one that starts with wss:// or ws://'), { cause })
  }
}

function checkSocket(socket: WebSocketLike): WebSocketLike {
  if (typeof socket?.send !== 'function' || typeof socket.addEventListener !== 'function') {
    throw badOption('socket', socket, 'a WebSocket')
  }
  return socket
}
