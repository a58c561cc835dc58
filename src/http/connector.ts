import type net from 'node:net'
import { type OptionTable, yesOrNo } from '../engine/snapshot.js'
import { type ConnectTarget, type MoreOptions, readReusable, startSocket } from '../node/connect.js'
import { CONNECT } from '../node/options.js'
import { socketsWith, UNDICI_CODES } from './border.js'

/** What a connector for undici can be told, besides what `connect` takes. */
export type ConnectorOptions = MoreOptions & {
  /** Whether the server speaks HTTP/2, which undici learns from TLS otherwise. It needs undici’s `allowH2` too. Default false. */
  http2?: boolean
}

/** What undici’s Client, Pool, Agent and others take as their `connect`. */
export type Connector = (options: unknown, callback: (...result: [null, net.Socket] | [Error, null]) => void) => void

/**
 * Connects undici’s dispatchers, and with them its `fetch`, by channels to one server, whatever the request’s address names.
 *
 * A channel that breaks off is the request’s error UND_ERR_SOCKET, and one that takes too long to be made UND_ERR_CONNECT_TIMEOUT, with the
 * channel’s own error as the cause. Others, such as PEER_NOT_AUTHORIZED, stay.
 *
 * @param target as of `connect`, but for `stream`
 * @throws ChannelError USE_* for wrong options
 */
export function createConnector(address: string, options?: ConnectorOptions): Connector
export function createConnector(target: ConnectTarget, options?: ConnectorOptions): Connector
export function createConnector(target: string | ConnectTarget, options: ConnectorOptions = {}): Connector {
  const asked = readReusable(target, options, CONNECTOR)
  return (_, callback) => {
    const socket = startSocket(asked, UndiciSocket)
    if (asked.ours.http2) Object.assign(socket, { alpnProtocol: 'h2' })
    const onError = (error: Error) => callback(error, null)
    socket.once('error', onError)
    socket.once('secureConnect', () => {
      // With `exactOptionalPropertyTypes`, an address that is undefined is none of net.Socket’s.
      callback(null, socket as unknown as net.Socket)
      socket.off('error', onError)
    })
  }
}

const UndiciSocket = socketsWith(UNDICI_CODES)
const CONNECTOR: OptionTable = { ...CONNECT, http2: yesOrNo }
