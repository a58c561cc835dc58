import type http from 'node:http'
import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { badOption } from '../engine/snapshot.js'
import { createServer, heed, readServe, type SecureServer, type ServeOptions, standBehind } from '../node/server.js'
import type { SecureSocket } from '../node/socket.js'

/** Of node:http, and of node:http2 without TLS. */
export type HttpServer = net.Server & Partial<Pick<http.Server, 'closeAllConnections' | 'closeIdleConnections'>>

/**
 * Has a server of node:http (or of node:http2, made by its `createServer`) take channels in place of plain connections, whatever stands on
 * it: call it before `listen`. Its timeouts, `close` and `closeAllConnections` work as before. A request’s `socket` is the SecureSocket, with
 * `remotePublicKey` and `authorization`.
 *
 * The server gets the events of a SecureServer: 'secureConnection' with the socket, 'handshakeError' with the error and the transport of
 * a client that was not let in. `signal` closes it, too. It has `setKeyPairs` as a SecureServer has, for the next connections: requests of
 * those that are there go on.
 *
 * @param options as of `createServer`; those of net are the server’s own
 * @returns the same server
 * @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION
 */
export function serveHttp<T extends HttpServer>(
  server: T,
  options: ServeOptions,
): T & Pick<SecureServer, 'setKeyPairs'> {
  // The server’s own, which begin to speak HTTP.
  const listeners = ((server as T | undefined)?.listeners?.('connection') ?? []) as ((socket: SecureSocket) => void)[]
  // Such as an application of Express, which would make another server to listen: one without channels.
  if (listeners.length === 0)
    throw badOption('server', server, 'what http.createServer(app) returns, and call its listen')
  // A second time, its listeners would be those of the first: channels within channels.
  if ('setKeyPairs' in server) throw badOption('server', server, 'each server once: it takes channels already')
  const asked = readServe(options)
  let coming: SecureSocket | undefined
  const channels = createServer(asked, socket => {
    coming = socket
    server.emit('secureConnection', socket)
    coming = undefined
  })
  server.on('session', session => coming && introduce(session, coming))
  server.removeAllListeners('connection')
  for (const listener of listeners) server.on('secureConnection', listener)
  server.on('connection', (transport: Duplex) => channels.emit('connection', transport))
  channels.on('handshakeError', (error, transport) => void server.emit('handshakeError', error, transport))
  closePendingToo(server, channels)
  heed(server, asked.signal)
  standBehind(server, channels)
  return Object.assign(server, { setKeyPairs: (keys: ServerKeys) => channels.setKeyPairs(keys) })
}

type ServerKeys = Parameters<SecureServer['setKeyPairs']>[0]

/** A session of HTTP/2 wraps its socket, and begins within the event: what the wrapper does not pass on is set on it. */
function introduce({ socket }: { socket: object }, { remotePublicKey, authorization }: SecureSocket): void {
  Object.assign(socket, { remotePublicKey, authorization })
}

/** `close` waits for all connections, but has those closed first that are idle: such as of a client that has not come in yet. */
function closePendingToo(server: HttpServer, channels: SecureServer): void {
  const { close, closeAllConnections, closeIdleConnections } = server
  if (closeAllConnections) {
    server.closeAllConnections = () => {
      channels.dropPending()
      closeAllConnections.call(server as http.Server)
    }
  }
  if (closeIdleConnections) {
    server.closeIdleConnections = () => {
      channels.dropPending()
      closeIdleConnections.call(server as http.Server)
    }
    return
  }
  server.close = callback => {
    channels.dropPending()
    return close.call(server, callback)
  }
}
